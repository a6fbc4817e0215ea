"""A part of a directory, held fast for the OCI runtime by a mount that no symbolic link can lead astray."""

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seaway.runtime.inroot import open_in_root, rooted

_BIND, _REC = 0x1000, 0x4000
_MNT_DETACH, _NOFOLLOW = 2, 8

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def pinned(root: str | Path, part: str, place: Path) -> Iterator[str]:
    """``part`` of the directory ``root`` seen at ``place`` while the block lasts; the path of that place.

    By path alone, whoever may write in the directory could exchange the part for a link to elsewhere
    before the OCI runtime looks. Raises OSError when there is no such part, or it cannot be mounted.
    """
    _release(place)
    with rooted(root) as top:
        descriptor = open_in_root(top, part, os.O_PATH)
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            place.mkdir()
        else:
            place.touch()
        source = os.fsencode(f"/proc/self/fd/{descriptor}")
        flags = ctypes.c_ulong(_BIND | _REC)
        if _libc.mount(source, os.fsencode(place), b"", flags, None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(place))
        yield str(place)
    finally:
        os.close(descriptor)
        _release(place)


def _release(place: Path) -> None:
    _libc.umount2(os.fsencode(place), _MNT_DETACH | _NOFOLLOW)
    with suppress(FileNotFoundError):
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        else:
            place.unlink()
