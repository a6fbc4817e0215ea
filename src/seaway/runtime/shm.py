"""A /dev/shm that several containers share: a tmpfs of the host in the donor's bundle (IpcMode shareable)."""

import ctypes
import os
from pathlib import Path

from seaway.errors import RuntimeFailed

_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def make(path: Path, size: int) -> str:
    """Mount a tmpfs of ``size`` bytes at ``path``; returns the path. Raises RuntimeFailed."""
    path.mkdir(exist_ok=True)
    options = f"mode=1777,size={size}".encode()
    flags = ctypes.c_ulong(_NOSUID_NODEV_NOEXEC)
    if _libc.mount(b"shm", os.fsencode(path), b"tmpfs", flags, options):
        raise RuntimeFailed(f"mount shared memory: {os.strerror(ctypes.get_errno())}")
    return str(path)


def drop(path: Path) -> None:
    """Unmount it, whoever still uses it. Idempotent."""
    while os.path.ismount(path):
        if _libc.umount2(os.fsencode(path), _DETACH):
            return
