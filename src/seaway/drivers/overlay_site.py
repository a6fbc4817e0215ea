"""What an overlay network is made of on this node: device names, segments, and what stands here. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from seaway.drivers.segments import segments
from seaway.model import Endpoint, Network, Pool, Snapshot
from seaway.model.names import hidden_namespace, overlay_bridge, overlay_vxlan


@dataclass(frozen=True, slots=True)
class Port:
    """One segment's devices and pools on this node."""

    vni: int
    bridge: str
    vxlan: str
    pools: tuple[Pool, ...]
    nets: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """An overlay network on this node.

    ``room`` is the path of its hidden namespace. ``addresses`` (without prefix, with the ID of the endpoint)
    and ``macs`` are those of endpoints here. ``advertised``: there is an address for VXLAN packets.
    """

    network: Network
    room: str
    ports: tuple[Port, ...]
    addresses: Mapping[str, str]
    macs: frozenset[str]
    advertised: bool

    def port(self, addresses: Sequence[str]) -> Port | None:
        """The segment of an endpoint with these addresses (``address/prefix``): the first that is in one."""
        if len(self.ports) == 1:
            return self.ports[0]
        for cidr in addresses:
            address = ip_address(cidr.partition("/")[0])
            for port in self.ports:
                if any(address in net for net in port.nets):
                    return port
        return None

    def routes(self, family: int) -> bool:
        """Whether there are several segments of a family, between which packets are forwarded."""
        return sum(pool.family == family for port in self.ports for pool in port.pools) > 1


@dataclass(frozen=True, slots=True)
class _Memory:
    """A node's endpoints by network, and the sites worked out so far."""

    snapshot: Snapshot
    by_network: Mapping[str, list[Endpoint]]
    sites: dict[str, Site] = field(default_factory=dict)


_latest = [_Memory(Snapshot(), {})]
"""What was worked out of the snapshot asked for last: a memory only, never part of a result."""


def site(network: Network, snapshot: Snapshot) -> Site:
    """The network on this node. Worked out once, while it and the endpoints of this node stay as they are."""
    memory = _latest[0]
    if not _same(memory.snapshot, snapshot):
        memory = _latest[0] = _Memory(snapshot, _by_network(snapshot))
    found = memory.sites.get(network.id)
    if found is None or found.network is not network:
        found = _work_out(network, snapshot, memory.by_network.get(network.id, ()))
        memory.sites[network.id] = found
    return found


def _same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots have the same endpoints: a mapping is replaced by a change, never changed."""
    if one.endpoints is not other.endpoints:
        return False
    return one.node is other.node or one.node == other.node


def _by_network(snapshot: Snapshot) -> dict[str, list[Endpoint]]:
    found: dict[str, list[Endpoint]] = {}
    for endpoint in snapshot.endpoints.values():
        found.setdefault(endpoint.network_id, []).append(endpoint)
    return found


def _work_out(network: Network, snapshot: Snapshot, endpoints: Sequence[Endpoint]) -> Site:
    addresses: dict[str, str] = {}
    for endpoint in endpoints:
        for cidr in endpoint.addresses:
            addresses.setdefault(cidr.partition("/")[0], endpoint.id)
    return Site(
        network=network,
        room=hidden_namespace(snapshot.node.rooms, network.id),
        ports=tuple(
            Port(
                vni=segment.vni,
                bridge=overlay_bridge(segment.vni, network.id),
                vxlan=overlay_vxlan(segment.vni, network.id),
                pools=segment.pools,
                nets=tuple(ip_network(p.subnet) for p in segment.pools),
            )
            for segment in segments(network.pools)
        ),
        addresses=addresses,
        macs=frozenset(e.mac for e in endpoints if e.mac),
        advertised=bool(snapshot.node.advertise),
    )
