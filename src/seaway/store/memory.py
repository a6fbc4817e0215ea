"""A store made of a dict, for tests and simulations: many clients of one server, and faults on demand."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from seaway.errors import InvalidInput, NotFound, SeawayError, StoreConflict, Unavailable
from seaway.store.contract import LIMIT, Batch, Check, Event, Item, Put, Reading, View, Write
from seaway.store.lag import difference


@dataclass(slots=True)
class _Lease:
    seconds: float
    end: float


@dataclass
class MemoryServer:
    """What several clients share, and the handles to hurt it by.

    ``down``: nobody is served; ``silence`` says after how many seconds one learns so. ``delay``: every
    answer takes so long. ``lost``: so many of the next commits are done, but their answers are lost.
    ``refusal``: what every request ends with (Forbidden, say). Time stands still until ``advance``.
    """

    down: bool = False
    silence: float = 0.0
    delay: float = 0.0
    lost: int = 0
    refusal: SeawayError | None = None
    revision: int = 0
    compacted: int = 0
    now: float = 0.0
    commits: int = 0
    """Commits that were done; what was read and watched is not counted."""
    _items: dict[str, Item] = field(default_factory=dict)
    _leased: dict[str, str] = field(default_factory=dict)
    _changes: list[Event] = field(default_factory=list)
    _leases: dict[str, _Lease] = field(default_factory=dict)
    _granted: int = 0
    _bells: set[asyncio.Event] = field(default_factory=set)
    _cuts: int = 0

    def cut(self) -> None:
        """Every watch that runs loses its connection."""
        self._cuts += 1
        self.ring()

    def stop(self, silence: float = 0.0) -> None:
        """Serve nobody from now on; watches lose their connections."""
        self.down, self.silence = True, silence
        self.cut()

    def start(self) -> None:
        """Serve again."""
        self.down, self.silence = False, 0.0

    def compact(self) -> None:
        """Forget history."""
        self.compacted = self.revision
        self._changes.clear()

    def advance(self, seconds: float) -> None:
        """Time goes by: leases run out."""
        self.now += seconds
        for lease in [name for name, lease in self._leases.items() if lease.end <= self.now]:
            self.expire(lease)

    def expire(self, lease: str) -> None:
        """A lease runs out now, and takes its keys along."""
        self._leases.pop(lease, None)
        if gone := [key for key, holder in self._leased.items() if holder == lease]:
            self._write(dict.fromkeys(gone))

    def read(self, prefix: str) -> Reading:
        """Items below ``prefix``."""
        return Reading(self.revision, {k: i for k, i in self._items.items() if k.startswith(prefix)})

    def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none."""
        if len(checks) + len(writes) > LIMIT:
            raise InvalidInput(
                f"one commit has at most {LIMIT} checks and writes: {len(checks)}+{len(writes)}"
            )
        failed = [check.key for check in checks if self._stands(check.key) != check.revision]
        if failed:
            raise StoreConflict(list(dict.fromkeys(failed)))
        final = {write.key: write if isinstance(write, Put) else None for write in writes}
        for put in final.values():
            if put is not None and put.lease and put.lease not in self._leases:
                raise NotFound(f"lease {put.lease} of {put.key} has run out")
        if final:
            self._write(final)
        self.commits += 1
        return self.revision

    def changes(self, prefix: str, since: int) -> list[Event] | None:
        """Events below ``prefix`` after ``since``; None: no longer known."""
        if since < self.compacted:
            return None
        first = len(self._changes)
        while first and self._changes[first - 1].revision > since:
            first -= 1
        return [event for event in self._changes[first:] if event.key.startswith(prefix)]

    def grant(self, seconds: float) -> str:
        """A new lease."""
        self._granted += 1
        self._leases[str(self._granted)] = _Lease(seconds, self.now + seconds)
        return str(self._granted)

    def renew(self, lease: str) -> bool:
        """Prolong a lease."""
        if (found := self._leases.get(lease)) is None:
            return False
        found.end = self.now + found.seconds
        return True

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """A bell that rings when something has changed."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    @property
    def cuts(self) -> int:
        """How often connections were cut."""
        return self._cuts

    def _stands(self, key: str) -> int:
        item = self._items.get(key)
        return item.revision if item else 0

    def _write(self, final: dict[str, Put | None] | dict[str, None]) -> None:
        self.revision += 1
        for key, put in final.items():
            self._leased.pop(key, None)
            if put is not None:
                self._items[key] = Item(put.value, self.revision)
                self._changes.append(Event(key, put.value, self.revision))
                if put.lease:
                    self._leased[key] = put.lease
            elif self._items.pop(key, None) is not None:
                self._changes.append(Event(key, None, self.revision))
        self.ring()

    def ring(self) -> None:
        """Make every watch look what there is."""
        for bell in self._bells:
            bell.set()


class MemoryStore:
    """The Store contract as one client of a MemoryServer. ``down`` cuts off this client alone."""

    def __init__(self, server: MemoryServer | None = None, prefix: str = "") -> None:
        self.server = server or MemoryServer()
        self.down = False
        self._root = f"{prefix}/" if prefix else ""
        self._open = False

    @classmethod
    def at(cls, server: MemoryServer, prefix: str = "") -> "MemoryStore":
        """One more client of a server; those with the same prefix share their facts."""
        return cls(server, prefix)

    @property
    def address(self) -> str:
        """The name of no place."""
        return "memory://"

    def cut(self) -> None:
        """This client is cut off until ``down`` is False again."""
        self.down = True
        self.server.ring()

    async def open(self) -> None:
        """See that the server answers."""
        self._open = True
        await self._answer()

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``."""
        await self._answer()
        reading, cut = self.server.read(self._root + prefix), len(self._root)
        return Reading(reading.revision, {key[cut:]: item for key, item in reading.items.items()})

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none; raises Unavailable too when it was done, and the answer is lost."""
        await self._answer()
        root, server = self._root, self.server
        rooted = [Check(root + check.key, check.revision) for check in checks]
        try:
            revision = server.commit(rooted, [_rooted(root, write) for write in writes])
        except StoreConflict as error:
            raise StoreConflict([key[len(root) :] for key in error.keys]) from None
        if server.lost > 0:
            server.lost -= 1
            raise Unavailable(f"{self.address}: the answer was lost")
        return revision

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet; ends when the store closes."""
        server, cut = self.server, len(self._root)
        await self._answer()
        since, cuts = view.revision, server.cuts
        with server.listening() as bell:
            while self._open:
                bell.clear()
                if self.down or server.down or server.cuts != cuts:
                    raise Unavailable(f"{self.address}: the watch was cut")
                events = server.changes(self._root + prefix, since)
                since = server.revision
                if events is None:
                    reading = await self.read(prefix)
                    since = reading.revision
                    yield Batch(since, difference(view, reading))
                elif events:
                    yield Batch(since, [Event(e.key[cut:], e.value, e.revision) for e in events])
                else:
                    await bell.wait()

    async def lease(self, seconds: float) -> str:
        """A new lease, of the server's time."""
        await self._answer()
        return self.server.grant(seconds)

    async def renew(self, lease: str) -> bool:
        """Prolong a lease. False when it has run out."""
        await self._answer()
        return self.server.renew(lease)

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys."""
        await self._answer()
        self.server.expire(lease)

    async def close(self) -> None:
        """Running watches end; what the server holds stays."""
        self._open = False
        self.server.ring()

    async def _answer(self) -> None:
        """What any request goes through."""
        server = self.server
        if not self._open:
            raise Unavailable(f"{self.address} is not open")
        await asyncio.sleep(server.delay)
        if self.down or server.down:
            await asyncio.sleep(server.silence)
            raise Unavailable(f"{self.address} does not answer")
        if server.refusal is not None:
            raise server.refusal


def _rooted(root: str, write: Write) -> Write:
    if isinstance(write, Put):
        return Put(root + write.key, write.value, write.lease)
    return type(write)(root + write.key)
