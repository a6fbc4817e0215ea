"""The election of the way out, and what belongs to a sandbox as a whole."""

import pytest

from seaway.datapath.resources import HostPort, Netns, NftElement, NftTable, Relay, Resolver, Route
from seaway.drivers.sandbox import gateway, sandbox
from seaway.ipam.addresses import next_address
from seaway.model import Network, Node, Pool
from tests.facts import endpoint, network, snapshot, tcp
from tests.facts import sandbox as box_of


def elected(*nets: tuple[Network, int], family: int = 4) -> str:
    """Name of the elected network among networks with their priorities."""
    box = box_of("c")
    places = []
    for number, (net, priority) in enumerate(nets):
        addresses = tuple(f"{next_address(p, ())}/{p.prefix}" for p in net.pools)
        places.append(endpoint(box, net, *addresses, ifname=f"eth{number}", gw_priority=priority))
    facts = snapshot(box, *(n for n, _ in nets), *places)
    found = gateway(box.id, facts, family)
    return facts.networks[found.network_id].name if found else ""


A = network("a", "10.1.0.0/24")
B = network("b", "10.2.0.0/24")
BOTH = network("z", "10.3.0.0/24", "fd03::/64")
SHUT = network("0shut", "10.4.0.0/24", "fd04::/64", internal=True)
BARE = network("0bare", pools=(Pool(subnet="10.5.0.0/24"),))
GATEWAY_BRIDGE = network("docker_gwbridge", "10.6.0.0/24")


def test_election() -> None:
    assert elected((B, 0), (A, 0)) == "a", "by name"
    assert elected((B, 1), (A, 0)) == "b", "by priority"
    assert elected((A, -1), (B, 0)) == "b", "negative priority"
    assert elected((A, 0), (BOTH, 0)) == "z", "both families before one"
    assert elected((A, 1), (BOTH, 0)) == "a", "priority before families"
    assert elected((A, 1), (BOTH, 0), family=6) == "z", "each family on its own"
    assert elected((SHUT, 9), (A, 0)) == "a", "internal is no way out"
    assert elected((BARE, 9), (A, 0)) == "a", "nor is a network without a gateway"
    assert elected((GATEWAY_BRIDGE, 0), (network("z", "10.7.0.0/24"), 0)) == "z"
    assert elected((GATEWAY_BRIDGE, 0)) == "docker_gwbridge"
    assert elected((SHUT, 0)) == ""
    assert elected((A, 0), family=6) == ""


def test_gateway_may_be_another_than_the_bridge() -> None:
    pool = Pool(subnet="10.1.0.0/24", gateway="10.1.0.1", aux={"DefaultGatewayIPv4": "10.1.0.254"})
    net, box = network("n", pools=(pool,)), box_of("c")
    plan = list(sandbox(box, snapshot(net, box, endpoint(box, net, "10.1.0.2/24"))))
    assert Route(ns=box.path, destination="0.0.0.0/0", device="eth0", via="10.1.0.254") in plan


def test_shared_sandbox_has_nothing() -> None:
    box = box_of("c", tcp(80), shared=True)
    assert list(sandbox(box, snapshot(box))) == []


def test_sandbox_without_networks_is_a_namespace() -> None:
    box = box_of("c", tcp(80))
    assert list(sandbox(box, snapshot(box))) == [Netns(box.path)]


def test_names_need_a_resolver_and_a_way_to_it() -> None:
    box = box_of("c", dns=True)
    kinds = [type(r) for r in sandbox(box, snapshot(box))]
    assert kinds == [Netns, NftTable, Resolver]


@pytest.mark.parametrize("relay", [True, False])
def test_ipv6_port_of_a_container_without_ipv6_is_relayed_or_left_out(relay: bool) -> None:
    box = box_of("c", tcp(80), tcp(80, 80, "::"), tcp(81, 81, "::", "sctp"))
    facts = snapshot(A, box, endpoint(box, A, "10.1.0.2/24"), node=Node(userland_proxy=relay))
    plan = list(sandbox(box, facts))
    assert [r for r in plan if isinstance(r, Relay)] == [Relay("", "tcp", "::", 80, "10.1.0.2", 80)] * relay
    assert [r.host_ip for r in plan if isinstance(r, HostPort)] == ["0.0.0.0"]


def test_ports_follow_the_elected_network() -> None:
    box = box_of("c", tcp(80))
    on_a, on_b = endpoint(box, A, "10.1.0.2/24"), endpoint(box, B, "10.2.0.2/24", ifname="eth1")

    def target(*places: object) -> list[str]:
        facts = snapshot(A, B, box, *places)  # type: ignore[arg-type]
        return [r.value for r in sandbox(box, facts) if isinstance(r, NftElement)]

    assert target(on_a, on_b) == ["10.1.0.2 . 80"]
    assert target(on_b) == ["10.2.0.2 . 80"]
    assert target() == []
