"""All facts known on this node at one instant, with the look-ups that drivers need."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from seaway.model.endpoint import Endpoint
from seaway.model.member import Member, Remote
from seaway.model.network import Network
from seaway.model.node import Node
from seaway.model.sandbox import Sandbox

T = TypeVar("T")


def _empty() -> Mapping[str, T]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Abroad:
    """What stands on other hosts on one network: remote endpoints by ID, and who holds what.

    ``by_address`` (without prefix) and ``by_mac`` tell the endpoint that holds an address or a MAC
    address: of several that say so, the one published last.
    """

    remotes: Mapping[str, Remote] = field(default_factory=_empty)
    by_address: Mapping[str, Remote] = field(default_factory=_empty)
    by_mac: Mapping[str, Remote] = field(default_factory=_empty)


NOWHERE = Abroad()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable view of the facts. Mappings are by full ID and must never be changed in place.

    ``endpoints`` are those of this node; ``abroad`` has those of the cluster's other nodes by network.
    ``members`` are the cluster's nodes, ``alive`` the IDs of those whose lease runs. ``present`` are the IDs
    of the networks that have an endpoint on this node.
    """

    node: Node = Node()
    networks: Mapping[str, Network] = field(default_factory=_empty)
    endpoints: Mapping[str, Endpoint] = field(default_factory=_empty)
    sandboxes: Mapping[str, Sandbox] = field(default_factory=_empty)
    abroad: Mapping[str, Abroad] = field(default_factory=_empty)
    members: Mapping[str, Member] = field(default_factory=_empty)
    alive: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()

    def remotes(self, network_id: str) -> Abroad:
        """What stands on other hosts on a network."""
        return self.abroad.get(network_id, NOWHERE)

    def endpoints_of_network(self, network_id: str) -> list[Endpoint]:
        """Endpoints on a network, by name."""
        return _by_name(e for e in self.endpoints.values() if e.network_id == network_id)

    def endpoints_of_sandbox(self, sandbox_id: str) -> list[Endpoint]:
        """Endpoints in a sandbox, in the order of their interface names."""
        found = (e for e in self.endpoints.values() if e.sandbox_id == sandbox_id)
        return sorted(found, key=lambda e: (len(e.ifname), e.ifname, e.id))

    def endpoints_of_container(self, container_id: str) -> list[Endpoint]:
        """Endpoints of a container, by interface name."""
        found = (e for e in self.endpoints.values() if e.container_id == container_id)
        return sorted(found, key=lambda e: (len(e.ifname), e.ifname, e.id))


def _by_name(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    return sorted(endpoints, key=lambda e: (e.name, e.id))
