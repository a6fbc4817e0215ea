"""Images from a registry of the test's own, told as Docker tells it."""

import asyncio
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import Failure, InvalidInput, NotFound
from seaway.runtime.image_tools import Tools
from seaway.runtime.images import Images
from tests.unit.runtime.image_kit import (
    ABOVE,
    BASE,
    docker_archive,
    identity,
    nobody,
    told,
)

pytestmark = pytest.mark.root


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    found = Images(tmp_path / "images")
    await found.open()
    yield found
    assert not list((tmp_path / "images/tmp").iterdir()), "something half-made was left"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry of our own on a loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen(
        ("docker-registry", "serve", config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def push(tmp_path: Path, data: bytes, target: str) -> None:
    (tmp_path / "push.tar").write_bytes(data)
    argv = ("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false")
    subprocess.run(
        (*argv, f"docker-archive:{tmp_path}/push.tar:x:1", f"docker://{target}"),
        check=True,
        capture_output=True,
    )


async def test_pull_as_docker_tells_it(images: Images, registry: str, tmp_path: Path) -> None:
    push(tmp_path, docker_archive(([BASE, ABOVE], ["x:1"]), Cmd=["sh"]), f"{registry}/lib/box:9")
    name = f"{registry}/lib/box"
    steps = await told(images.pull(name, "9", None, ""))
    assert steps[0] == {"status": "Pulling from lib/box", "id": "9"}
    assert [s["status"] for s in steps[1:-2]].count("Pull complete") == 2
    assert [s["status"] for s in steps[1:-2]].count("Download complete") == 2
    assert [s["status"] for s in steps[1:-2]].count("Pulling fs layer") == 2
    assert all(len(s["id"]) == 12 and s["progressDetail"] == {} for s in steps[1:-2])
    digest = steps[-2]["status"].removeprefix("Digest: ")
    assert steps[-1] == {"status": f"Status: Downloaded newer image for {name}:9"}
    image = await images.get(f"{name}:9")
    assert image.id == identity([BASE, ABOVE], Cmd=["sh"])
    assert image.digests == (f"{name}@{digest}",)
    assert (await images.get(f"{name}@{digest}")).id == image.id
    again = await told(images.pull(f"{name}:9", "", {}, ""))
    assert again == [
        {"status": "Pulling from lib/box", "id": "9"},
        {"status": f"Digest: {digest}"},
        {"status": f"Status: Image is up to date for {name}:9"},
    ]
    exact = await told(images.pull(name, digest, None, ""))
    assert exact[-1] == {"status": f"Status: Image is up to date for {name}@{digest}"}
    gone = await images.remove(f"{name}:9", False, nobody)
    assert gone[:3] == [{"Untagged": f"{name}:9"}, {"Untagged": f"{name}@{digest}"}, {"Deleted": image.id}]


async def test_pull_of_what_is_here_under_another_tag(images: Images, registry: str, tmp_path: Path) -> None:
    data = docker_archive(([BASE], ["x:1"]))
    for tag in ("1", "2"):
        push(tmp_path, data, f"{registry}/lib/box:{tag}")
    steps = await told(images.pull(f"{registry}/lib/box", "1", None, ""))
    steps = await told(images.pull(f"{registry}/lib/box", "2", None, ""))
    assert [step["status"] for step in steps[1:-2]] == ["Already exists"]
    assert steps[-1]["status"].startswith("Status: Downloaded newer image")
    assert len((await images.get(f"{registry}/lib/box:2")).tags) == 2
    steps = await told(images.pull(f"{registry}/lib/box", "", None, ""))
    assert [s["id"] for s in steps if s["status"].startswith("Pulling from")] == ["1", "2"]


async def test_pull_through_a_mirror_of_the_hub(registry: str, tmp_path: Path) -> None:
    push(tmp_path, docker_archive(([BASE], ["x:1"])), f"{registry}/library/alpine:3.10")
    conf = tmp_path / "registries.conf"
    conf.write_text(
        f'[[registry]]\nlocation="docker.io"\n[[registry.mirror]]\nlocation="{registry}"\ninsecure=true\n'
    )
    images = Images(tmp_path / "images", registries=conf, mirrors=[("127.0.0.1:1", True), (registry, True)])
    await images.open()
    steps = await told(images.pull("docker.io/library/alpine", "3.10", {}, "linux/amd64"))
    assert steps[0] == {"status": "Pulling from library/alpine", "id": "3.10"}
    assert steps[-1] == {"status": "Status: Downloaded newer image for alpine:3.10"}
    digest = (await images.get("alpine:3.10")).digests[0]
    assert digest.startswith("alpine@sha256:")
    every = await told(images.pull("alpine", "", None, ""))
    assert every[0] == {"status": "Pulling from library/alpine", "id": "3.10"}
    said = await images.distribution("alpine:3.10", None)
    assert (f"alpine@{said.digest}", said.platforms) == (digest, ({"architecture": "amd64", "os": "linux"},))
    assert said.media_type.endswith("json") and said.size > 100


async def test_refusals_of_a_registry(images: Images, registry: str, tmp_path: Path) -> None:
    push(tmp_path, docker_archive(([BASE], ["x:1"])), f"{registry}/lib/box:9")
    name = f"{registry}/lib/box"
    with pytest.raises(NotFound, match=f"manifest for {name}:nope not found: manifest unknown"):
        await told(images.pull(name, "nope", None, ""))
    with pytest.raises(InvalidInput, match="is not a platform"):
        await told(images.pull(name, "9", None, "a/b/c/d"))
    with pytest.raises(InvalidInput, match="must be lowercase"):
        await told(images.pull("Big", "1", None, ""))
    begun = time.monotonic()
    with pytest.raises(Failure, match="connection refused"):
        await told(images.pull("127.0.0.1:1/x", "1", None, ""))
    assert time.monotonic() - begun < 15
    assert await images.list() == []


async def test_a_registry_that_says_nothing(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.runtime.image_registry.PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(Failure):
            await told(images.pull(f"127.0.0.1:{silent.getsockname()[1]}/x", "1", None, ""))
        assert time.monotonic() - begun < 5


async def test_credentials_reach_the_registry_and_no_command_line(tmp_path: Path) -> None:
    heard = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first != b"G":  # it tries TLS before plain HTTP
            writer.close()
            return
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="r"\r\n'
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    seen: list[str] = []
    started = Tools.started

    def spy(self: Tools, argv: Any, cwd: Path) -> Any:
        seen.extend(argv)
        assert stat.S_IMODE((cwd / "auth.json").stat().st_mode) == 0o600
        return started(self, argv, cwd)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    images = Images(tmp_path / "images")
    await images.open()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(NotFound, match="pull access denied for"):
        patch.setattr(Tools, "started", spy)
        auth = {"username": "me", "password": "secret-word"}
        await told(images.pull(f"127.0.0.1:{port}/x", "1", auth, ""))
    server.close()
    assert any(b"Authorization: Basic bWU6c2VjcmV0LXdvcmQ=" in request for request in heard)
    assert not any("secret-word" in word for word in seen)
