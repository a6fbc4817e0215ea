"""The driver ``overlay``: one layer 2 over many hosts, by VXLAN.

All of it stands in a hidden namespace, and only on hosts that have an endpoint on the network. Nothing is
learnt and nothing is flooded: there are entries for exactly the endpoints that the cluster's store knows.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    Neighbour,
    Netns,
    Resource,
    Route,
    Sysctl,
    VethPair,
    Vxlan,
)
from seaway.drivers import parts
from seaway.drivers.far_end import far_end
from seaway.drivers.overlay_site import Port, Site, site
from seaway.drivers.parts import IFACE_PREFIX, MTU, PREFIX, Nothing
from seaway.drivers.protocol import Usage
from seaway.drivers.segments import VNI_LIST, VNI_LIST_SHORT, read_vnis, segments, vnis_wanted
from seaway.errors import Forbidden, InvalidInput, NotImplementedHere
from seaway.ipam.pools import OVERLAP
from seaway.model import Endpoint, Network, Node, Remote, Snapshot
from seaway.model.names import mac_of

OVERHEAD = {4: 50, 6: 70}
"""Bytes that VXLAN takes from the MTU of an underlay of that family: Ethernet, IP, UDP and VXLAN headers."""
LOWEST_MTU6 = 1280
OWN = PREFIX + "driver.overlay."
SECURE = ("encrypted", OWN + "secure")
NO_ENCRYPTION = (
    "encrypted overlay networks are not available yet: they need IPsec rules that Seaway does not write so "
    "far, and ESP, which this host's kernel may lack. Leave the option out; where the wire is not trusted, "
    "encrypt beneath the network, such as by WireGuard between the hosts"
)
QUIET = ("iptables", "ip6tables", "arptables")
"""Firewalls of the host's that bridged frames are not to be shown to."""


class OverlayDriver(Nothing):
    """Containers on several hosts as if on one switch."""

    name = "overlay"
    usage = Usage(device=True, shared=True, way_out=True)

    def check(self, network: Network, snapshot: Snapshot) -> None:
        """Refuse wrong options, and subnets and VXLAN identifiers that are in use."""
        options = parts.typed(network.options, _OPTIONS, self.name, OWN)
        if options.get("secure"):
            raise NotImplementedHere(NO_ENCRYPTION)
        size = _asked_mtu(network)
        if size and size < LOWEST_MTU6 and any(p.family == 6 for p in network.pools):
            raise InvalidInput(f"{MTU}={size} is too small for IPv6, which needs {LOWEST_MTU6} bytes")
        if network.config_only:
            return
        wanted = vnis_wanted(network.options, len(segments(network.pools)))
        mine = {p.vni for p in network.pools if p.vni} | set(wanted)
        _refuse_overlaps(network, network)
        for other in snapshot.networks.values():
            if other.driver != self.name or other.config_only or other.id == network.id:
                continue
            _refuse_overlaps(network, other)
            if taken := mine & {p.vni for p in other.pools if p.vni}:
                raise Forbidden(f"VXLAN identifier {min(taken)} is in use by network {other.name}")

    def network(self, network: Network, snapshot: Snapshot) -> Iterator[Resource]:
        """The hidden namespace with a bridge and a VXLAN device for each segment."""
        if network.id not in snapshot.present:
            return
        here, node, size = site(network, snapshot), snapshot.node, mtu(network, snapshot.node)
        yield Netns(here.room)
        for name, value, optional in _sysctls(here):
            yield Sysctl(ns=here.room, name=name, value=value, optional=optional)
        for port in here.ports:
            gateways = [(p, p.gateway) for p in port.pools if p.gateway]
            first = next((g for p, g in gateways if p.family == 4), "")
            yield Bridge(ns=here.room, name=port.bridge, mtu=size, mac=mac_of(first, network.id))
            for pool, gateway in gateways:
                yield Address(ns=here.room, device=port.bridge, cidr=f"{gateway}/{pool.prefix}")
            if node.advertise:
                yield Vxlan(
                    ns=here.room,
                    name=port.vxlan,
                    vni=port.vni,
                    local=node.advertise,
                    port=node.vxlan_port,
                    mtu=size,
                    master=port.bridge,
                )

    def endpoint(self, endpoint: Endpoint, network: Network, snapshot: Snapshot) -> Iterator[Resource]:
        """The veth pair from the hidden namespace, the addresses, and routes to the other segments."""
        box = snapshot.sandboxes.get(endpoint.sandbox_id)
        here = site(network, snapshot)
        port = here.port(endpoint.addresses)
        if box is None or box.shared or port is None:
            return
        yield VethPair(
            ns=here.room,
            name=endpoint.device,
            peer_ns=box.path,
            peer=endpoint.ifname,
            mtu=mtu(network, snapshot.node),
            mac=endpoint.mac,
            master=port.bridge,
        )
        yield from far_end(endpoint, box)
        for cidr in endpoint.addresses:
            address = cidr.partition("/")[0]
            if endpoint.mac and here.addresses.get(address) == endpoint.id:
                yield Neighbour(here.room, port.bridge, address, endpoint.mac, announce=port.bridge)
        families = {6 if ":" in cidr else 4 for cidr in endpoint.addresses}
        for subnet, via in _others(here, port, families):
            yield Route(ns=box.path, destination=subnet, device=endpoint.ifname, via=via)

    def remote(self, remote: Remote, network: Network, snapshot: Snapshot) -> Iterator[Resource]:
        """Where its frames go, and who has its addresses; of what an endpoint here has too, nothing."""
        if network.id not in snapshot.present:
            return
        here = site(network, snapshot)
        port, to = here.port(remote.addresses), _vtep(remote, snapshot)
        if port is None or not to or not remote.mac:
            return
        abroad = snapshot.remotes(network.id)
        if remote.mac not in here.macs and _holds(remote, abroad.by_mac.get(remote.mac)):
            yield Forward(here.room, port.vxlan, remote.mac, to)
        for cidr in remote.addresses:
            address = cidr.partition("/")[0]
            if address not in here.addresses and _holds(remote, abroad.by_address.get(address)):
                yield Neighbour(here.room, port.vxlan, address, remote.mac, announce=port.bridge)

    def rooms(self, network: Network, snapshot: Snapshot) -> Iterable[str]:
        """The hidden namespace, where there is one."""
        return (site(network, snapshot).room,) if network.id in snapshot.present else ()


