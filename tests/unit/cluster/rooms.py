"""An engine as a session sees it, in a few lines: what shall stand, and what it was told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from seaway.cluster.entry import Entry
from seaway.cluster.mirror import Mirror, News
from seaway.cluster.session import Session
from seaway.model import Member
from seaway.store.memory import MemoryServer, MemoryStore


class Rooms:
    """The engine's side."""

    def __init__(self) -> None:
        self.wanted: dict[str, bytes] = {}
        self.held: set[str] = set()
        self.told: list[News] = []
        self.lost_keys: list[str] = []
        self.known: dict[str, bytes] = {}

    def desired(self) -> dict[str, bytes]:
        return dict(self.wanted)

    def pending(self) -> frozenset[str]:
        return frozenset(self.held)

    def news(self, news: News) -> None:
        self.told.append(news)

    def lost(self, lost: Sequence[str]) -> None:
        self.lost_keys += lost
        for key in lost:
            self.wanted.pop(key, None)

    def remembered(self) -> dict[str, bytes]:
        return dict(self.known)


class Hut:
    """A node with its session. ``cluster_id`` is what it remembers."""

    def __init__(self, server: MemoryServer, name: str, address: str, *, cluster: str = "", port: int = 4789):
        self.store = MemoryStore.at(server)
        self.mirror, self.rooms, self.cluster_id = Mirror(name), Rooms(), cluster
        member = Member(id=name, name=f"host {name}", address=address)
        self.entry = Entry(self.store, member, 30.0, cluster, port, self._remember)
        self.session = Session(self.store, self.mirror, self.entry, self.rooms, 0.01)

    def _remember(self, identity: str) -> None:
        self.cluster_id = identity

    async def enter(self) -> None:
        """Enter, and nothing else."""
        await self.store.open()
        await self.entry.enter(self.rooms.remembered())

    async def look(self) -> None:
        """Read all there is into the mirror."""
        self.mirror.read(await self.store.read(""))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Session]:
        """The session runs."""
        task = asyncio.create_task(self.session.run())
        try:
            yield self.session
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()


async def until(so: Callable[[], object], seconds: float = 3.0) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0.002)
