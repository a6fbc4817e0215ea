"""Containers' root file systems: what is written stays apart, and nothing of it is left behind."""

import errno
import os
import stat
from pathlib import Path

import pytest

from seaway.errors import RuntimeFailed
from seaway.runtime import rootfs as room
from seaway.runtime.rootfs import Rootfs

pytestmark = pytest.mark.root


@pytest.fixture
def lower(tmp_path: Path) -> Path:
    image = tmp_path / "image"
    (image / "etc").mkdir(parents=True)
    (image / "etc/passwd").write_text("root\n")
    os.link(image / "etc/passwd", image / "etc/same")
    (image / "etc/link").symlink_to("passwd")
    os.mknod(image / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(image / "pipe")
    os.chown(image / "etc/passwd", 7, 8)
    os.chmod(image / "etc/passwd", 0o4755)
    os.setxattr(image / "etc/passwd", "user.mark", b"1")
    image.chmod(0o755)
    return image


@pytest.fixture
def roots(tmp_path: Path):
    found = Rootfs(tmp_path / "containers")
    yield found
    for name in ("a", "b"):
        found.remove(name)
    assert not any(str(tmp_path) in line for line in Path("/proc/self/mounts").read_text().splitlines())
    assert not any((tmp_path / "containers").glob("*"))


def test_two_containers_write_apart_and_keep_it(roots: Rootfs, lower: Path) -> None:
    first, second = Path(roots.mount("a", str(lower))), Path(roots.mount("b", str(lower)))
    assert stat.S_IMODE(first.stat().st_mode) == 0o755
    (first / "etc/passwd").write_text("changed\n")
    (first / "new").write_text("x")
    assert (second / "etc/passwd").read_text() == (lower / "etc/passwd").read_text() == "root\n"
    assert roots.path("a") == str(first) == roots.mount("a", str(lower))
    assert sorted(p.name for p in roots.upper("a").iterdir()) == ["etc", "new"]
    assert roots.lower("a") == str(lower)
    roots.unmount("a")
    roots.unmount("a")
    assert not (first / "new").exists()
    assert (Path(roots.mount("a", str(lower))) / "new").read_text() == "x"


def test_a_held_mount_goes_away_all_the_same(roots: Rootfs, lower: Path) -> None:
    merged = Path(roots.mount("a", str(lower)))
    with (merged / "held").open("w") as held:
        roots.unmount("a")
        assert not os.path.ismount(merged)
        held.write("still works")


@pytest.mark.parametrize("name", ["with,comma:colon", "back\\slash", "long" * 60])
def test_awkward_and_long_paths(
    tmp_path: Path, lower: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.startswith("long"):
        monkeypatch.setattr(room, "_OPTIONS_LIMIT", 100)
    roots = Rootfs(tmp_path / name)
    merged = Path(roots.mount("a", str(lower)))
    assert os.path.ismount(merged) and (merged / "etc/passwd").exists()
    roots.remove("a")
    assert not merged.exists()


def test_refused_overlay_gives_a_faithful_copy(
    roots: Rootfs, lower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(room, "_overlay", refuse)
    merged = Path(roots.mount("a", str(lower)))
    status = (merged / "etc/passwd").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o4755, 7, 8)
    assert status.st_nlink == 2 and status.st_ino == (merged / "etc/same").stat().st_ino
    assert os.getxattr(merged / "etc/passwd", "user.mark") == b"1"
    assert os.readlink(merged / "etc/link") == "passwd"
    assert (merged / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((merged / "pipe").stat().st_mode)
    (merged / "etc/passwd").write_text("mine")
    assert (lower / "etc/passwd").read_text() == "root\n"
    assert roots.upper("a") is None
    roots.unmount("a")
    assert (Path(roots.mount("a", str(lower))) / "etc/passwd").read_text() == "mine"


def test_a_copy_cut_off_half_way_is_made_anew(
    roots: Rootfs, lower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = roots.root / "a"
    (home / "merged").mkdir(parents=True)
    (home / "merged/half").touch()
    (home / "copy.part").mkdir()
    monkeypatch.setattr(room, "_overlay", lambda *_: (_ for _ in ()).throw(OSError(errno.ENODEV, "no")))
    merged = Path(roots.mount("a", str(lower)))
    assert not (merged / "half").exists() and (merged / "etc/passwd").exists()


def test_real_faults_are_told(
    roots: Rootfs, tmp_path: Path, lower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeFailed, match="no image root at"):
        roots.mount("a", str(tmp_path / "absent"))
    monkeypatch.setattr(
        room, "_overlay", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOMEM, "no memory"))
    )
    with pytest.raises(RuntimeFailed, match="no memory"):
        roots.mount("a", str(lower))
