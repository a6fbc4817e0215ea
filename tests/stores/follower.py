"""A watcher as the daemon is one: it keeps a view and the facts, and holds every batch to the contract."""

import asyncio
from collections.abc import Callable
from typing import Any

from seaway.errors import Unavailable
from seaway.store import Batch, Event, Reading, View


class Follower:
    """What one watcher knows. ``run`` may be called again after an Unavailable: it goes on where it ended."""

    def __init__(self, store: Any, prefix: str = "", reading: Reading | None = None) -> None:
        self.store, self.prefix = store, prefix
        self.view = View.of(reading) if reading else View()
        self.facts = {key: item.value for key, item in reading.items.items()} if reading else {}
        self.batches: list[Batch] = []

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def story(self) -> list[tuple[str, bytes | None]]:
        return [(event.key, event.value) for event in self.events]

    async def run(self, until: Callable[["Follower"], bool], seconds: float = 10) -> "Follower":
        """Follow until so; a connection that is lost raises."""
        async with asyncio.timeout(seconds):
            if until(self):
                return self
            async for batch in self.store.watch(self.prefix, self.view):
                self._take(batch)
                if until(self):
                    break
        return self

    async def persist(self, until: Callable[["Follower"], bool], seconds: float = 30) -> "Follower":
        """The same, and begin again whenever the connection is lost."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await self.run(until, seconds)
                except Unavailable:
                    await asyncio.sleep(0.02)

    def _take(self, batch: Batch) -> None:
        assert batch.revision >= self.view.revision, "a batch of the past"
        for event in batch.events:
            assert event.key.startswith(self.prefix)
            assert event.revision <= batch.revision
            assert event.revision > self.view.revisions.get(event.key, 0), "told twice, or in the wrong order"
            if event.value is None:
                self.facts.pop(event.key, None)
            else:
                self.facts[event.key] = event.value
        self.view.apply(batch)
        self.batches.append(batch)


def has(*keys: str) -> Callable[[Follower], bool]:
    """Until these are among the facts."""
    return lambda follower: follower.facts.keys() >= set(keys)


def knows(facts: dict[str, bytes]) -> Callable[[Follower], bool]:
    """Until the facts are these."""
    return lambda follower: follower.facts == facts
