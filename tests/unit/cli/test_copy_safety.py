"""``seaway cp`` out of a container writes nowhere but where it was told to."""

import io
import tarfile
from pathlib import Path

import pytest

from seaway.cli.copy import _extract
from seaway.cli.failures import Failed


def _archive(*members: tuple[str, bytes, str]) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, link in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = kind, link, 0o4777
            tar.addfile(entry, io.BytesIO())
    buffer.seek(0)
    return tarfile.open(fileobj=buffer, mode="r|")


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", tarfile.REGTYPE, "")],
        [("link", tarfile.SYMTYPE, "{outside}"), ("link/evil", tarfile.REGTYPE, "")],
        [("evil", tarfile.LNKTYPE, "../secret")],
    ],
)
def test_nothing_is_written_outside(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    into, outside = tmp_path / "into", tmp_path / "outside"
    into.mkdir()
    outside.mkdir()
    (tmp_path / "secret").write_text("secret")
    filled = [(name, kind, link.format(outside=outside)) for name, kind, link in members]
    with _archive(*filled) as tar, pytest.raises(Failed, match="outside"):
        for member in tar:
            _extract(tar, member, into)
    assert not list(outside.iterdir())
    assert not (tmp_path / "evil").exists()
    assert not (into / "evil").exists()


def test_no_set_user_id_comes_along(tmp_path: Path) -> None:
    with _archive(("file", tarfile.REGTYPE, "")) as tar:
        for member in tar:
            _extract(tar, member, tmp_path)
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o755
