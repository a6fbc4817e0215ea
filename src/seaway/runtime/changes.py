"""What a container changed in its root file system: Docker's ``diff``, read from overlayfs's upper layer."""

import os
import stat as kinds
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

MODIFIED, ADDED, DELETED = 0, 1, 2
"""Docker's ``Kind``."""

OPAQUE = "trusted.overlay.opaque"

OURS = ("/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/sbin/docker-init")
"""Places where we mount something; that the runtime made an empty one to mount on is no change."""


def changes(upper: str | Path, lower: str | Path) -> list[dict[str, Any]]:
    """``[{"Path": …, "Kind": 0 modified | 1 added | 2 deleted}, …]`` by path.

    ``upper`` is the writable layer and ``lower`` the image's unpacked root.
    """
    found = dict(_walk(str(upper), str(lower), ""))
    for path in list(found):
        # What changed below a directory of the image shows the directory as changed.
        while (path := os.path.dirname(path)) != "/":
            found.setdefault(path, MODIFIED)
    return [{"Path": path, "Kind": kind} for path, kind in sorted(found.items())]


def _walk(upper: str, lower: str, at: str) -> Iterator[tuple[str, int]]:
    for entry in os.scandir(upper + at):
        path = f"{at}/{entry.name}"
        status = entry.stat(follow_symlinks=False)
        before = _status(lower + path)
        if kinds.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            if before is not None:
                yield path, DELETED
            continue
        if before is None:
            if path not in OURS:
                yield path, ADDED
        elif not _same_folder(status, before):
            yield path, MODIFIED
        if kinds.S_ISDIR(status.st_mode):
            if before is not None and kinds.S_ISDIR(before.st_mode) and _opaque(upper + path):
                yield from _hidden(upper, lower, path)
            yield from _walk(upper, lower, path)


def _hidden(upper: str, lower: str, at: str) -> Iterator[tuple[str, int]]:
    """What an opaque directory hides of the image."""
    for name in os.listdir(lower + at):
        if not os.path.lexists(f"{upper}{at}/{name}"):
            yield f"{at}/{name}", DELETED


def _same_folder(now: os.stat_result, before: os.stat_result) -> bool:
    """A directory that is in the upper layer for what is in it only."""
    both = kinds.S_ISDIR(now.st_mode) and kinds.S_ISDIR(before.st_mode)
    return both and (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def _status(path: str) -> os.stat_result | None:
    with suppress(OSError):
        return os.lstat(path)
    return None


def _opaque(path: str) -> bool:
    with suppress(OSError):
        return os.getxattr(path, OPAQUE, follow_symlinks=False) == b"y"
    return False
