"""Publishing: lead what stands in the store in this node's name to what the local facts say.

Level-triggered, like the kernel's settle: no deletion is remembered and none is forgotten. A key that turns
out to be another's is lost, and the engine gives the endpoint another address.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from seaway.cluster import keys
from seaway.cluster.house import House
from seaway.cluster.mirror import Mirror
from seaway.errors import StoreConflict
from seaway.model import Remote
from seaway.model.codec import decode
from seaway.store import LIMIT, Check, Delete, Put, Store

log = logging.getLogger(__name__)

PERIOD = 5.0
"""Seconds between looks when nobody asks for one."""


class Publisher:
    """Publishes on ``kick``, and now and then anyway."""

    def __init__(self, store: Store, mirror: Mirror, house: House) -> None:
        self._store = store
        self._mirror = mirror
        self._house = house
        self._bell = asyncio.Event()

    def kick(self) -> None:
        """Something may have to be published."""
        self._bell.set()

    async def wait(self) -> None:
        """Until somebody kicks, or the period is over."""
        try:
            async with asyncio.timeout(PERIOD):
                await self._bell.wait()
        except TimeoutError:
            pass
        self._bell.clear()

    async def publish(self) -> int:
        """Write what differs. Returns the last revision written, 0 when nothing was to be done."""
        desired, pending = self._house.desired(), self._house.pending()
        if lost := [key for key in desired if key not in pending and self._foreign(key)]:
            self._house.lost(lost)
        steps = [step for step in self._steps(desired) if step not in pending and not self._foreign(step)]
        revision = 0
        for start in range(0, len(steps), LIMIT // 3):
            revision = max(revision, await self._write(steps[start : start + LIMIT // 3], desired))
        return revision

    def _steps(self, desired: Mapping[str, bytes]) -> list[str]:
        """Keys to write or remove: removals first, then claims before endpoints."""
        mine = self._mirror.mine
        gone = [key for key in mine if key not in desired]
        fresh = [
            key for key, value in desired.items() if mine.get(key) != value and self._may_stand(key, value)
        ]
        return [*sorted(gone, reverse=True), *sorted(fresh)]

    def _foreign(self, key: str) -> bool:
        """Whether a key is a claim that another has."""
        if not key.startswith(keys.CLAIMS):
            return False
        _, network_id, address = key.split("/", 2)
        return self._mirror.foreign(network_id, address)

    def _may_stand(self, key: str, value: bytes) -> bool:
        """Whether a key can be written: its network exists, and an endpoint's addresses are its own.

        What is on a network that is gone is the engine's to clear away.
        """
        room, network_id, _ = key.split("/", 2)
        if network_id not in self._mirror.networks:
            return False
        if room + "/" == keys.CLAIMS:
            return True
        addresses = (cidr.partition("/")[0] for cidr in decode(value, Remote).addresses)
        return all(keys.claim(network_id, address) in self._mirror.mine for address in addresses)

    async def _write(self, steps: Sequence[str], desired: Mapping[str, bytes]) -> int:
        checks, writes = self._parts(steps, desired)
        try:
            return await self._store.commit(checks, writes)
        except StoreConflict as conflict:
            if len(steps) > 1:
                revisions = [await self._write([step], desired) for step in steps]
                return max(revisions)
            log.info("not published", extra={"key": steps[0], "reason": conflict.message})
            await self._examine(steps[0])
            return 0

    def _parts(
        self, steps: Sequence[str], desired: Mapping[str, bytes]
    ) -> tuple[list[Check], list[Put | Delete]]:
        checks: dict[str, Check] = {}
        writes: list[Put | Delete] = []
        for key in steps:
            checks[key] = Check(key, self._mirror.revision(key))
            value = desired.get(key)
            if value is None:
                writes.append(Delete(key))
                continue
            writes.append(Put(key, value))
            if key not in self._mirror.mine:
                network = keys.network(key.split("/")[1])
                checks[network] = Check(network, self._mirror.revision(network))
        return list(checks.values()), writes

    async def _examine(self, key: str) -> None:
        """A key did not stand as the mirror had it: another's, or the mirror is behind."""
        item = (await self._store.read(key)).items.get(key)
        if item is None or not key.startswith(keys.CLAIMS):
            return
        if keys.holder(item.value.decode())[0] != self._mirror.me:
            self._house.lost([key])
