"""The driver ``bridge``: a Linux bridge on the host, a veth pair to each container, NAT to the outside."""

from collections.abc import Iterator
from ipaddress import ip_network

from seaway.datapath.resources import HOST, Address, Bridge, Resource, Sysctl, VethPair
from seaway.drivers.far_end import far_end
from seaway.drivers.parts import BridgeOptions, Nothing, pool_of, sysctl_device
from seaway.drivers.protocol import Usage
from seaway.errors import Forbidden, InvalidInput
from seaway.firewall.wall import Family, Wall, elements
from seaway.model import Endpoint, Network, Node, Snapshot
from seaway.model.names import mac_of

FAMILIES = (4, 6)


class BridgeDriver(Nothing):
    """Docker's default kind of network, and the one for which host ports can be published."""

    name = "bridge"
    usage = Usage(device=True)

    def check(self, network: Network, snapshot: Snapshot) -> None:
        """Refuse wrong options, a second pool of a family, and what clashes with another bridge network."""
        options = BridgeOptions.parse(network.options)
        modes = (options.mode4, options.mode6)
        if "isolated" in modes and not network.internal:
            raise InvalidInput("gateway mode 'isolated' can only be used for an internal network")
        if network.config_only:
            return
        if any(sum(p.family == family for p in network.pools) > 1 for family in FAMILIES):
            raise Forbidden("bridge driver doesn't support multiple subnets")
        for other in snapshot.networks.values():
            reason = "" if other.id == network.id else _clash(network, other)
            if reason:
                raise Forbidden(
                    f"cannot create network {network.id} ({network.device}): "
                    f"conflicts with network {other.id} ({other.device}): {reason}"
                )

    def network(self, network: Network, snapshot: Snapshot) -> Iterator[Resource]:
        """The bridge with the gateways' addresses, and its walls."""
        options, node = BridgeOptions.parse(network.options), snapshot.node
        yield Bridge(
            ns=HOST,
            name=network.device,
            mtu=options.mtu or node.mtu,
            mac=mac_of(_bridge_address(network), network.id) if network.device_ours else "",
            ours=network.device_ours,
        )
        for name, value in _sysctls(network):
            yield Sysctl(ns=HOST, name=name, value=value)
        for pool in network.pools:
            silent = options.mode(pool.family) == "isolated" or (options.inhibit_ipv4 and pool.family == 4)
            if pool.gateway and not silent:
                yield Address(ns=HOST, device=network.device, cidr=f"{pool.gateway}/{pool.prefix}")
        yield from elements(_wall(network, options, node), node.table)

    def endpoint(self, endpoint: Endpoint, network: Network, snapshot: Snapshot) -> Iterator[Resource]:
        """The veth pair and the addresses at its far end."""
        box = snapshot.sandboxes.get(endpoint.sandbox_id)
        if box is None or box.shared:
            return
        options = BridgeOptions.parse(network.options)
        yield VethPair(
            ns=HOST,
            name=endpoint.device,
            peer_ns=box.path,
            peer=endpoint.ifname,
            mtu=options.mtu or snapshot.node.mtu,
            mac=endpoint.mac,
            master=network.device,
            hairpin=True,
            isolated=not options.icc,
        )
        yield from far_end(endpoint, box)


def _sysctls(network: Network) -> Iterator[tuple[str, str]]:
    device = sysctl_device(network.device)
    # What comes from 127.0.0.1 to a published port is sent on to the container, and the answer taken in.
    yield f"net.ipv4.conf.{device}.route_localnet", "1"
    if pool_of(network, 6):
        yield f"net.ipv6.conf.{device}.disable_ipv6", "0"
        yield f"net.ipv6.conf.{device}.accept_ra", "0"
        # Nobody else has the bridge's address. While it would be looked for, for up to two seconds,
        # nothing could be forwarded to the first container on the bridge.
        yield f"net.ipv6.conf.{device}.accept_dad", "0"
        yield "net.ipv6.conf.all.forwarding", "1"


def _wall(network: Network, options: BridgeOptions, node: Node) -> Wall:
    return Wall(
        device=network.device,
        icc=options.icc,
        internal=network.internal,
        trusted=options.trusted,
        families={
            pool.family: Family(
                mode=options.mode(pool.family),
                masquerade=options.masquerade and node.ip_masq,
                source=options.source(pool.family),
            )
            for pool in network.pools
        },
    )


def _bridge_address(network: Network) -> str:
    return next((p.gateway for p in network.pools if p.gateway and p.family == 4), "")


def _clash(network: Network, other: Network) -> str:
    if other.driver != network.driver or other.config_only:
        return ""
    if network.device and network.device == other.device:
        return "same bridge name"
    for family in FAMILIES:
        mine, theirs = pool_of(network, family), pool_of(other, family)
        if mine and theirs and ip_network(mine.subnet).overlaps(ip_network(theirs.subnet)):
            return f"networks have overlapping IPv{family}"
    return ""
