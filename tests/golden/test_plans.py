"""The plans of the drivers, printed: what must stand in the kernel for some networks and containers."""

from collections.abc import Callable, Iterable, Iterator

from seaway.datapath.resources import Resource
from seaway.drivers import driver
from seaway.drivers.host_plan import host
from seaway.drivers.sandbox import sandbox as plan_sandbox
from seaway.model import Network, Node, Snapshot
from tests.facts import endpoint, network, sandbox, snapshot, tcp

Golden = Callable[[str, Iterable[Resource]], None]
BRIDGE = "com.docker.network.bridge."


def plan(facts: Snapshot) -> Iterator[Resource]:
    """What all networks, endpoints and sandboxes want; not the host."""
    for net in facts.networks.values():
        yield from driver(net.driver).network(net, facts)
    for place in facts.endpoints.values():
        net = facts.networks[place.network_id]
        yield from driver(net.driver).endpoint(place, net, facts)
    for box in facts.sandboxes.values():
        yield from plan_sandbox(box, facts)


def test_host(golden: Golden) -> None:
    golden("host-itself", host(snapshot()))


def test_default_bridge_with_published_ports(golden: Golden) -> None:
    net = network("bridge", "172.17.0.0/16", device="docker0", predefined=True)
    box = sandbox("web1", tcp(5001, 5001), tcp(5001, 5001, "::"), tcp(8081, 80, "127.0.0.1"),
                  tcp(5353, 53, "0.0.0.0", "udp"))  # fmt: skip
    golden("bridge-default", plan(snapshot(net, box, endpoint(box, net, "172.17.0.2/16"))))


def test_user_bridge_with_options(golden: Golden) -> None:
    options = {
        BRIDGE + "name": "br9.x",
        BRIDGE + "enable_ip_masquerade": "false",
        BRIDGE + "trusted_host_interfaces": "eth1:eth2",
        "com.docker.network.driver.mtu": "1400",
    }
    net = network("user", "10.9.0.0/16", device="br9.x", options=options)
    box = sandbox("web", dns=True)
    place = endpoint(box, net, "10.9.0.2/16", link_local=("169.254.7.7", "fe80::7"))
    golden("bridge-options", plan(snapshot(net, box, place)))


def test_dual_stack(golden: Golden) -> None:
    net = network("both", "10.8.0.0/24", "fd08::/64", options={"com.docker.network.host_ipv4": "192.0.2.7"})
    box = sandbox("six", tcp(8080), tcp(8080, 80, "::"), tcp(8081, 80, "2001:db8::5"), tcp(8082, 80, "::1"))
    golden("bridge-dual-stack", plan(snapshot(net, box, endpoint(box, net, "10.8.0.2/24", "fd08::2/64"))))


def test_internal(golden: Golden) -> None:
    net = network("shut", "10.7.0.0/24", internal=True)
    box = sandbox("in", tcp(8080), dns=True)
    golden("bridge-internal", plan(snapshot(net, box, endpoint(box, net, "10.7.0.2/24"))))


def test_icc_off(golden: Golden) -> None:
    net = network("apart", "10.6.0.0/24", options={BRIDGE + "enable_icc": "false"})
    box = sandbox("alone")
    golden("bridge-icc-off", plan(snapshot(net, box, endpoint(box, net, "10.6.0.2/24"))))


def test_routed(golden: Golden) -> None:
    options = {BRIDGE + "gateway_mode_ipv4": "routed", BRIDGE + "gateway_mode_ipv6": "nat-unprotected"}
    net = network("open", "10.5.0.0/24", "fd05::/64", options=options)
    box = sandbox("seen", tcp(8080), tcp(8080, 80, "::"))
    facts = snapshot(net, box, endpoint(box, net, "10.5.0.2/24", "fd05::2/64"), node=_quiet())
    golden("bridge-modes-no-relay", plan(facts))


def test_none_and_host(golden: Golden) -> None:
    none = Network(id="0" * 64, name="none", driver="null", created="", predefined=True)
    box = sandbox("hermit")
    golden("none", plan(snapshot(none, box, endpoint(box, none, ifname="", mac="", device=""))))
    shared = Network(id="1" * 64, name="host", driver="host", created="", predefined=True)
    box = sandbox("guest", tcp(80), shared=True, path="")
    golden("host", plan(snapshot(shared, box, endpoint(box, shared, ifname="", mac="", device=""))))


def test_multi_homed(golden: Golden) -> None:
    """Two ways out and one network without: routes and ports stand on the elected ones."""
    a = network("a", "10.1.0.0/24")
    b = network("b", "10.2.0.0/24", "fd02::/64")
    shut = network("c", "10.3.0.0/24", internal=True)
    box = sandbox("hub", tcp(8080), tcp(8080, 80, "::"), dns=True)
    places = [
        endpoint(box, a, "10.1.0.2/24"),
        endpoint(box, b, "10.2.0.2/24", "fd02::2/64", ifname="eth1"),
        endpoint(box, shut, "10.3.0.2/24", ifname="eth2"),
    ]
    golden("sandbox-multi-homed", plan(snapshot(a, b, shut, box, *places)))


def _quiet() -> Node:
    return Node(name="test", userland_proxy=False)
