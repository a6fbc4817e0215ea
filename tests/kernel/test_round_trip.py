"""What the plans want is what the hand for nftables reads back: settling twice does nothing."""

from collections.abc import Iterator

import pytest

from seaway.datapath.netns import create, remove
from seaway.datapath.nft import NftHand
from seaway.datapath.reconcile import Make, difference, keyed
from seaway.datapath.resources import HOST, NftElement, NftTable, Resource
from seaway.drivers import driver
from seaway.drivers.host_plan import host
from seaway.drivers.sandbox import sandbox
from tests.facts import endpoint, network, snapshot, tcp
from tests.facts import sandbox as box_of

pytestmark = pytest.mark.root
BRIDGE = "com.docker.network.bridge."
PORTS = ((80, "0.0.0.0"), (80, "::"), (81, "127.0.0.1"), (82, "2001:db8::1"), (65535, "192.0.2.9"))
PLACE = "/run/seaway-test-round-trip"


@pytest.fixture
def hand() -> Iterator[NftHand]:
    create(PLACE)
    made = NftHand(PLACE)
    yield made
    made.close()
    remove(PLACE)


def wanted() -> list[Resource]:
    options = {BRIDGE + "gateway_mode_ipv4": "routed", BRIDGE + "trusted_host_interfaces": "eth1"}
    source = {"com.docker.network.host_ipv4": "192.0.2.1", "com.docker.network.host_ipv6": "2001:db8::1"}
    naked = {BRIDGE + "gateway_mode_ipv4": "nat-unprotected", BRIDGE + "gateway_mode_ipv6": "routed"}
    nets = [
        network("both", "10.1.0.0/24", "fd01::/64"),
        network("routed", "10.2.0.0/24", "fd02::/64", options=options),
        network("naked", "10.3.0.0/24", "fd03::/64", options=naked),
        network("shut", "10.4.0.0/24", internal=True),
        network("source", "10.5.0.0/24", "fd05::/64", options=source),
    ]
    facts = []
    for net in nets:
        ports = [
            tcp(p, 80, ip, proto)
            for p, ip in PORTS
            for proto in ("tcp", "udp", "sctp")
        ] if net.name in ("both", "naked") else [tcp(9)]  # fmt: skip
        box = box_of(net.name, *ports)
        addresses = (f"{p.subnet.partition('/')[0][:-1]}2/{p.prefix}" if p.family == 4
                     else f"{p.subnet.partition('/')[0]}2/{p.prefix}" for p in net.pools)  # fmt: skip
        facts += [box, endpoint(box, net, *addresses)]
    known = snapshot(*nets, *facts)
    plan: list[Resource] = list(host(known))
    for net in nets:
        plan += driver("bridge").network(net, known)
    for box in known.sandboxes.values():
        plan += sandbox(box, known)
    every = [r for r in plan if isinstance(r, NftTable | NftElement) and r.ns == HOST]
    return list({r.key: r for r in every}.values())


def test_plans_are_read_back_as_they_were_written(hand: NftHand) -> None:
    plan = wanted()
    assert {r.set for r in plan if isinstance(r, NftElement)} >= {
        "bridges", "icc", "internal", "trusted", "unprotected4", "routed4", "routed6", "open4", "open6",
        "masq4", "masq6", "snat4", "snat6", "publish4", "publish6", "publish4_at", "publish6_at",
    }  # fmt: skip
    assert hand.apply([Make(r) for r in sorted(plan, key=lambda r: r.rank)]) == []
    assert difference(keyed(plan), keyed(hand.read([HOST]))) == []
