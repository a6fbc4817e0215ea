"""The difference: order of operations, and what goes by itself."""

import pytest

from seaway.datapath.reconcile import Change, Make, Remove, difference, keyed
from seaway.datapath.resources import Bridge, Netns, Sysctl, VethPair
from tests.unit.datapath.worlds import box, endpoint, network, resources, world


def test_making_goes_bottom_up_and_removing_top_down() -> None:
    everything = resources(world([1, 2]))
    made = difference(everything, {})
    assert [o.resource.rank for o in made] == sorted(r.rank for r in everything.values())
    assert all(isinstance(o, Make) for o in made)
    removed = difference({}, everything)
    ranks = [o.resource.rank for o in removed]
    assert ranks == sorted(ranks, reverse=True) and all(isinstance(o, Remove) for o in removed)


def test_removals_come_before_everything_else() -> None:
    operations = difference(keyed(network(2)), keyed(network(1)))
    kinds = [type(o) for o in operations]
    assert kinds == sorted(kinds, key=[Remove, Make].index)


def test_what_stands_in_a_doomed_namespace_is_not_removed_one_by_one() -> None:
    gone = difference({}, keyed([*box(1), *endpoint(1, 1)]))
    assert {o.resource.key[0] for o in gone} == {"netns", "link", "resolver", "host-port", "nft-element"}
    stays = difference(keyed([Netns("/ns/1")]), keyed([*box(1), *endpoint(1, 1)]))
    assert {"address", "route"} < {o.resource.key[0] for o in stays}


def test_parameters_keep_their_value() -> None:
    assert difference({}, keyed([Sysctl("", "net.ipv4.ip_forward", "1")])) == []


def test_another_state_is_a_change_and_the_same_is_nothing() -> None:
    old, new = Bridge("", "br0", 1500), Bridge("", "br0", 1400)
    assert difference(keyed([new]), keyed([old])) == [Change(old, new)]
    assert difference(keyed([new]), keyed([new])) == []


def test_two_different_resources_with_one_key_are_a_defect() -> None:
    pair = VethPair("", "br0", "", "eth0", 1500, "02:42:00:00:00:01")
    assert len(keyed([pair, pair])) == 1
    with pytest.raises(ValueError, match="at once"):
        keyed([pair, Bridge("", "br0")])


def test_devices_of_a_container_are_made_as_they_are_numbered() -> None:
    """Wherever their other ends are."""
    pairs = [
        VethPair(ns="", name="veth1", peer_ns="box", peer="eth1", mtu=1500, mac="02:00:00:00:00:01"),
        VethPair(ns="room", name="veth0", peer_ns="box", peer="eth0", mtu=1450, mac="02:00:00:00:00:00"),
        VethPair(ns="a", name="veth2", peer_ns="box", peer="eth10", mtu=1450, mac="02:00:00:00:00:02"),
        VethPair(ns="z", name="veth3", peer_ns="box", peer="eth9", mtu=1450, mac="02:00:00:00:00:03"),
    ]
    made = [o.resource for o in difference(keyed(pairs), {})]
    assert [p.peer for p in made if isinstance(p, VethPair)] == ["eth0", "eth1", "eth9", "eth10"]


def test_parameters_of_new_devices_are_set_before_the_devices() -> None:
    """And those of a device after it; the namespace comes first."""
    want = [
        Sysctl(ns="room", name="net.ipv6.conf.default.accept_dad", value="0"),
        Sysctl(ns="room", name="net.ipv6.conf.br.accept_ra", value="0"),
        Bridge(ns="room", name="br", mtu=1500, mac="02:00:00:00:00:00"),
        Netns("room"),
    ]
    kinds = [type(o.resource).__name__ for o in difference(keyed(want), {})]
    assert kinds == ["Netns", "Sysctl", "Bridge", "Sysctl"]
