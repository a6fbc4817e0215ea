"""Bytes below a directory."""

from pathlib import Path

from seaway.runtime.usage import bytes_below


def test_each_file_counts_once_and_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/one").write_bytes(bytes(1000))
    (tmp_path / "a/b/two").write_bytes(bytes(30))
    (tmp_path / "a/again").hardlink_to(tmp_path / "a/one")
    (tmp_path / "out").write_bytes(bytes(5000))
    link = tmp_path / "a/link"
    link.symlink_to(tmp_path)
    assert bytes_below(tmp_path / "a") == 1030 + link.lstat().st_size


def test_nothing_takes_nothing(tmp_path: Path) -> None:
    assert bytes_below(tmp_path / "nowhere") == 0
