"""Images: what a bad archive, a failing tool, a full disk and a kill at any moment leave."""

import asyncio
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seaway.errors import Failure, InvalidInput
from seaway.runtime.images import Images
from tests.unit.runtime.image_kit import (
    ABOVE,
    BASE,
    blobs,
    docker_archive,
    load,
    pieces,
    run,
    tarred,
)

pytestmark = pytest.mark.root


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    found = Images(tmp_path / "images")
    await found.open()
    yield found
    assert not list((tmp_path / "images/tmp").iterdir()), "something half-made was left"


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


def until_written(file: Path) -> None:
    for _ in range(500):
        if file.exists() and file.read_text():
            return
        time.sleep(0.01)
    pytest.fail(f"{file} was not written")


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
