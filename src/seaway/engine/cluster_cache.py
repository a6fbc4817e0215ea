"""The cluster's facts, copied to this host's own store: what a start without the cluster's knows."""

import asyncio
import logging

from seaway.errors import SeawayError
from seaway.store import Delete, Put, Store, Write

log = logging.getLogger(__name__)

PREFIX = "shared/"

PERIOD = 0.5
"""Seconds between two writings; a copy may be a little old."""

PART = 2000
"""Keys written in one commit."""


class Cache:
    """Notes what changed, and writes it now and then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, bytes | None] = {}

    def note(self, changes: dict[str, bytes | None]) -> None:
        """Keys with their new values."""
        self._waiting |= changes

    async def load(self) -> dict[str, bytes]:
        """Everything in the copy."""
        reading = await self._store.read(PREFIX)
        return {key.removeprefix(PREFIX): item.value for key, item in reading.items.items()}

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; what cannot be written now waits on."""
        while self._waiting:
            part = dict(list(self._waiting.items())[:PART])
            writes: list[Write] = [
                Delete(PREFIX + key) if value is None else Put(PREFIX + key, value)
                for key, value in part.items()
            ]
            try:
                await self._store.commit((), writes)
            except SeawayError as error:
                log.warning("the cluster's facts were not saved", extra={"reason": error.message})
                return
            for key, value in part.items():
                if self._waiting.get(key) == value:
                    self._waiting.pop(key, None)
