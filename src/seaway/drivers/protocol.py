"""What a driver is: checks of options, and pure functions from facts to resources."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from seaway.datapath.resources import Resource
from seaway.model import Endpoint, Network, Remote, Snapshot


@dataclass(frozen=True, slots=True)
class Usage:
    """What a kind of network needs and offers; the engine asks nothing else about a driver.

    ``addressed``: it takes addresses from pools. ``sandboxed``: its containers have a namespace of
    their own. ``resolver``: its containers get the embedded DNS. ``single``: there is only the
    predefined one. ``publishes``: host ports can lead to its endpoints. ``device``: its endpoints have an
    interface of their own.

    ``shared``: its networks are the cluster's: of scope global, they need a cluster store, and each of their
    segments gets a VNI. ``way_out``: unless the network is internal, its containers also get an endpoint on
    docker_gwbridge, by which they reach the outside and the outside their ports.
    """

    addressed: bool = True
    sandboxed: bool = True
    resolver: bool = True
    single: bool = False
    publishes: bool = True
    device: bool = False
    shared: bool = False
    way_out: bool = False


class Driver(Protocol):
    """One kind of network."""

    name: str
    usage: Usage

    def check(self, network: Network, snapshot: Snapshot) -> None:
        """Refuse options that make no sense: InvalidInput, Forbidden. Touches nothing."""
        ...

    def network(self, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """What must stand on this node because the network exists."""
        ...

    def endpoint(self, endpoint: Endpoint, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """What must stand on this node because the endpoint exists (device, addresses; no default route)."""
        ...

    def remote(self, remote: Remote, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """What must stand on this node because an endpoint on another host exists."""
        ...

    def rooms(self, network: Network, snapshot: Snapshot) -> Iterable[str]:
        """Paths of the hidden namespaces that the driver uses on this node for the network."""
        ...
