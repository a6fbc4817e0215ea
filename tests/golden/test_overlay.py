"""The plans of overlay networks, printed: what must stand on one host of a cluster."""

from collections.abc import Callable, Iterable, Iterator

from seaway.datapath.resources import Resource
from seaway.drivers import driver
from seaway.model import Node, Snapshot
from tests.facts import network, sandbox, tcp
from tests.golden.test_plans import plan as plan_here
from tests.unit.drivers.cluster import HERE, cluster, overlay, peers, place, remote

Golden = Callable[[str, Iterable[Resource]], None]


def plan(facts: Snapshot) -> Iterator[Resource]:
    """What all networks, endpoints and sandboxes want, and endpoints elsewhere."""
    yield from plan_here(facts)
    yield from peers(facts)


def test_two_here_and_three_elsewhere(golden: Golden) -> None:
    """As in the tutorial: eth0 on the overlay, eth1 with the default route and the ports."""
    net = overlay("overlaynet1", "10.0.0.0/24")
    gwbridge = network("docker_gwbridge", "172.18.0.0/16", device="docker_gwbridge")
    one, two = sandbox("over1", tcp(5001, 5001), dns=True), sandbox("over2", dns=True)
    facts = cluster(
        net, gwbridge, one, two,
        place(one, net, "10.0.0.2/24"), place(one, gwbridge, "172.18.0.2/16", ifname="eth1"),
        place(two, net, "10.0.0.3/24"), place(two, gwbridge, "172.18.0.3/16", ifname="eth1"),
        remote("over3", "node2", net, "10.0.0.4/24"),
        remote("over4", "node2", net, "10.0.0.5/24"),
        remote("over5", "node3", net, "10.0.0.6/24"),
    )  # fmt: skip
    golden("overlay", plan(facts))


def test_internal(golden: Golden) -> None:
    """No way out, and host ports lead nowhere."""
    net = overlay("shut", "10.0.1.0/24", internal=True)
    box = sandbox("in", tcp(8080), dns=True)
    golden("overlay-internal", plan(cluster(net, box, place(box, net, "10.0.1.2/24"))))


def test_two_subnets(golden: Golden) -> None:
    """Two segments, routed within each host, and another MTU and port."""
    options = {"com.docker.network.driver.mtu": "1400"}
    net = overlay("wide", "10.1.0.0/24", "10.2.0.0/24", options=options, internal=True)
    one, two = sandbox("a"), sandbox("b")
    facts = cluster(
        net, one, two,
        place(one, net, "10.1.0.2/24"), place(two, net, "10.2.0.2/24"),
        remote("c", "node2", net, "10.1.0.3/24"), remote("d", "node3", net, "10.2.0.3/24"),
        node=Node(name="h1", advertise="192.168.1.21", vxlan_port=8472, rooms="/run/lab/h1"),
    )  # fmt: skip
    golden("overlay-two-subnets", plan(facts))


def test_dual_stack(golden: Golden) -> None:
    """Two subnets of each family: two segments, each with both."""
    net = overlay("both", "10.3.0.0/24", "10.4.0.0/24", "fd03::/64", "fd04::/64", internal=True)
    box = sandbox("six")
    facts = cluster(
        net, box, place(box, net, "10.4.0.2/24", "fd04::2/64", link_local=("fe80::7",)),
        remote("far", "node2", net, "10.3.0.3/24", "fd03::3/64"),
    )  # fmt: skip
    golden("overlay-dual-stack", plan(facts))


def test_ipv6_underlay(golden: Golden) -> None:
    """20 bytes less, and nothing to a host that advertises an IPv4 address."""
    net = overlay("under", "10.5.0.0/24", internal=True)
    box = sandbox("near")
    node = Node(name="h1", advertise="fd00:1::21", advertise_mtu=9000)
    hosts = {"node1": "fd00:1::21", "node2": "fd00:1::20", "node3": "192.168.1.22"}
    facts = cluster(
        net, box, place(box, net, "10.5.0.2/24"),
        remote("far", "node2", net, "10.5.0.3/24"), remote("lost", "node3", net, "10.5.0.4/24"),
        node=node, hosts=hosts,
    )  # fmt: skip
    golden("overlay-ipv6-underlay", plan(facts))


def test_conflicts(golden: Golden) -> None:
    """What stands here wins; of those elsewhere, the one published last."""
    net = overlay("same", "10.6.0.0/24", internal=True)
    box = sandbox("here")
    twin = "02:42:0a:06:00:aa"
    facts = cluster(
        net, box, place(box, net, "10.6.0.2/24"),
        remote("my-address", "node2", net, "10.6.0.2/24", mac="02:42:0a:06:00:99", revision=9),
        remote("my-mac", "node2", net, "10.6.0.3/24", mac="02:42:0a:06:00:02", revision=9),
        remote("old-address", "node2", net, "10.6.0.4/24", mac="02:42:0a:06:00:bb", revision=5),
        remote("new-address", "node3", net, "10.6.0.4/24", mac="02:42:0a:06:00:cc", revision=6),
        remote("new-mac", "node3", net, "10.6.0.5/24", mac=twin, revision=8),
        remote("old-mac", "node2", net, "10.6.0.6/24", mac=twin, revision=7),
    )  # fmt: skip
    golden("overlay-conflicts", plan(facts))


def test_nothing_without_an_endpoint_here(golden: Golden) -> None:
    net = overlay("elsewhere", "10.7.0.0/24")
    facts = cluster(net, remote("far", "node2", net, "10.7.0.2/24"))
    assert list(plan(facts)) == list(driver("overlay").rooms(net, facts)) == []


def test_nothing_goes_to_a_host_that_cannot_be_reached() -> None:
    """An unknown one, one that says it is at our own address, or all while we have none."""
    net, box = overlay("net", "10.8.0.0/24"), sandbox("c")
    spot = place(box, net, "10.8.0.2/24")
    stranger = remote("a", "unknown", net, "10.8.0.3/24")
    mirror = remote("b", "node2", net, "10.8.0.4/24")
    assert peers(cluster(net, box, spot, stranger)) == []
    assert peers(cluster(net, box, spot, mirror, hosts={"node2": HERE.advertise})) == []
    alone = cluster(net, box, spot, mirror, node=Node(name="h1"))
    assert peers(alone) == []
    kinds = {type(r).__name__ for r in plan(alone)}
    assert "Bridge" in kinds and "Vxlan" not in kinds, "containers of this host reach each other"
