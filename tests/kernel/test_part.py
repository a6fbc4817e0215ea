"""A volume's part cannot be exchanged under the OCI runtime."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

SCRIPT = """
import os, pathlib, sys
from seaway.runtime.part import pinned
top, place = map(pathlib.Path, sys.argv[1:])
with pinned(top / "volume", "in", place) as seen:
    (top / "volume/in").rename(top / "volume/old")
    (top / "volume/in").symlink_to(top / "secret")
    print(sorted(os.listdir(seen)))
assert not place.exists()
with pinned(top / "volume", "old/file", place) as seen:
    print(open(seen).read())
try:
    with pinned(top / "volume", "in", place):
        print("led out")
except OSError as error:
    print(error.strerror)
assert not place.exists()
"""


def test_the_part_stays_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "volume/in").mkdir(parents=True)
    (tmp_path / "volume/in/file").write_text("mine")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("theirs")
    done = subprocess.run(
        ["unshare", "-m", "--", sys.executable, "-c", SCRIPT, tmp_path, tmp_path / "parts/x"],
        capture_output=True, text=True, timeout=30, env={**os.environ},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["['file']", "mine", "No such file or directory"], done.stderr
