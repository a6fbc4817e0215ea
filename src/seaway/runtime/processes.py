"""Processes of this host: who they are, and waiting for the end of one that is not our child."""

import asyncio
import os
import signal
from pathlib import Path


def arguments(pid: int) -> list[str]:
    """The argument list of a process; empty when it is gone or a zombie."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return data.decode(errors="replace").split("\0") if data else []


def is_monitor(pid: int, container_id: str) -> bool:
    """Whether ``pid`` is the conmon of this container (and not another process with a used-up number)."""
    if pid <= 0:
        return False
    words = arguments(pid)
    return container_id in words and "--full-attach" in words and "--exec" not in words


def in_box(pid: int, container_id: str) -> bool:
    """Whether ``pid`` lives (no zombie) in a control group of this container."""
    if pid <= 0:
        return False
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return False
    return container_id in groups and state not in ("Z", "X", "")


class Watched:
    """A process held by a pidfd, so that its number cannot come to mean another process."""

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError when there is no such process."""
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def signal(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError when it has ended."""
        signal.pidfd_send_signal(self._fd, number)

    async def ended(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most ``timeout`` seconds; True when it has ended."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        # A descriptor of this wait's own: two waits may run at once, and a loop has one reader per number.
        fd = os.dup(self._fd)
        try:
            loop.add_reader(fd, _settle, done)
            try:
                async with asyncio.timeout(timeout):
                    await done
            except TimeoutError:
                return False
            return True
        finally:
            loop.remove_reader(fd)
            os.close(fd)


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def watch(pid: int) -> Watched | None:
    """``Watched(pid)``, or None when there is no such process."""
    if pid <= 0:
        return None
    try:
        return Watched(pid)
    except ProcessLookupError:
        return None
