"""What is not ours is never altered, never removed, and named when it is in the way."""

import pytest

from seaway.datapath.reconcile import Make, Remove
from seaway.datapath.resources import Address, Bridge, NftTable, Resource, Route, VethPair
from tests.kernel.datapath.ground import TABLE, Ground

pytestmark = pytest.mark.root

THEIRS = (
    "ip link add docker0 type bridge",
    "ip addr add 172.17.0.1/16 dev docker0",
    "ip link set docker0 up",
    "ip link add veth9 type veth peer name veth9p",
    "ip link set veth9 master docker0",
    "ip route add 10.200.0.0/16 via 172.17.0.9 proto 4",
    "nft add table inet filter",
    "nft add chain inet filter c { type filter hook forward priority 0; }",
    "nft add table ip seaway-other",
)


def photograph(ground: Ground) -> str:
    """Links, addresses, routes and tables of others, as text."""
    shown = [
        ground.run("ip", "-o", "addr", "show", "docker0", "scope", "global"),
        ground.run("ip", "-o", "link", "show", "veth9"),
        ground.run("ip", "route", "show", "proto", "4"),
        ground.run("nft", "list", "table", "inet", "filter"),
        ground.run("nft", "list", "tables", "ip"),
    ]
    return "\n".join(shown)


def test_a_whole_life_leaves_others_things_as_they_were(ground: Ground) -> None:
    for command in THEIRS:
        ground.run(*command.split())
    before = photograph(ground)
    wants = ground.wants(1)
    assert not ground.ledger.settle(wants).refusals
    assert ground.new_ledger().compare({}, ground.everywhere(1)) != []
    report = ground.new_ledger().verify({}, ground.everywhere(1))
    assert report.operations and not report.refusals
    assert photograph(ground) == before
    assert ground.new_ledger().verify({}, [""]).operations == ()


def test_a_name_that_is_taken_is_refused_with_the_name(ground: Ground) -> None:
    for command in THEIRS:
        ground.run(*command.split())
    before = photograph(ground)
    for resource in (
        Bridge("", "docker0"),
        Bridge("", "veth9"),
        VethPair("", "veth9", "", "x", 1500, "02:00:00:00:00:01"),
        VethPair("", "docker0", "", "x", 1500, "02:00:00:00:00:01"),
    ):
        (refusal,) = ground.links.apply([Make(resource)])
        assert f"device {resource.name} exists already and is not ours" in refusal.reason
        assert ground.links.apply([Remove(resource)]) == []
    assert photograph(ground) == before


def test_a_route_of_others_is_not_replaced_and_not_removed(ground: Ground) -> None:
    for command in THEIRS:
        ground.run(*command.split())
    ours = Route("", "10.200.0.0/16", "docker0", "172.17.0.5")
    (refusal,) = ground.links.apply([Make(ours)])
    assert "a route to 10.200.0.0/16 exists already and is not ours" in refusal.reason
    assert ground.links.apply([Remove(ours)]) == []
    assert "via 172.17.0.9" in ground.run("ip", "route", "show", "10.200.0.0/16")


def test_a_users_bridge_is_used_as_it_is(ground: Ground) -> None:
    bridge = Bridge("", "user0", 1500, ours=False)
    wants: dict[str, tuple[Resource, ...]] = {"net:u": (bridge, Address("", "user0", "10.5.0.1/24"))}
    report = ground.ledger.settle(wants)
    assert [r.operation for r in report.refusals] == [Make(r) for r in wants["net:u"]]
    assert "user0 does not exist" in report.refusals[0].reason
    ground.run("ip", "link", "add", "user0", "type", "bridge")
    ground.run("ip", "addr", "add", "10.4.0.1/24", "dev", "user0")
    assert not ground.ledger.settle(wants).refusals
    assert ground.ledger.verify(wants, [""]).operations == ()
    ground.run("ip", "addr", "del", "10.5.0.1/24", "dev", "user0")
    assert [o.resource.key[0] for o in ground.ledger.verify(wants, [""]).operations] == ["address"]
    assert not ground.ledger.settle({"net:u": ()}).refusals
    shown = ground.run("ip", "addr", "show", "user0")
    assert "10.4.0.1/24" in shown and "10.5.0.1" not in shown and "UP" in shown


def test_an_address_the_user_gave_will_do_and_stays(ground: Ground) -> None:
    ground.run("ip", "link", "add", "user0", "type", "bridge")
    ground.run("ip", "link", "set", "user0", "up")
    ground.run("ip", "addr", "add", "10.4.0.1/24", "dev", "user0")
    wants = {"net:u": (Bridge("", "user0", ours=False), Address("", "user0", "10.4.0.1/24"))}
    assert not ground.ledger.settle(wants).refusals
    assert ground.new_ledger().verify(wants, [""]).operations == ()
    ground.ledger.settle({"net:u": ()})
    assert "10.4.0.1/24" in ground.run("ip", "addr", "show", "user0")


def test_a_containers_own_doings_are_not_ours(ground: Ground) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    for command in (
        "ip link add mine type bridge",
        "ip addr add 10.99.0.1/24 dev mine",
        "ip addr add 172.30.9.9/16 dev eth0",
        "ip route add 10.98.0.0/16 dev eth0",
        "nft add table inet theirs",
        "nft add table inet filter",
    ):
        done = command.split()
        ground.run("nsenter", f"--net={ground.box(1)}", *done)
    assert ground.ledger.verify(wants, ground.everywhere(1)).operations == ()


def test_another_table_of_the_host_with_a_name_like_ours_stays(ground: Ground) -> None:
    ground.run("nft", "add", "table", "inet", "seaway-theirs")
    assert ground.nft.apply([Make(NftTable("", "inet", "seaway", TABLE))]) == []
    assert {r.key for r in ground.nft.read([""])} == {("nft-table", "", "inet", "seaway")}
