"""What belongs to a sandbox as a whole: its namespace, default routes, names and published ports. Pure."""

from collections.abc import Iterator

from seaway.datapath.resources import HOST, HostPort, Netns, NftTable, Relay, Resolver, Resource, Route
from seaway.drivers import parts
from seaway.drivers.parts import BridgeOptions
from seaway.drivers.table import driver
from seaway.firewall.publish import opening, translate
from seaway.model import Binding, Endpoint, Network, Sandbox, Snapshot
from seaway.model.names import RESOLVER_ADDRESS, RESOLVER_PORT
from seaway.model.publish import ANY

DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
GATEWAY_BRIDGE = "docker_gwbridge"
LOOPBACK6 = "::1"
# The port is rewritten in the packet itself, there and back. Redirecting by NAT would turn connection
# tracking on in every container, for all its traffic. Questions are rewritten late and answers early,
# so that rules of the container's own, tracking or not, see port 53 both ways.
RESOLVER_TEXT = f"""
	chain question {{
		type filter hook output priority 200; policy accept;
		ip daddr {RESOLVER_ADDRESS} udp dport 53 udp dport set {RESOLVER_PORT}
		ip daddr {RESOLVER_ADDRESS} tcp dport 53 tcp dport set {RESOLVER_PORT}
	}}
	chain answer {{
		type filter hook output priority raw; policy accept;
		ip saddr {RESOLVER_ADDRESS} udp sport {RESOLVER_PORT} udp sport set 53
		ip saddr {RESOLVER_ADDRESS} tcp sport {RESOLVER_PORT} tcp sport set 53
	}}
"""


def sandbox(sandbox: Sandbox, snapshot: Snapshot) -> Iterator[Resource]:
    """What must stand on this node because the sandbox exists. Nothing, when the namespace is the host's."""
    if sandbox.shared:
        return
    yield Netns(sandbox.path)
    for family, destination in DEFAULT.items():
        endpoint = gateway(sandbox.id, snapshot, family)
        if endpoint is not None:
            via = parts.gateway(snapshot.networks[endpoint.network_id], family)
            yield Route(ns=sandbox.path, destination=destination, device=endpoint.ifname, via=via)
    if sandbox.dns:
        yield NftTable(ns=sandbox.path, family="ip", name=snapshot.node.table, text=RESOLVER_TEXT)
        yield Resolver(ns=sandbox.path, sandbox=sandbox.id)
    yield from _ports(sandbox, snapshot)


def gateway(sandbox_id: str, snapshot: Snapshot, family: int) -> Endpoint | None:
    """The endpoint that carries a sandbox's default route in a family (4 or 6), by Docker's election.

    The higher gateway priority wins; then any other network before docker_gwbridge; then one with both
    families before one with one; then the network's name. Without a gateway there is no candidate.
    """
    found = [
        (endpoint, snapshot.networks[endpoint.network_id])
        for endpoint in snapshot.endpoints.values()
        if endpoint.sandbox_id == sandbox_id and endpoint.network_id in snapshot.networks
    ]
    candidates = [(e, n) for e, n in found if _way_out(e, n, family)]
    return min(candidates, key=_preference)[0] if candidates else None


def address(endpoint: Endpoint, family: int) -> str:
    """The endpoint's address of a family without its prefix, or empty."""
    return next((a.partition("/")[0] for a in endpoint.addresses if (":" in a) == (family == 6)), "")


def _way_out(endpoint: Endpoint, network: Network, family: int) -> bool:
    if not address(endpoint, family):
        return False
    return bool(parts.gateway(network, family))


def _preference(candidate: tuple[Endpoint, Network]) -> tuple[int, bool, bool, str]:
    endpoint, network = candidate
    single = not (_way_out(endpoint, network, 4) and _way_out(endpoint, network, 6))
    return -endpoint.gw_priority, network.name == GATEWAY_BRIDGE, single, network.name


def _ports(sandbox: Sandbox, snapshot: Snapshot) -> Iterator[Resource]:
    if not sandbox.bindings:
        return
    ways = {family: _publisher(sandbox.id, snapshot, family) for family in DEFAULT}
    for binding in sandbox.bindings:
        way = ways[binding.family]
        if way is not None:
            yield from _published(binding, *way, snapshot)
        elif binding.family == 6 and ways[4] is not None:
            yield from _relayed(binding, *ways[4], snapshot)


def _publisher(sandbox_id: str, snapshot: Snapshot, family: int) -> tuple[Endpoint, Network] | None:
    endpoint = gateway(sandbox_id, snapshot, family)
    if endpoint is None:
        return None
    network = snapshot.networks[endpoint.network_id]
    return (endpoint, network) if driver(network.driver).usage.publishes else None


def _published(
    binding: Binding, endpoint: Endpoint, network: Network, snapshot: Snapshot
) -> Iterator[Resource]:
    target, name = address(endpoint, binding.family), snapshot.node.table
    if BridgeOptions.parse(network.options).mode(binding.family) == "routed":
        yield opening(binding, target, network.device, name)
        return
    if binding.host_ip != LOOPBACK6:
        yield translate(binding, target, name)
    # NAT serves all but ::1; what is not translated reaches the relay, which holds the port as well.
    if binding.host_ip in (LOOPBACK6, ANY[6]) and _relays(binding, snapshot):
        yield _relay(binding, target)
    else:
        yield HostPort(ns=HOST, proto=binding.proto, host_ip=binding.host_ip, host_port=binding.host_port)


def _relayed(
    binding: Binding, endpoint: Endpoint, network: Network, snapshot: Snapshot
) -> Iterator[Resource]:
    """An IPv6 host port of a sandbox without IPv6."""
    if _relays(binding, snapshot) and BridgeOptions.parse(network.options).mode4 != "routed":
        yield _relay(binding, address(endpoint, 4))


def _relays(binding: Binding, snapshot: Snapshot) -> bool:
    return snapshot.node.userland_proxy and binding.proto != "sctp"


def _relay(binding: Binding, target: str) -> Relay:
    return Relay(
        ns=HOST,
        proto=binding.proto,
        host_ip=binding.host_ip,
        host_port=binding.host_port,
        target=target,
        port=binding.port,
    )
