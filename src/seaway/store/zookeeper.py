"""The store over ZooKeeper: reads and watches. Its neighbours hold layout, session, commits and leases."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from kazoo.protocol.serialization import Delete as Remove

from seaway.errors import SeawayError, StoreConflict, Unavailable
from seaway.store.contract import Batch, Check, Event, Item, Reading, View, Write
from seaway.store.lag import difference
from seaway.store.place import Place
from seaway.store.zookeeper_calls import Call, children, delete, exists, get, sync
from seaway.store.zookeeper_commit import ANY, Committer, proposal, removals
from seaway.store.zookeeper_layout import Layout, may_hold, name, stem, unpack, unpack_entry, unpack_keys
from seaway.store.zookeeper_lease import Ticket, grant, touch
from seaway.store.zookeeper_session import Session

T = TypeVar("T")

HISTORY = 1024
"""Commits that a watch can be behind before it reads everything again."""

TIDY = 256
"""Commits from one tidying up to the next."""

LULL = 0.1
"""Seconds from one look at the leases to the next, at least: many come and go together."""


_UNKNOWN = -HISTORY - 1
"""A version of the guard that is behind all history."""


class ZookeeperStore:
    """The Store contract over ZooKeeper 3.5 or newer."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._layout = Layout.below(place.prefix)
        self._session: Session | None = None
        self._committer: Committer | None = None
        self._bells: set[asyncio.Event] = set()
        self._versions: OrderedDict[int, int] = OrderedDict()
        self._leases_moved = True
        self._next_look = 0.0
        self._birth = 0
        self._reborn = False

    @property
    def address(self) -> str:
        """The URL without user and password."""
        return self._place.address

    async def open(self) -> None:
        """Connect, and make the few znodes that every store has."""
        await self.close()
        session = Session(self._place)
        await session.start()
        committer = Committer(self._place, self._layout, session)
        try:
            await committer.lay()
        except BaseException:
            await session.stop()
            raise
        self._session, self._committer, self._leases_moved = session, committer, True
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """End watches, session and threads. Leases run on until their time is over."""
        session, self._session, self._committer = self._session, None, None
        self._ring()
        if session is not None:
            await session.stop()

    # Reading

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, consistent as of one revision.

        It reads while others write, and then reads after what was written meanwhile.
        """
        layout, end = self._layout, asyncio.get_running_loop().time() + 10 * self._place.timeout
        while asyncio.get_running_loop().time() < end:
            lists: list[Call] = [sync(layout.log), children(layout.leases), children(layout.alive)]
            _, leases, alive, guard, directories = await self._ask(
                *lists, get(layout.log), children(layout.keys)
            )
            if any(isinstance(answer, Exception) for answer in (leases, alive, guard, directories)):
                await self._needed(self._committer).lay()
                continue
            if dead := set(leases) - set(alive):
                await self._bury(dead)
                continue
            self._know(guard[1])
            items = await self._items(prefix, directories)
            reading = await self._catch_up(prefix, guard[1].version, items)
            if reading is not None:
                return reading
        raise Unavailable(f"store {self.address} is too busy to be read")

    async def _items(self, prefix: str, directories: Sequence[str]) -> dict[str, Item]:
        """What is there below a prefix, piece by piece."""
        stems = {child: begin for child in directories if may_hold(begin := stem(child), prefix)}
        listed = await self._ask(*(children(f"{self._layout.keys}/{child}") for child in stems))
        keys = [
            key
            for begin, names in zip(stems.values(), listed, strict=True)
            if not isinstance(names, Exception)
            for child in names
            if (key := begin + name(child)).startswith(prefix)
        ]
        found = await self._items_of(keys)
        return {key: item for key, item in found.items() if item is not None}

    async def _items_of(self, keys: Sequence[str]) -> Mapping[str, Item | None]:
        answers = await self._fetch([self._layout.key(key) for key in keys])
        return {key: _item(answer) for key, answer in zip(keys, answers, strict=True)}

    async def _catch_up(self, prefix: str, version: int, items: dict[str, Item]) -> Reading | None:
        """Items read since the guard stood at a version, as of one revision. None: too late for it."""
        while True:
            guard = _sure(*await self._ask(get(self._layout.log)))
            entries = await self._entries(version, guard)
            if entries is None:
                return None
            open_keys: set[str] = set()
            for revision, lines in entries:
                for key, value, there in lines:
                    if key.startswith(prefix):
                        items.pop(key, None)
                        open_keys.discard(key)
                        if value is not None:
                            items[key] = Item(value, revision)
                        elif there:
                            open_keys.add(key)
            if not open_keys:
                self._remember(guard[1].mzxid, guard[1].version)
                return Reading(guard[1].mzxid, items)
            items |= {k: item for k, item in (await self._items_of(sorted(open_keys))).items() if item}
            version = guard[1].version

    async def _entries(self, since: int, guard: Any) -> list[tuple[int, Sequence[Any]]] | None:
        """Revision and lines of each commit after a version, up to the guard. None: not kept so long."""
        data, stat = guard
        if not 0 <= stat.version - since <= HISTORY:
            return None
        paths = [self._layout.entry(version) for version in range(since + 1, stat.version)]
        answers = await self._fetch(paths)
        if any(isinstance(answer, Exception) for answer in answers):
            return None
        entries = [(entry.czxid, unpack_entry(found)) for found, entry in answers]
        if stat.version > since:
            entries.append((stat.mzxid, unpack_entry(data)))
        return entries

    # Writing

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming failed checks.

        Raises NotFound when a write names a lease that has run out.
        """
        wish = proposal(checks, writes)
        try:
            revision, version = await self._needed(self._committer).commit(wish)
        except StoreConflict:
            if not await self._mind_leases():
                raise
            revision, version = await self._needed(self._committer).commit(wish)
        self._remember(revision, version)
        if version % TIDY == 0:
            with suppress(SeawayError):  # somebody will, some day
                await self._tidy(version)
        return revision

    async def _tidy(self, version: int) -> None:
        """Remove the entries that are too old, and directories without keys."""
        layout = self._layout
        oldest = layout.entry(max(1, version - HISTORY)).rpartition("/")[2]
        entries, directories = await self._ask(children(layout.log), children(layout.keys))
        paths = [f"{layout.keys}/{child}" for child in _sure(directories)]
        stats = await self._ask(*(exists(path) for path in paths))
        empty = [p for p, stat in zip(paths, stats, strict=True) if stat is not None and not stat.numChildren]
        old = [f"{layout.log}/{child}" for child in _sure(entries) if child < oldest]
        await self._ask(*(delete(path) for path in [*old, *empty]))

    # Watching

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet; ends when the store closes.

        The guard's own watch says that something was committed, and the guard what: one request per change.
        """
        self._needed(self._session)
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            since = self._versions.get(view.revision, _UNKNOWN)
            while self._session is not None:
                bell.clear()
                (guard,) = await self._ask(get(self._layout.log, self._rung))
                if isinstance(guard, Exception):
                    await self._needed(self._committer).lay()
                    continue
                await self._look_at_leases()
                if self._know(guard[1]):
                    since = _UNKNOWN
                if view.revision == guard[1].mzxid and not self._reborn:
                    since = guard[1].version
                if since == guard[1].version:
                    await bell.wait()
                    continue
                batches = await self._batches(prefix, since, guard)
                if batches is None:
                    reading = await self.read(prefix)
                    if self._reborn:  # the revisions of another history say nothing
                        view.revision, view.revisions = 0, dict.fromkeys(view.revisions, 0)
                    batches = [Batch(reading.revision, difference(view, reading))]
                for batch in batches:
                    if events := [event for event in batch.events if _is_news(event, view)]:
                        yield Batch(batch.revision, events)
                since = self._versions[batches[-1].revision]
        except Unavailable:
            if self._session is not None:
                raise
        finally:
            self._bells.discard(bell)

    async def _batches(self, prefix: str, since: int, guard: Any) -> list[Batch] | None:
        """One batch per commit. None when history cannot tell it: too old, or a large value is gone."""
        entries = await self._entries(since, guard)
        if entries is None:
            return None
        large = {(k, rev) for rev, lines in entries for k, value, there in lines if there and value is None}
        wanted = sorted({key for key, _ in large if key.startswith(prefix)})
        fetched = await self._items_of(wanted)
        batches = []
        for revision, lines in entries:
            events = []
            for key, value, there in lines:
                if not key.startswith(prefix):
                    continue
                if there and value is None:
                    item = fetched[key]
                    if item is None or item.revision != revision:
                        return None
                    value = item.value
                events.append(Event(key, value, revision))
            batches.append(Batch(revision, events))
            self._remember(revision, since + len(batches))
        return batches

    def _rung(self, _event: Any) -> None:
        """On kazoo's thread: the guard was set, or the connection lost."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        for bell in self._bells:
            bell.set()

    def _know(self, guard: Any) -> bool:
        """Whether the guard is another than before: the store lost everything, and counts anew."""
        changed = self._birth not in (0, guard.ctime)
        self._birth = guard.ctime
        if changed:
            self._reborn = True
            self._versions.clear()
        return changed

    def _remember(self, revision: int, version: int) -> None:
        """Which version of the guard was which revision, for the watches that begin there."""
        self._versions[revision] = version
        while len(self._versions) > HISTORY:
            self._versions.popitem(last=False)

    # Leases

    async def lease(self, seconds: float) -> str:
        """A new lease; the server may round its seconds up to whole ticks, and bound them."""
        await self._needed(self._committer).lay()
        return (await grant(self._place, self._layout, seconds)).text()

    async def renew(self, lease: str) -> bool:
        """Prolong a lease. False when it has run out: its keys are gone."""
        self._needed(self._session)
        ticket = Ticket.of(lease)
        return ticket is not None and await touch(self._place, self._layout, ticket)

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys now. Ending one that is gone succeeds."""
        if ticket := Ticket.of(lease):
            await self._end(ticket.name)

    async def _look_at_leases(self) -> None:
        """If any came or went: remove the keys of those that ran out. Each watcher does; one is the first."""
        if not self._leases_moved:
            return
        wait = self._next_look - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._ring)
            return
        self._leases_moved = False
        self._next_look = self._loop.time() + LULL
        try:
            await self._mind_leases(self._lease_moved)
        except BaseException:
            self._leases_moved = True
            raise

    async def _mind_leases(self, watch: Any = None) -> bool:
        """Whether there was a lease that had run out and was not removed yet."""
        leases, alive = await self._ask(children(self._layout.leases), children(self._layout.alive, watch))
        dead = set(_sure(leases)) - set(_sure(alive))
        if dead and watch:
            await asyncio.sleep(random.uniform(0, min(0.3, 0.002 * len(alive))))
        await self._bury(dead)
        return bool(dead)

    def _lease_moved(self, _event: Any) -> None:
        """On kazoo's thread."""
        self._leases_moved = True
        self._rung(_event)

    async def _bury(self, leases: set[str]) -> None:
        for lease in sorted(leases):
            await self._end(lease)

    async def _end(self, lease: str) -> None:
        """Remove a lease's keys, its list, and its mark if it has one still, in one commit."""
        layout = self._layout
        while True:
            listed, mark = await self._ask(get(layout.lease(lease)), exists(layout.mark(lease)))
            if isinstance(listed, Exception):
                return
            keys = unpack_keys(listed[0])
            answers = await self._fetch([layout.key(key) for key in keys])
            found = [(k, a) for k, a in zip(keys, answers, strict=True) if not isinstance(a, Exception)]
            mine = {key: stat.mzxid for key, (data, stat) in found if unpack(data)[1] == lease}
            extra = [Remove(layout.lease(lease), listed[1].version)]
            extra += [Remove(layout.mark(lease), ANY)] if mark is not None else []
            with suppress(StoreConflict):
                revision, version = await self._needed(self._committer).commit(
                    proposal(*removals(mine), extra)
                )
                self._remember(revision, version)
                return

    # Asking

    async def _ask(self, *calls: Call) -> list[Any]:
        return await self._needed(self._session).ask(calls)

    async def _fetch(self, paths: Sequence[str]) -> list[Any]:
        return await self._needed(self._session).fetch(paths)

    def _needed(self, part: T | None) -> T:
        if part is None:
            raise Unavailable(f"store {self.address} is not open")
        return part


def _is_news(event: Event, view: View) -> bool:
    if event.value is None:
        return event.key in view.revisions
    return view.revisions.get(event.key) != event.revision


def _item(answer: Any) -> Item | None:
    if isinstance(answer, Exception):
        return None
    data, stat = answer
    return Item(unpack(data)[0], stat.mzxid)


def _sure(answer: Any) -> Any:
    """An answer that is no refusal: a store whose own znodes were removed is as good as none."""
    if isinstance(answer, Exception):
        raise Unavailable(f"the store's own znodes are gone: {type(answer).__name__}") from answer
    return answer
