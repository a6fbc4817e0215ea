"""The file that says which process is the daemon: one live daemon for one file, stale ones taken over."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seaway.errors import Conflict


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the pidfile while the block runs, then remove it. Raises Conflict when a live daemon holds it.

    The lock, not the number, tells a live daemon: the lock ends with its process, however that ended,
    while the number may by then belong to somebody else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _lock(path)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path: Path) -> int:
    """An open, locked file that still has its name (another daemon may have removed it meanwhile)."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise Conflict(
                f"process with PID {holder} is still running; it holds {path}. "
                "Stop that daemon, or give another --pidfile, --exec-root and --data-root"
            ) from None
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            return handle
        os.close(handle)
