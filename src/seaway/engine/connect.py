"""The verbs between networks and containers: connect and disconnect, running or not."""

import logging
from dataclasses import dataclass

import msgspec

from seaway.engine import endpoints, lookup, modes, nodes
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.engine.files import Files
from seaway.engine.networks import Networks
from seaway.engine.plug import Plug
from seaway.engine.tasks import carried
from seaway.errors import Failure, Forbidden, InvalidInput, NotFound, SeawayError
from seaway.model import Attachment, Container, Endpoint, Network

log = logging.getLogger(__name__)

NONE_MODE = (
    "container cannot be connected to multiple networks with one of the networks in private (none) mode"
)
SHARED_MODE = (
    "container sharing network namespace with another container or host cannot be connected to any "
    "other network"
)
HOST_MODE = "container cannot be disconnected from host network or connected to host network"


@dataclass(slots=True)
class Connections:
    """Connects containers and networks."""

    core: Core
    networks: Networks
    plug: Plug
    files: Files

    @carried
    async def connect(self, network_ref: str, container_ref: str, attachment: Attachment) -> None:
        """Put a container on a network: live when it runs, else from its next start on."""
        network = self.networks.get(network_ref)
        container = lookup.container(self.core.facts.containers, container_ref)
        async with self.core.locks[container.id]:
            container = lookup.container(self.core.facts.containers, container.id)
            self._admit(network, container, attachment)
            name = network.name
            grown = msgspec.structs.replace(container, networks={**container.networks, name: attachment})
            if container.state.running:
                await self.plug.add(container, grown, network, attachment)
                await self._refresh(grown)
                return
            async with self.core.allotting:
                network = lookup.network(self.core.facts.networks, network.id)
                change = endpoints.reserve(self.core.facts, container, network, attachment)
                await self.core.facts.commit(change.put(grown))

    @carried
    async def disconnect(self, network_ref: str, container_ref: str, force: bool) -> None:
        """Take a container off a network. With ``force``, also an endpoint whose container is gone."""
        network = self.networks.get(network_ref)
        try:
            container = lookup.container(self.core.facts.containers, container_ref)
        except NotFound:
            if not force:
                raise
            await self._drop_stale(network, container_ref)
            return
        async with self.core.locks[container.id]:
            container = lookup.container(self.core.facts.containers, container.id)
            if network.driver == "host":
                raise InvalidInput(HOST_MODE)
            key = next((k for k in (network.name, network.id) if k in container.networks), None)
            if key is None:
                the = "" if container.state.running else "the "
                raise Failure(f"container {container.id} is not connected to {the}network {network.name}")
            left = {k: a for k, a in container.networks.items() if k != key}
            shrunk = msgspec.structs.replace(container, networks=left)
            await self._take_off(network, container, shrunk)

    async def _take_off(self, network: Network, container: Container, shrunk: Container) -> None:
        place = self._place(network, container)
        if place is not None:
            await self.plug.drop(shrunk, place)
            await self._refresh(shrunk)
            return
        async with self.core.allotting:
            change = Change().put(shrunk)
            endpoints.free_reservations(self.core.facts, container, network.id, change)
            await self.core.facts.commit(change)

    async def _refresh(self, container: Container) -> None:
        """The container is connected or not, whatever becomes of its files."""
        try:
            await self.files.refresh(container)
        except (SeawayError, OSError) as error:
            log.warning("files not refreshed", extra={"container": container.name, "reason": str(error)})

    async def _drop_stale(self, network: Network, name: str) -> None:
        places = self.core.facts.snapshot().endpoints_of_network(network.id)
        place = next((e for e in places if name in (e.name, e.id)), None)
        if place is None:
            abroad = self.core.facts.snapshot().remotes(network.id).remotes.values()
            remote = next((r for r in abroad if name in (r.name, r.id, r.container_id)), None)
            if remote is None:
                raise NotFound(f"endpoint {name} not found in network {network.name}")
            await nodes.forget_endpoint(self.core.shared, remote)
            return
        await self.plug.drop(None, place)

    def _place(self, network: Network, container: Container) -> Endpoint | None:
        found = self.core.facts.snapshot().endpoints_of_container(container.id)
        return next((e for e in found if e.network_id == network.id), None)

    def _admit(self, network: Network, container: Container, attachment: Attachment) -> None:
        mode = modes.parse(container.host.network_mode)
        if network.name in container.networks or network.id in container.networks:
            raise Forbidden(f"endpoint with name {container.name} already exists in network {network.name}")
        if mode.shared or "host" in container.networks:
            raise InvalidInput(SHARED_MODE)
        if network.driver == "host":
            raise InvalidInput(HOST_MODE)
        if "none" in container.networks or (network.driver == "null" and container.networks):
            raise InvalidInput(NONE_MODE)
        if network.config_only:
            raise InvalidInput(f"cannot create endpoint on configuration-only network {network.name}")
        modes.check_attachment(network.name, attachment)
