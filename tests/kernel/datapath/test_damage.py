"""What people do by hand to what is ours is seen and put right by exactly the operations needed."""

import pytest

from seaway.datapath import netns
from tests.kernel.datapath.ground import Ground, inside, keys

pytestmark = pytest.mark.root

LINK, VETH = ("link", "", "br-one"), ("link", "", "veth1")
TABLE = ("nft-table", "", "inet", "seaway")
PUBLISHED = ("nft-element", "", "seaway", "publish4", "tcp . 8001")
ELEMENTS = {PUBLISHED, ("nft-element", "", "seaway", "bridges", '"br-one"')}
FOUR, SIX = ("address", "", "br-one", "172.30.0.1/16"), ("address", "", "br-one", "fd30::1/64")
LOCALNET = ("sysctl", "", "net.ipv4.conf.br-one.route_localnet")

ON_HOST = [
    ("ip link del br-one", {LINK, VETH, FOUR, SIX, LOCALNET}),
    ("ip link set br-one down", {LINK, SIX}),
    ("ip link set br-one mtu 1400", {LINK}),
    ("ip link set br-one address 02:00:00:00:00:99", {LINK}),
    ("ip addr del 172.30.0.1/16 dev br-one", {FOUR}),
    ("ip addr flush dev br-one", {FOUR, SIX}),
    ("ip link set veth1 nomaster", {VETH}),
    ("ip link set veth1 down", {VETH}),
    ("ip link set veth1 mtu 1300", {VETH}),
    ("bridge link set dev veth1 hairpin off", {VETH}),
    ("bridge link set dev veth1 isolated on", {VETH}),
    ("nft flush ruleset", {TABLE, *ELEMENTS}),
    ("nft add chain inet seaway more", {TABLE, *ELEMENTS}),
    ("nft flush chain inet seaway forward", {TABLE, *ELEMENTS}),
    ("nft delete element inet seaway publish4 { tcp . 8001 }", {PUBLISHED}),
    ("nft flush map inet seaway publish4", {PUBLISHED}),
    ("sysctl -qw net.ipv4.ip_forward=0", {("sysctl", "", "net.ipv4.ip_forward")}),
]


@pytest.mark.parametrize(("command", "expected"), ON_HOST, ids=[c for c, _ in ON_HOST])
def test_damage_on_the_host(ground: Ground, command: str, expected: set[tuple[str, ...]]) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    ground.run(*command.split())
    assert keys(ground.ledger.compare(wants, [""])) == expected
    report = ground.ledger.verify(wants, [""])
    assert (keys(report.operations), report.refusals) == (expected, ())
    assert ground.ledger.verify(wants, ground.everywhere(1)).operations == ()


IN_BOX = [
    ("ip link set eth0 down", {"link", "address", "route"}),
    ("ip link set eth0 address 02:00:00:00:00:99", {"link"}),
    ("ip link set eth0 mtu 1300", {"link"}),
    ("ip route del default", {"route"}),
    ("ip route replace default dev eth0", {"route"}),
    ("ip addr del fd30::2/64 dev eth0", {"address"}),
    ("nft flush ruleset", {"nft-table"}),
    ("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1", {"sysctl", "address", "route"}),
]


@pytest.mark.parametrize(("command", "expected"), IN_BOX, ids=[c for c, _ in IN_BOX])
def test_damage_in_a_box(ground: Ground, command: str, expected: set[str]) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    inside(ground.box(1), *command.split())
    report = ground.ledger.verify(wants, ground.everywhere(1))
    assert {str(k[0]) for k in keys(report.operations)} == expected and not report.refusals
    assert ground.ledger.verify(wants, ground.everywhere(1)).operations == ()


def test_a_veth_deleted_is_seen_from_the_host_and_dressed_again_inside(ground: Ground) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    ground.run("ip", "link", "del", "veth1")
    report = ground.ledger.verify(wants, [""])
    assert {k[0] for k in keys(report.operations)} == {"link", "sysctl", "address", "route"}
    assert ground.ledger.verify(wants, ground.everywhere(1)).operations == ()
    inside(ground.box(1), "ping", "-c1", "-W2", "172.30.0.1")


def test_a_namespace_unmounted_is_made_again_with_all_that_was_in_it(ground: Ground) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    netns.remove(ground.box(1))
    report = ground.ledger.verify(wants, [""])
    assert not report.refusals
    assert ground.ledger.verify(wants, ground.everywhere(1)).operations == ()
    inside(ground.box(1), "ping", "-c1", "-W2", "172.30.0.1")
