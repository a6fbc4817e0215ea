"""Tars into and out of a root: exact, and never out of it."""

import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seaway.errors import InvalidInput, NotFound
from seaway.runtime.archive import pack, stat_path, unpack


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A container's root, beside a secret that nobody inside may reach."""
    (tmp_path / "secret").write_text("host only")
    inside = tmp_path / "root"
    (inside / "etc/conf.d").mkdir(parents=True)
    (inside / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (inside / "etc/conf.d/a").write_bytes(os.urandom(700_000))
    (inside / "etc/abs").symlink_to("/etc/conf.d")
    (inside / "etc/up").symlink_to("../../../../secret")
    (inside / "out").symlink_to("../..")
    return inside


async def packed(root: Path, path: str, bare: bool = False) -> dict[str, tarfile.TarInfo]:
    data = b"".join([piece async for piece in pack(root, path, bare=bare)])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


async def stream(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def tar_of(*entries: tuple[str, str | bytes | None, int]) -> bytes:
    """Entries as (name, content | link target | None for a directory, mode); a str content is a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.mtime = mode, os.getuid(), os.getgid(), 1_000_000_000
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


async def test_a_directory_there_and_back(root: Path, tmp_path: Path) -> None:
    os.link(root / "etc/hosts", root / "etc/hosts2")
    os.mkfifo(root / "etc/pipe")
    (root / "etc" / ("n" * 200)).write_text("long name")
    data = b"".join([piece async for piece in pack(root, "/etc")])
    other = tmp_path / "other"
    other.mkdir()
    await unpack(other, "/", stream(data))
    assert sorted(os.listdir(other / "etc")) == sorted(os.listdir(root / "etc"))
    assert (other / "etc/conf.d/a").read_bytes() == (root / "etc/conf.d/a").read_bytes()
    assert (other / "etc/hosts").stat().st_ino == (other / "etc/hosts2").stat().st_ino
    assert os.readlink(other / "etc/up") == "../../../../secret"
    assert (other / "etc").stat().st_mtime == int((root / "etc").stat().st_mtime)


@pytest.mark.parametrize(
    ("path", "bare", "names"),
    [
        ("/etc/hosts", False, {"hosts"}),
        ("etc/conf.d", False, {"conf.d", "conf.d/a"}),
        ("/etc/conf.d/.", False, {".", "./a"}),
        ("/etc/abs", False, {"abs"}),
        ("/etc/abs/", False, {"abs", "abs/a"}),
        ("/etc/conf.d", True, {"a"}),
    ],
)
async def test_names_in_the_tar(root: Path, path: str, bare: bool, names: set[str]) -> None:
    assert set(await packed(root, path, bare)) == names


async def test_links_lead_nowhere_outside(root: Path) -> None:
    assert (await packed(root, "/etc/up"))["up"].issym()
    for path in ("/etc/up/", "/out/secret", "/../secret", "/nope"):
        with pytest.raises(NotFound, match="Could not find the file"):
            await packed(root, path)
    assert stat_path(root, "/out/etc/hosts")["size"] == 20


def test_stat(root: Path) -> None:
    os.chmod(root / "etc/conf.d", 0o1755)
    found = stat_path(root, "/etc/conf.d")
    assert (found["name"], found["mode"]) == ("conf.d", 1 << 31 | 1 << 20 | 0o755)
    link = stat_path(root, "/etc/abs")
    assert (link["mode"] & 1 << 27, link["linkTarget"]) == (1 << 27, "/etc/conf.d")
    assert stat_path(root, "/etc/up")["linkTarget"] == "/secret"
    assert stat_path(root, "/")["name"] == "/"


async def test_unpack_follows_links_inside_only(root: Path, tmp_path: Path) -> None:
    data = tar_of(("abs/new", b"x", 0o640), ("out2", "/", 0o777), ("out2/../../evil", b"y", 0o600))
    await unpack(root, "/etc", stream(data))
    assert (root / "etc/conf.d/new").read_text() == "x"
    assert (root / "etc/evil").read_text() == "y"
    await unpack(root, "/out", stream(tar_of(("made", b"z", 0o600), ("../../up", b"u", 0o600))))
    assert (root / "made").read_text() == "z" and (root / "up").read_text() == "u"
    assert sorted(os.listdir(tmp_path)) == ["root", "secret"]


async def test_a_link_in_the_tar_is_no_way_out(root: Path, tmp_path: Path) -> None:
    outside = str(tmp_path)
    await unpack(root, "/", stream(tar_of(("way", outside, 0o777))))
    with pytest.raises(InvalidInput, match="a link that leads nowhere"):
        await unpack(root, "/", stream(tar_of(("way/owned", b"!", 0o600))))
    assert sorted(os.listdir(tmp_path)) == ["root", "secret"]


async def test_modes_times_and_parents(root: Path) -> None:
    await unpack(root, "/", stream(tar_of(("a/b/c", b"x", 0o4750), ("d", None, 0o1777))))
    status = (root / "a/b/c").stat()
    assert (status.st_mode & 0o7777, int(status.st_mtime)) == (0o4750, 1_000_000_000)
    assert (root / "d").stat().st_mode & 0o7777 == 0o1777


async def test_overwriting(root: Path) -> None:
    over = tar_of(("hosts", None, 0o755), ("conf.d", b"file", 0o600))
    with pytest.raises(InvalidInput, match='cannot overwrite non-directory "hosts" with directory "hosts"'):
        await unpack(root, "/etc", stream(over), no_overwrite=True)
    await unpack(root, "/etc", stream(over))
    assert (root / "etc/hosts").is_dir() and (root / "etc/conf.d").read_text() == "file"
    await unpack(root, "/etc", stream(tar_of(("up", b"plain", 0o600))))
    assert not (root / "etc/up").is_symlink()


async def test_bad_places_and_bad_tars(root: Path) -> None:
    with pytest.raises(NotFound):
        await unpack(root, "/nowhere", stream(tar_of(("x", b"", 0o600))))
    with pytest.raises(InvalidInput, match="extraction point is not a directory"):
        await unpack(root, "/etc/hosts", stream(tar_of(("x", b"", 0o600))))
    with pytest.raises(InvalidInput, match="the archive cannot be read"):
        await unpack(root, "/", stream(b"no tar at all" * 100))
    with pytest.raises(InvalidInput, match="the archive cannot be read"):
        await unpack(root, "/", stream(tar_of(("big", bytes(50_000), 0o600))[:20_000]))


async def test_a_reader_that_stops_leaves_nothing_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    pieces = pack(root, "/etc")
    assert len(await anext(pieces)) > 0
    await pieces.aclose()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before
