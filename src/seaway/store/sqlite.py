"""The embedded store: one SQLite file, one connection, one thread; every host's own facts live here."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

from seaway.errors import Unavailable
from seaway.store.contract import Batch, Check, Reading, View, Write
from seaway.store.lag import difference
from seaway.store.sqlite_file import HISTORY, StoreFile

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """The Store contract over one file. All SQL runs on one thread of its own; methods hand over to it.

    ``full_sync`` makes a commit outlive a power cut, at the price of one fsync each; without it a commit
    outlives the death of the process, not of the machine. ``history`` is how many commits a watch may lag
    behind. Leases are counted by this process's monotonic clock; opening the file restarts their time.
    """

    def __init__(self, path: Path, *, full_sync: bool = False, history: int = HISTORY) -> None:
        self._file = StoreFile(Path(path), full_sync=full_sync, history=history)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seaway-store")
        self._watchers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadlines: dict[str, float] = {}
        self._spans: dict[str, float] = {}

    @property
    def address(self) -> str:
        """The file's path."""
        return str(self._file.path)

    async def open(self) -> None:
        """Open the file, making it and its directories when they are not there.

        Raises Conflict when another daemon holds it, and Failure when it is damaged, was written by a newer
        Seaway, or cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        try:
            spans = await self._loop.run_in_executor(self._thread, self._file.open)
        except BaseException:
            self._loop = None
            raise
        self._spans = spans
        now = time.monotonic()
        self._deadlines = {lease: now + seconds for lease, seconds in spans.items()}
        self._arm()

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, consistent as of one revision."""
        return await self._call(self._file.read, prefix)

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming every failed check.

        Raises NotFound when a write names a lease that has run out.
        """
        return await self._call(self._commit, tuple(checks), tuple(writes))

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet; ends when the store closes.

        History is read back from the file each time something was committed, so a watch has no queue of its
        own that could overflow; one that lags too far behind is told the difference instead.
        """
        bell = asyncio.Event()
        self._watchers.add(bell)
        try:
            since = view.revision
            while self._loop is not None:
                bell.clear()
                try:
                    since, events = await self._call(self._file.changes, prefix, since)
                    if events is None:
                        reading = await self._call(self._file.read, prefix)
                        since, events = reading.revision, difference(view, reading)
                except Unavailable:
                    if self._loop is None:
                        return
                    raise
                if events:
                    yield Batch(since, events)
                else:
                    await bell.wait()
        finally:
            self._watchers.discard(bell)

    async def lease(self, seconds: float) -> str:
        """A new lease of so many seconds."""
        lease = await self._call(self._grant, seconds)
        self._arm()
        return lease

    async def renew(self, lease: str) -> bool:
        """Prolong a lease by its span. False when it has run out."""
        return await self._call(self._renew, lease)

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys. Ending one that is gone succeeds."""
        await self._call(self._end, lease)

    async def close(self) -> None:
        """End the watches, finish the commits under way, close the file and free its lock."""
        loop, self._loop = self._loop, None
        if self._timer is not None:
            self._timer.cancel()
        self._ring()
        if loop is not None:
            await loop.run_in_executor(self._thread, self._file.close)
        self._thread.shutdown(wait=False)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._loop is None:
            raise Unavailable(f"store {self._file.path} is not open")
        job = partial(function, *args, **kwargs)
        return await self._loop.run_in_executor(self._thread, self._on_thread, job)

    # On the store's thread

    def _on_thread(self, job: Callable[[], T]) -> T:
        if self._deadlines:
            self._expire()
        return job()

    def _commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        revision = self._file.commit(checks, writes)
        self._tell()
        return revision

    def _grant(self, seconds: float) -> str:
        lease = uuid4().hex
        self._file.add_lease(lease, seconds)
        self._spans[lease] = seconds
        self._deadlines[lease] = time.monotonic() + seconds
        return lease

    def _renew(self, lease: str) -> bool:
        if lease not in self._deadlines:
            return False
        self._deadlines[lease] = time.monotonic() + self._spans[lease]
        return True

    def _end(self, lease: str) -> None:
        self._deadlines.pop(lease, None)
        self._spans.pop(lease, None)
        self._file.end_lease(lease)
        self._tell()

    def _expire(self) -> None:
        now = time.monotonic()
        for lease in [lease for lease, end in self._deadlines.items() if end <= now]:
            self._end(lease)

    def _tell(self) -> None:
        loop = self._loop
        if loop is not None and self._watchers:
            loop.call_soon_threadsafe(self._ring)

    # On the event loop

    def _ring(self) -> None:
        for bell in self._watchers:
            bell.set()

    def _arm(self) -> None:
        """One timer for all leases: it only makes the store's thread look at the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ends = list(self._deadlines.values())
        if self._loop is None or not ends:
            return
        delay = min(ends) - time.monotonic()
        self._timer = self._loop.call_later(max(delay, 0.01), self._tick)

    def _tick(self) -> None:
        loop = self._loop
        if loop is None:
            return
        job = self._thread.submit(self._expire)
        job.add_done_callback(lambda _job: loop.call_soon_threadsafe(self._arm))
