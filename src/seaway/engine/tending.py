"""Tending the cluster: addresses cool down, the dead are buried by rule, what was lost is mended."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from seaway.cluster import keys
from seaway.engine import nodes
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.engine.files import Files
from seaway.engine.plug import Plug
from seaway.engine.shared_networks import SharedNetworks
from seaway.errors import SeawayError
from seaway.ipam.claims import COOLING, claim_key
from seaway.model import Container, Endpoint

log = logging.getLogger(__name__)

COOL = 30.0
"""Seconds an address stays with the host that had it last, unless somebody asks for just that one."""

PERIOD = 2.0
"""Seconds between two rounds."""

Locked = Callable[[str], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Tending:
    """Looks after what nobody asks for. All times are by this host's monotonic clock."""

    core: Core
    plug: Plug
    networks: SharedNetworks
    retention: float = 0.0
    _since: dict[str, float] = field(default_factory=dict)
    _dead: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self._cool()
                await self._bury()
                if self.core.shared.session is not None and self.core.shared.session.connected:
                    await self.networks.unmark()
            except SeawayError as error:
                log.warning("tended later", extra={"reason": error.message})

    async def readdress(self, endpoint: Endpoint) -> None:
        """Another host has the endpoint's address: take the endpoint off its network, and on again."""
        async with self.core.locks[endpoint.container_id]:
            found = self._container(endpoint)
            if found is None:
                return
            container, name = found
            log.warning("new address", extra={"container": container.name, "network": name})
            await self.plug.drop(container, endpoint)
        await self.core.tasks.insist(lambda: self._put_back(endpoint, name), endpoint.name)

    async def abandon(self, endpoint: Endpoint) -> None:
        """The endpoint's network is gone from the cluster."""
        async with self.core.locks[endpoint.container_id]:
            found = self._container(endpoint)
            if found is not None:
                log.warning("network gone", extra={"container": found[0].name, "network": found[1]})
                await self.plug.drop(found[0], endpoint)

    # -- how

    async def _put_back(self, gone: Endpoint, name: str) -> None:
        """Put a container on a network again, unless that has become pointless meanwhile."""
        async with self.core.locks[gone.container_id]:
            facts = self.core.facts
            container, network = facts.containers.get(gone.container_id), facts.networks.get(gone.network_id)
            if container is None or network is None or name not in container.networks:
                return
            there = facts.snapshot().endpoints_of_container(container.id)
            if container.sandbox_id != gone.sandbox_id or any(e.network_id == network.id for e in there):
                return
            await self.plug.add(container, container, network, container.networks[name])
            await Files(self.core).refresh(container)

    def _container(self, endpoint: Endpoint) -> tuple[Container, str] | None:
        """The container of an endpoint that still stands, and what it calls the network."""
        facts = self.core.facts
        container = facts.containers.get(endpoint.container_id)
        if container is None or facts.endpoints.get(endpoint.id) != endpoint:
            return None
        network = facts.networks.get(endpoint.network_id)
        names = [n for n in (network.name, network.id) if n in container.networks] if network else []
        return container, names[0] if names else endpoint.network_id

    async def _cool(self) -> None:
        """Free addresses that have cooled down since the store heard of it, unless it cannot hear now."""
        session = self.core.shared.session
        if session is None or not session.connected:
            return
        now, change, mirror = time.monotonic(), Change(), self.core.shared.mirror
        cooling = set()
        for network_id in self.core.facts.claimed_networks():
            told, gone = mirror.claims.get(network_id, {}), network_id not in mirror.networks
            for address, owner in self.core.facts.own_claims(network_id).items():
                heard = gone or told.get(address) == keys.owner(mirror.me, owner)
                if owner.startswith(COOLING) and heard:
                    cooling.add(claim_key(network_id, address))
        self._since = {key: self._since.get(key, now) for key in cooling}
        change.free(*(key for key, since in self._since.items() if now - since >= COOL))
        if change.deletes:
            await self.core.facts.commit(change)

    async def _bury(self) -> None:
        """Remove the endpoints of nodes that have been dead for longer than the retention."""
        shared = self.core.shared
        if not self.retention or shared.session is None or not shared.session.connected:
            self._dead.clear()
            return
        mirror, now = shared.mirror, time.monotonic()
        dead = [m for m in mirror.members if m not in mirror.alive and m != mirror.me]
        self._dead = {node: self._dead.get(node, now) for node in dead}
        if min(mirror.alive, default="") != mirror.me:
            return
        for node, since in self._dead.items():
            if now - since >= self.retention:
                gone = await nodes.forget(shared, node, whole=False)
                if gone:
                    log.info("buried", extra={"node": mirror.members[node].name, "keys": gone})
