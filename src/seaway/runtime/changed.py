"""Waiting until something in a directory changes (inotify)."""

import asyncio
import ctypes
import os
from contextlib import suppress
from pathlib import Path

_MODIFY, _MOVED_TO, _CREATE, _CLOSE_WRITE = 0x2, 0x80, 0x100, 0x8
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


class Changed:
    """A watch on a directory; None watches nothing. Without a watch to be had, ``wait`` only sleeps."""

    def __init__(self, folder: Path | None) -> None:
        self._fd = -1
        if folder is not None:
            self._fd = _libc.inotify_init1(_NONBLOCK_CLOEXEC)
            mask = _MODIFY | _MOVED_TO | _CREATE | _CLOSE_WRITE
            if self._fd >= 0 and _libc.inotify_add_watch(self._fd, os.fsencode(folder), mask) < 0:
                self._close()

    def __enter__(self) -> "Changed":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    async def wait(self, timeout: float) -> None:
        """Until a change since the last call, at most ``timeout`` seconds."""
        if self._fd < 0:
            await asyncio.sleep(timeout)
            return
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            async with asyncio.timeout(timeout):
                await ready.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(self._fd)
        with suppress(BlockingIOError):
            os.read(self._fd, 65536)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
