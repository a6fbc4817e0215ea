"""All verbs of networks under one name, as the faces call them."""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass

from seaway.engine.connect import Connections
from seaway.engine.networks import Networks
from seaway.engine.specs import NetworkSpec
from seaway.model import Attachment, Network


@dataclass(slots=True)
class NetworkVerbs:
    """Hands each verb to the part that does it."""

    facts: Networks
    wires: Connections

    def get(self, reference: str) -> Network:
        """See Networks.get."""
        return self.facts.get(reference)

    def list(self, filters: Mapping[str, list[str]]) -> list[Network]:
        """See Networks.list."""
        return self.facts.list(filters)

    async def create(self, spec: NetworkSpec) -> tuple[Network, str]:
        """See Networks.create."""
        return await self.facts.create(spec)

    async def remove(self, reference: str) -> None:
        """See Networks.remove."""
        await self.facts.remove(reference)

    async def prune(self, filters: Mapping[str, builtins.list[str]]) -> builtins.list[str]:
        """See Networks.prune."""
        return await self.facts.prune(filters)

    async def connect(self, network_ref: str, container_ref: str, attachment: Attachment) -> None:
        """See Connections.connect."""
        await self.wires.connect(network_ref, container_ref, attachment)

    async def disconnect(self, network_ref: str, container_ref: str, force: bool) -> None:
        """See Connections.disconnect."""
        await self.wires.disconnect(network_ref, container_ref, force)
