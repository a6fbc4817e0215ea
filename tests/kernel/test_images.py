"""Images by skopeo and umoci: load, save, import, pull; what a crash, a bad archive, a full disk leave."""

import asyncio
import bz2
import gzip
import io
import json
import lzma
import os
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import Conflict, Failure, InvalidInput, NotFound
from seaway.runtime.image_tools import Tools
from seaway.runtime.images import Images
from tests.unit.runtime.image_kit import docker_archive, identity, pieces, sha, tarred

pytestmark = pytest.mark.root

BASE = tarred(
    {"bin": None, "bin/sh": b"#!", "etc": None, "etc/a": b"one", "etc/gone": b"x", "old": None, "old/f": b""}
)
ABOVE = tarred(
    {"etc/.wh.gone": b"", "etc/a": b"three", "old/.wh..wh..opq": b"", "old/g": b"gg", "link": "etc/a"}
)


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    found = Images(tmp_path / "images")
    await found.open()
    yield found
    assert not list((tmp_path / "images/tmp").iterdir()), "something half-made was left"


async def load(images: Images, data: bytes) -> str:
    return "".join([step["stream"] async for step in images.load(pieces(data))])


async def told(steps: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step async for step in steps]


def blobs(root: Path) -> set[str]:
    return {place.name for place in (root / "blobs/sha256").iterdir()}


def run(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


def until_written(file: Path) -> None:
    for _ in range(500):
        if file.exists() and file.read_text():
            return
        time.sleep(0.01)
    pytest.fail(f"{file} was not written")


def nobody(_: str) -> list[tuple[str, bool]]:
    return []


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress, bz2.compress, lzma.compress])
async def test_load_keeps_the_id_and_the_name(images: Images, squeeze: Any) -> None:
    data = docker_archive(([BASE, ABOVE], ["own/thing:2", "docker.io/library/other:3"]), Cmd=["sh"])
    assert await load(images, squeeze(data)) == "Loaded image: own/thing:2\nLoaded image: other:3\n"
    image = await images.get("other:3")
    assert image.id == identity([BASE, ABOVE], Cmd=["sh"])
    assert image.tags == ("other:3", "own/thing:2")
    assert image.config.cmd == ("sh",)
    assert image.size == len("#!") + len("one") + len("x") + len("three") + len("gg")
    assert [step["size"] for step in image.history] == [6, 7]