def mtu(network: Network, node: Node) -> int:
    """The MTU of a network's devices on a node: the one asked for, or what VXLAN leaves of the underlay's."""
    return _asked_mtu(network) or node.advertise_mtu - OVERHEAD[6 if ":" in node.advertise else 4]


def _asked_mtu(network: Network) -> int:
    return int(network.options.get(MTU) or 0)


def _sysctls(here: Site) -> Iterator[tuple[str, str, bool]]:
    """Names and values, and whether a kernel may lack the parameter."""
    for wall in QUIET:
        yield f"net.bridge.bridge-nf-call-{wall}", "0", True
    if here.routes(4):
        yield "net.ipv4.ip_forward", "1", False
    if any(p.family == 6 for p in here.network.pools):
        # The gateway's address stands on every host: looked for, it would be found. And a bridge that
        # still looks for its own link-local address asks for no neighbour.
        yield "net.ipv6.conf.default.accept_dad", "0", False
    if here.routes(6):
        yield "net.ipv6.conf.all.forwarding", "1", False
    for port in here.ports:
        six = any(p.family == 6 for p in port.pools)
        for device in (port.bridge, port.vxlan) if here.advertised else (port.bridge,):
            yield f"net.ipv6.conf.{device}.disable_ipv6", "0" if six else "1", False
            if six:
                yield f"net.ipv6.conf.{device}.accept_ra", "0", False


def _others(here: Site, own: Port, families: Iterable[int]) -> Iterator[tuple[str, str]]:
    """The subnets of the other segments, each with the gateway to it."""
    for family in sorted(families):
        via = next((p.gateway for p in own.pools if p.family == family), "")
        for port in here.ports:
            if via and port is not own:
                yield from ((p.subnet, via) for p in port.pools if p.family == family)


def _vtep(remote: Remote, snapshot: Snapshot) -> str:
    """Where the endpoint's host takes VXLAN packets; empty when they cannot be sent there from here."""
    member, mine = snapshot.members.get(remote.node), snapshot.node.advertise
    if member is None or not mine or member.address == mine:
        return ""
    return member.address if (":" in member.address) == (":" in mine) else ""


def _holds(remote: Remote, holder: Remote | None) -> bool:
    return holder is not None and holder.id == remote.id


def _refuse_overlaps(network: Network, other: Network) -> None:
    theirs = [(p, ip_network(p.subnet)) for p in other.pools]
    for pool in network.pools:
        subnet = ip_network(pool.subnet)
        for their, net in theirs:
            if their is not pool and their.family == pool.family and net.overlaps(subnet):
                where = "of the same network" if other is network else f"of network {other.name}"
                raise Forbidden(f"{OVERLAP}: {pool.subnet} and {their.subnet} {where}")


def _secure(value: str) -> bool:
    return parts.truth(value) if value else True


_OPTIONS: parts.Options = {
    MTU: ("mtu", parts.mtu),
    VNI_LIST: ("vnis", read_vnis),
    VNI_LIST_SHORT: ("vnis", read_vnis),
    IFACE_PREFIX: ("prefix", parts.ifname_prefix),
    **dict.fromkeys(SECURE, ("secure", _secure)),
}
