"""Control groups of a host's containers: when the host's power is cut, nobody inside removes them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

TREE = Path("/sys/fs/cgroup")


def parent(lab: str, host: str) -> str:
    """The group above all containers of a host."""
    return f"/seaway-lab/{lab}/{host}"


def thaw(group: str) -> None:
    """Let frozen processes below a group run: frozen ones cannot be killed."""
    for top in _tops(group):
        for place, _inner, files in os.walk(top):
            for name, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if name in files:
                    with contextlib.suppress(OSError):
                        Path(place, name).write_text(word)


def forget(group: str) -> None:
    """Remove a group with all below it in every hierarchy, and those above that are empty then."""
    for top in _tops(group):
        for place, _inner, _files in os.walk(top, topdown=False):
            _remove(Path(place))
        while top.parent.parent != top.parent and top.parent.is_relative_to(TREE) and _ours(top.parent):
            top = top.parent
            _remove(top)


def _tops(group: str) -> Iterator[Path]:
    """The group's directories: in the one hierarchy of version 2, or in each of version 1."""
    for tree in (TREE, *TREE.glob("*")):
        top = tree / group.strip("/")
        if top.is_dir():
            yield top


def _ours(place: Path) -> bool:
    return "seaway-lab" in place.parts


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        place.rmdir()