async def test_the_root_has_what_the_layers_say(images: Images) -> None:
    devices = io.BytesIO()
    with tarfile.open(fileobj=devices, mode="w") as tar:
        for name, kind in (("null", tarfile.CHRTYPE), ("hard", tarfile.LNKTYPE), ("suid", tarfile.REGTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.devmajor, info.devminor, info.linkname, info.mode = kind, 1, 3, "etc/a", 0o4711
            info.uid, info.gid = 7, 8
            if kind == tarfile.LNKTYPE:
                info.mode, info.uid, info.gid = 0o755, 0, 0
            tar.addfile(info)
    await load(images, docker_archive(([BASE, ABOVE, devices.getvalue()], ["a:1"])))
    root = await images.rootfs((await images.get("a:1")).id)
    assert (root / "etc/a").read_text() == (root / "link").read_text() == "three"
    assert not (root / "etc/gone").exists()
    assert [p.name for p in (root / "old").iterdir()] == ["g"]
    assert (root / "null").stat().st_rdev == os.makedev(1, 3)
    assert (root / "hard").stat().st_ino == (root / "etc/a").stat().st_ino
    status = (root / "suid").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o4711, 7, 8)


async def test_an_unnamed_image_and_a_name_that_moves(images: Images) -> None:
    assert await load(images, docker_archive(([BASE], []))) == f"Loaded image ID: {identity([BASE])}\n"
    await load(images, docker_archive(([BASE], ["a:1"])))
    said = await load(images, docker_archive(([BASE, ABOVE], ["a:1"])))
    assert f"renaming the old one with ID {identity([BASE])} to empty string" in said
    assert (await images.get("a:1")).id == identity([BASE, ABOVE])
    assert (await images.get(identity([BASE])[7:19])).tags == ()


async def test_what_was_saved_is_loaded_again(images: Images, tmp_path: Path) -> None:
    await load(images, docker_archive(([BASE], ["a:1", "a:2"]), ([BASE, ABOVE], ["b:1"])))
    saved = b"".join([piece async for piece in images.save(["a", "b:1", identity([BASE])])])
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
        assert [item["RepoTags"] for item in manifest] == [["a:1", "a:2"], ["b:1"]]
        for item in manifest:
            config = tar.extractfile(item["Config"])
            assert config and sha(config.read()) == item["Config"].removesuffix(".json")
        assert len([name for name in tar.getnames() if name.endswith("layer.tar")]) == 2
    other = Images(tmp_path / "other")
    await other.open()
    await load(other, saved)
    assert {image.id: image.tags for image in await other.list()} == {
        image.id: image.tags for image in await images.list()
    }
    (tmp_path / "saved.tar").write_bytes(saved)
    listed = run("skopeo", "list-tags", f"docker-archive:{tmp_path}/saved.tar")
    assert set(json.loads(listed)["Tags"]) == {"a:1", "a:2", "b:1"}
    with pytest.raises(NotFound, match="No such image: absent:latest"):
        await anext(aiter(images.save(["absent"])))


async def test_an_oci_archive(images: Images, tmp_path: Path) -> None:
    (tmp_path / "d.tar").write_bytes(docker_archive(([BASE, ABOVE], ["x:1"]), Cmd=["sh"]))
    for name in ("named:5", ""):
        target = f"oci-archive:{tmp_path}/o.tar:{name}".rstrip(":")
        run("skopeo", "--insecure-policy", "copy", f"docker-archive:{tmp_path}/d.tar", target)
        said = await load(images, gzip.compress((tmp_path / "o.tar").read_bytes()))
        assert said.startswith("Loaded image: named:5\n" if name else "Loaded image ID: sha256:")
        (tmp_path / "o.tar").unlink()
    [image] = await images.list()
    assert image.config.cmd == ("sh",)
    assert ((await images.rootfs(image.id)) / "etc/a").read_text() == "three"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        tarred({"some": b"file"}),
        tarred({"manifest.json": b"{"}),
        tarred({"manifest.json": b'[{"Config":"absent.json","RepoTags":["a:1"],"Layers":[]}]'}),
        tarred({"manifest.json": b'[{"Config":"x","RepoTags":["Not A Name"],"Layers":[]}]'}),
        tarred({"index.json": b'{"manifests":[{"digest":"../../etc/passwd"}]}', "oci-layout": b"{}"}),
        docker_archive(([b"no tar at all, yet long enough" * 50], ["a:1"])),
        docker_archive(([BASE], ["a:1"]))[:3000],
        docker_archive(([BASE], ["a:1"]), Cmd={"not": "a list"}),
        gzip.compress(docker_archive(([BASE], ["a:1"])))[:200],
    ],
)
async def test_a_bad_archive_leaves_nothing(images: Images, tmp_path: Path, data: bytes) -> None:
    with pytest.raises((InvalidInput, Failure)):
        await load(images, data)
    assert await images.list() == []
    assert blobs(tmp_path / "images") == set()
    assert not list((tmp_path / "images/rootfs").iterdir())


async def test_import_with_changes(images: Images) -> None:
    changes = ['CMD ["echo","hi"]', "ENV A=1", "EXPOSE 80/tcp"]
    image_id = await images.import_(pieces(gzip.compress(BASE)), "imp:1", "", "by hand", changes)
    image = await images.get("imp:1")
    assert image.id == image_id
    assert (image.comment, image.config.cmd, image.config.env) == ("by hand", ("echo", "hi"), ("A=1",))
    assert image.config.exposed_ports == {"80/tcp": {}}
    assert image.diff_ids == (f"sha256:{sha(BASE)}",)
    with pytest.raises(InvalidInput, match="RUN is not a valid change command"):
        await images.import_(pieces(BASE), "imp", "2", "", ["RUN x"])
    with pytest.raises(InvalidInput, match="invalid tar archive"):
        await images.import_(pieces(b"junk" * 1000), "imp", "2", "", [])
    assert [i.tags for i in await images.list()] == [("imp:1",)]
    assert await images.import_(pieces(BASE), "", "", "", []) in {i.id for i in await images.list()}


