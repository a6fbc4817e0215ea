"""Files of a running container: tars in and out with its volumes, and what it changed."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator

import pytest

from seaway.errors import NotFound
from seaway.runtime.archive import pack, stat_path, unpack
from seaway.runtime.changes import changes
from seaway.runtime.contract import ExecSpec
from tests.kernel.boxes import Yard, drain

pytestmark = pytest.mark.root


async def one(data: bytes) -> AsyncIterator[bytes]:
    yield data


def tar_with(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


async def test_running_container_is_seen_with_its_volumes(yard: Yard) -> None:
    volume = yard.tmp / "volume"
    volume.mkdir()
    (volume / "kept").write_text("in the volume\n")
    mount = {"Type": "volume", "Source": str(volume), "Destination": "/data", "RW": True}
    box, _ = await yard.up("sh", "-c", "ln -s / /tmp/up; echo ready; sleep 100", mounts=(mount,))
    async with asyncio.timeout(10):
        while b"ready" not in yard.runtime.log_path(box.container.id).read_bytes():
            await asyncio.sleep(0.01)
    root = yard.runtime.root(box.container.id)
    data = b"".join([piece async for piece in pack(root, "/data")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["data", "data/kept"]
    await unpack(root, "/tmp/up/data", one(tar_with("put", b"from here\n")))
    assert (volume / "put").read_text() == "from here\n"
    assert stat_path(root, "/data/put")["size"] == 10
    with pytest.raises(NotFound):
        stat_path(root, f"/tmp/up{volume}/kept")
    handle = await yard.runtime.exec_start(
        box.container.id, "e", ExecSpec(cmd=("cat", "/data/put")), box.container
    )
    assert (await drain(handle.console))[0] == b"from here\n"
    await handle.wait()


async def test_changes_of_a_real_overlay(yard: Yard) -> None:
    script = "rm /etc/group; rm -r /home; mkdir /home; touch /home/new;"
    script += "echo x >> /etc/passwd; mkdir -p /a/b; rm /bin/ls"
    box, born = await yard.up("sh", "-c", script, files={"/etc/hosts": "/etc/hosts"})
    assert (await yard.ended(box, born)).code == 0
    layers = yard.tmp / "roots" / box.container.id
    assert {(c["Path"], c["Kind"]) for c in changes(layers / "upper", yard.image)} == {
        ("/a", 1),
        ("/a/b", 1),
        ("/bin", 0),
        ("/bin/ls", 2),
        ("/etc", 0),
        ("/etc/group", 2),
        ("/etc/passwd", 0),
        ("/home", 0),
        ("/home/alice", 2),
        ("/home/new", 1),
    }


async def test_export_is_the_root_bare(yard: Yard) -> None:
    box, born = await yard.up("touch", "/root/mine")
    await yard.ended(box, born)
    data = b"".join([piece async for piece in pack(yard.runtime.root(box.container.id), "/", bare=True)])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        assert {"bin/busybox", "etc/passwd", "root/mine"} <= set(names)
        assert not any(name.startswith((".", "/")) or not name for name in names)
        assert tar.getmember("bin/ls").linkname == "busybox"
