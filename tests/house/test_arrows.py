"""Arrows point down, and a dangerous library has one door."""

import re
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, python_files

_THINKING = ("drivers", "firewall", "model")
_THINKING_FILES = (
    "ports/choose.py",
    "ipam/pools.py",
    "ipam/addresses.py",
    "dns/zone.py",
    "dns/decide.py",
    "datapath/reconcile.py",
    "datapath/resources.py",
)
_ACTING = {"os", "socket", "subprocess", "asyncio", "threading", "time", "random", "pyroute2", "ctypes"}
_DOORS = {
    "pyroute2": r"datapath/(rtnetlink\w*|monitor|netns)\.py",
    "subprocess": r"(datapath/(process|nft\w*)|lab/process|runtime/\w+)\.py",
    "ctypes": r"(datapath/(netns|nft\w*)|runtime/\w+)\.py",
}


def _imports(path: Path) -> set[str]:
    text = (ROOT / path).read_text()
    return {m.split(".")[0] for m in re.findall(r"^\s*(?:import|from)\s+([\w.]+)", text, re.M)}


def _inner(path: Path) -> str:
    return path.relative_to("src/seaway").as_posix()


def test_the_arrows_of_the_rooms() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_thinking_does_nothing() -> None:
    for path in python_files("src"):
        inner = _inner(path)
        if inner.split("/")[0] in _THINKING or inner in _THINKING_FILES:
            assert not _imports(path) & _ACTING, f"{path} thinks, and imports {_imports(path) & _ACTING}"


def test_dangerous_libraries_have_one_door() -> None:
    for path in python_files("src"):
        for library, doors in _DOORS.items():
            if library in _imports(path):
                assert re.fullmatch(doors, _inner(path)), f"{path} imports {library}"


def test_the_command_line_speaks_only_http() -> None:
    allowed = re.compile(
        r"^\s*(?:from|import)\s+seaway\.(cli|model|errors|daemon)\b|^(?!\s*(from|import) seaway)"
    )
    for path in python_files("src"):
        if _inner(path).startswith("cli/"):
            for line in (ROOT / path).read_text().splitlines():
                assert allowed.match(line), f"{path}: {line.strip()}"