async def test_a_layer_upon_another_image(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), Env=["A=1"]))
    base = await images.get("a:1")
    child = await images.create_from_layer(
        pieces(ABOVE), base=base, config=base.config, repo="b", author="me", changes=["ENV B=2"]
    )
    image = await images.get("b:latest")
    assert (image.id, image.parent, image.author) == (child, base.id, "me")
    assert image.config.env == ("A=1", "B=2")
    assert [step["size"] for step in image.history] == [6, 7]
    assert ((await images.rootfs(child)) / "etc/a").read_text() == "three"
    with pytest.raises(Conflict, match=r"cannot be forced.* - image has dependent child images"):
        await images.remove(base.id, True, nobody)


async def test_remove_takes_blobs_and_root_only_when_nobody_else_has_them(
    images: Images, tmp_path: Path
) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), ([BASE, ABOVE], ["b:1"])))
    first, second = await images.get("a:1"), await images.get("b:1")
    assert await images.layers_size() == 13
    assert await images.remove("b:1", False, nobody) == [
        {"Untagged": "b:1"},
        {"Deleted": second.id},
        {"Deleted": "sha256:" + sha(f"{second.diff_ids[0]} {second.diff_ids[1]}".encode())},
    ]
    assert blobs(tmp_path / "images") == {first.id[7:], sha(BASE)}
    assert [p.name for p in (tmp_path / "images/rootfs").iterdir()] == [first.id[7:]]
    with pytest.raises(NotFound, match=r"^No such image: b:1$"):
        await images.get("b:1")


async def test_a_stopped_container_keeps_the_root_of_a_forced_away_image(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"])))
    image = await images.get("a:1")
    users = {image.id: [("c" * 64, False)]}
    with pytest.raises(Conflict, match='"a:1" \\(must force\\) - container cccccccccccc is using'):
        await images.remove("a:1", False, lambda i: users.get(i, []))
    gone = await images.remove("a:1", True, lambda i: users.get(i, []))
    assert gone == [{"Untagged": "a:1"}, {"Deleted": image.id}]
    root = await images.rootfs(image.id)
    assert (root / "etc/a").exists()
    await images.prune(True, nobody)
    assert not root.exists()
    with pytest.raises(NotFound):
        await images.rootfs(image.id)


async def test_prune(images: Images) -> None:
    await load(images, docker_archive(([BASE], ["a:1"]), ([BASE, ABOVE], []), ([ABOVE], ["used:1"])))
    used = (await images.get("used:1")).id
    users = {used: [("c" * 64, False)]}
    records, freed = await images.prune(True, lambda i: users.get(i, []))
    assert records[0] == {"Deleted": identity([BASE, ABOVE])} and freed == 7
    records, freed = await images.prune(False, lambda i: users.get(i, []))
    assert records[:2] == [{"Untagged": "a:1"}, {"Deleted": identity([BASE])}] and freed == 6
    assert [image.id for image in await images.list()] == [used]


async def test_many_callers_unpack_once(tmp_path: Path) -> None:
    await_first = Images(tmp_path / "images")
    await await_first.open()
    await load(await_first, docker_archive(([BASE], ["a:1"])))
    image = await await_first.get("a:1")
    await asyncio.to_thread(
        subprocess.run, ("rm", "-r", tmp_path / "images/rootfs" / image.id[7:]), check=True
    )
    count = tmp_path / "count"
    umoci = tmp_path / "umoci"
    umoci.write_text(f'#!/bin/sh\necho x >> {count}\nsleep 0.2\nexec umoci "$@"\n')
    umoci.chmod(0o755)
    images = Images(tmp_path / "images", umoci=str(umoci))
    await images.open()
    places = await asyncio.gather(*(images.rootfs(image.id) for _ in range(5)))
    assert len(set(places)) == 1 and (places[0] / "etc/a").exists()
    assert count.read_text() == "x\n"


async def test_a_cancelled_load_leaves_nothing(tmp_path: Path) -> None:
    skopeo = tmp_path / "skopeo"
    skopeo.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 30\n")
    skopeo.chmod(0o755)
    images = Images(tmp_path / "images", skopeo=str(skopeo))
    await images.open()
    task = asyncio.get_running_loop().create_task(load(images, docker_archive(([BASE], ["a:1"]))))
    await asyncio.to_thread(until_written, tmp_path / "pid")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert not list((tmp_path / "images/tmp").iterdir())


async def test_a_failing_tool_is_quoted_and_an_absent_one_named(tmp_path: Path) -> None:
    skopeo = tmp_path / "skopeo"
    skopeo.write_text('#!/bin/sh\necho \'time="x" level=fatal msg="it is \\"broken\\""\' >&2\nexit 1\n')
    skopeo.chmod(0o755)
    for program, words in ((str(skopeo), 'it is "broken"'), (str(tmp_path / "none"), "is not installed")):
        images = Images(tmp_path / "images", skopeo=program)
        await images.open()
        with pytest.raises(Failure, match=words):
            await load(images, docker_archive(([BASE], ["a:1"])))
        assert blobs(tmp_path / "images") == set()


async def test_a_full_disk(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place))
    try:
        images = Images(place / "images")
        await images.open()
        await load(images, docker_archive(([BASE], ["a:1"])))
        big = tarred({"big": os.urandom(1_200_000)})
        before = blobs(place / "images")
        for attempt in (
            load(images, docker_archive(([big], ["b:1"]))),
            images.import_(pieces(gzip.compress(tarred({"zeros": bytes(8_000_000)}))), "b", "1", "", []),
        ):
            with pytest.raises(Failure, match="no space left on device"):
                await attempt
            assert blobs(place / "images") == before
            assert not list((place / "images/tmp").iterdir())
        assert [image.tags for image in await images.list()] == [("a:1",)]
        await load(images, docker_archive(([ABOVE], ["c:1"])))
    finally:
        run("umount", str(place))


