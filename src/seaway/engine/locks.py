"""One lock for each thing that has an ID; it is there only while somebody holds it or waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Locks:
    """Locks by ID: ``async with locks[id]``."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def __getitem__(self, identity: str) -> AbstractAsyncContextManager[None]:
        return self._held(identity)

    def __len__(self) -> int:
        """How many are in use."""
        return len(self._entries)

    @asynccontextmanager
    async def _held(self, identity: str) -> AsyncIterator[None]:
        entry = self._entries.setdefault(identity, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[identity]
