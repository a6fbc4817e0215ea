"""Opening paths inside a container's root so that no symbolic link leads out of it (openat2)."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OPENAT2 = 437
"""The system call's number; the same on every architecture."""
_IN_ROOT = 0x10
_NO_MAGICLINKS = 0x02

_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_in_root(root: int, path: str, flags: int, mode: int = 0) -> int:
    """A descriptor for ``path`` as a process chrooted to the directory ``root`` would find it.

    Raises OSError with the kernel's number.
    """
    how = _How(flags | os.O_CLOEXEC, mode, _IN_ROOT | _NO_MAGICLINKS)
    fd = _libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(root),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(fd)


@contextmanager
def rooted(root: str | Path) -> Iterator[int]:
    """A descriptor of a root directory, for the other functions here."""
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def read_text(root: str | Path, path: str) -> str:
    """A text file of the container; empty when there is none, or it is no regular file."""
    with suppress(OSError), rooted(root) as top:
        fd = open_in_root(top, path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(fd, encoding="utf-8", errors="replace") as file:
            return file.read()
    return ""