KILLED = """
import asyncio, sys
from pathlib import Path
from seaway.runtime.images import Images
from tests.unit.runtime.image_kit import pieces

async def main():
    images = Images(Path(sys.argv[1]))
    await images.open()
    print("go", flush=True)
    async for step in images.load(pieces(Path(sys.argv[2]).read_bytes())):
        pass
    print("done", flush=True)
    await asyncio.sleep(30)

asyncio.run(main())
"""


def load_and_kill(root: Path, archive: Path, after: float) -> None:
    process = subprocess.Popen(
        (sys.executable, "-c", KILLED, root, archive),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"src:{os.getcwd()}"},
    )
    assert process.stdout and process.stdout.readline() == b"go\n"
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def test_kill_at_any_moment(tmp_path: Path) -> None:
    layers = [tarred({f"file-{n}": os.urandom(300_000)}) for n in range(3)]
    data = docker_archive((layers[:1], ["a:1"]), (layers, ["b:1"]))
    (tmp_path / "archive.tar").write_bytes(data)
    seen: set[int] = set()
    for step in range(14):
        root = tmp_path / f"images-{step}"
        load_and_kill(root, tmp_path / "archive.tar", 0.02 * step)
        images = Images(root)
        await images.open()
        found = await images.list()
        seen.add(len(found))
        for image in found:
            assert image.tags
            place = await images.rootfs(image.id)
            assert (
                sum(f.stat().st_size for f in place.iterdir()) == image.size == 300_000 * len(image.diff_ids)
            )
        named = {name for image in found for name in (image.id[7:], *(d[7:] for d in image.diff_ids))}
        assert blobs(root) == named
        await load(images, data)
        assert [i.tags for i in sorted(await images.list(), key=lambda i: i.tags)] == [("a:1",), ("b:1",)]
    assert {0, 2} <= seen, "the moments were badly chosen"


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
    images = Images(tmp_path / "images", registries=conf)
    await images.open()
    steps = await told(images.pull("docker.io/library/alpine", "3.10", {}, "linux/amd64"))
    assert steps[0] == {"status": "Pulling from library/alpine", "id": "3.10"}
    assert steps[-1] == {"status": "Status: Downloaded newer image for alpine:3.10"}
    assert (await images.get("alpine:3.10")).digests[0].startswith("alpine@sha256:")


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
