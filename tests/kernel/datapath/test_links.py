"""Links for real: altered in place, made and removed again and again, many at once."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from seaway.datapath import netns
from seaway.datapath.reconcile import Change, Make, Remove
from seaway.datapath.resources import Address, Bridge, Netns, Resource, Route, VethPair
from seaway.model.names import LINK_GROUP
from tests.kernel.datapath.ground import Ground, inside

pytestmark = pytest.mark.root


def shown(path: str, device: str) -> Any:
    """The one device as ``ip -d -j link`` shows it."""
    return json.loads(inside(path, "ip", "-d", "-j", "link", "show", device))[0]


def made(ground: Ground, *resources: Resource) -> None:
    assert ground.links.apply([Make(r) for r in resources]) == []


@pytest.fixture
def pair(ground: Ground) -> VethPair:
    """A pair between a bridge and a sandbox, made."""
    netns.create(ground.box(1))
    pair = VethPair("", "vethx", ground.box(1), "eth0", 1500, "02:42:0a:00:00:02", "br0")
    made(ground, Bridge("", "br0"), Bridge("", "br1"), pair)
    return pair


CHANGES: list[dict[str, Any]] = [
    {"mtu": 1400},
    {"mac": "02:42:0a:00:00:77"},
    {"master": "br1"},
    {"master": ""},
    {"hairpin": True},
    {"isolated": True},
    {"hairpin": True, "isolated": True, "master": "br1", "mtu": 9000},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_pair_changes_in_place(ground: Ground, pair: VethPair, change: dict[str, Any]) -> None:
    before = shown(ground.path, "vethx")["ifindex"], shown(ground.box(1), "eth0")["ifindex"]
    wanted = replace(pair, **change)
    assert ground.links.apply([Change(pair, wanted)]) == []
    assert (shown(ground.path, "vethx")["ifindex"], shown(ground.box(1), "eth0")["ifindex"]) == before
    assert wanted in ground.links.read(["", ground.box(1)])
    assert ground.links.apply([Change(wanted, pair)]) == []
    assert pair in ground.links.read(["", ground.box(1)])


def test_both_ends_are_up_marked_and_sized(ground: Ground, pair: VethPair) -> None:
    host, peer = shown(ground.path, "vethx"), shown(ground.box(1), "eth0")
    assert host["operstate"] == peer["operstate"] == "UP" and host["mtu"] == peer["mtu"] == 1500
    assert int(host["group"]) == int(peer["group"]) == LINK_GROUP
    assert host["inet6_addr_gen_mode"] == "none" and peer["address"] == pair.mac
    assert "fe80" not in ground.run("ip", "-6", "addr", "show", "vethx")


def test_making_twice_and_removing_twice_succeed(ground: Ground, pair: VethPair) -> None:
    index = shown(ground.path, "vethx")["ifindex"]
    bridge = Bridge("", "br0")
    made(ground, bridge, pair)
    assert shown(ground.path, "vethx")["ifindex"] == index
    for _ in range(2):
        assert ground.links.apply([Remove(pair), Remove(bridge), Remove(Bridge("", "br1"))]) == []
    assert list(ground.links.read([""])) == []


def test_a_peer_elsewhere_or_of_another_name_makes_the_pair_anew(ground: Ground, pair: VethPair) -> None:
    netns.create(ground.box(2))
    other = replace(pair, peer_ns=ground.box(2), peer="eth5")
    assert ground.links.apply([Change(pair, other)]) == []
    assert other in ground.links.read(["", ground.box(1), ground.box(2)])
    assert "eth0" not in inside(ground.box(1), "ip", "link")


def test_a_peer_renamed_inside_is_seen(ground: Ground, pair: VethPair) -> None:
    inside(ground.box(1), "ip", "link", "set", "eth0", "down")
    inside(ground.box(1), "ip", "link", "set", "eth0", "name", "mine")
    assert pair not in ground.links.read(["", ground.box(1)])
    made(ground, pair)
    assert pair in ground.links.read(["", ground.box(1)])


def test_refusals_say_what_and_why(ground: Ground, pair: VethPair) -> None:
    inside(ground.box(1), "ip", "link", "add", "taken", "type", "bridge")
    nowhere = str(ground.root / "nowhere")
    for resource, words in (
        (replace(pair, name="v1", peer="taken"), "cannot make veth pair v1/taken: File exists"),
        (replace(pair, name="v1", master="nix"), "cannot make veth pair v1/eth0: bridge nix does not exist"),
        (replace(pair, name="v1", peer_ns=nowhere), f"network namespace {nowhere} does not exist"),
        (Bridge(nowhere, "br0"), f"cannot make bridge br0: network namespace {nowhere} does not exist"),
        (
            Address("", "nix", "10.0.0.1/24"),
            "cannot make address 10.0.0.1/24 on nix: device nix does not exist",
        ),
        (
            Route("", "10.9.0.0/16", "br0", "10.77.0.1"),
            "route to 10.9.0.0/16 via 10.77.0.1 on br0: Nexthop has",
        ),
    ):
        refusals = ground.links.apply([Make(resource)])
        assert len(refusals) == 1 and words in refusals[0].reason
    assert "v1" not in ground.run("ip", "link")
    gone = [
        Address(nowhere, "eth0", "10.0.0.1/24"),
        Route(nowhere, "0.0.0.0/0", "eth0"),
        Bridge(nowhere, "b"),
    ]
    assert ground.links.apply([Remove(r) for r in gone]) == []


def test_a_bridge_keeps_its_mac_and_mtu_when_ports_come_and_go(ground: Ground) -> None:
    netns.create(ground.box(1))
    fixed = Bridge("", "br0", 1400, "02:42:00:00:00:01")
    free = Bridge("", "br1", 1300)
    made(ground, fixed, free)
    mac = shown(ground.path, "br1")["address"]
    for bridge in (fixed, free):
        pair = VethPair("", "v", ground.box(1), "eth0", 1500, "02:00:00:00:00:02", bridge.name)
        made(ground, pair)
        ground.run("ip", "link", "set", "v", "address", "02:00:00:00:00:01")
        assert bridge in ground.links.read([""])
        ground.links.apply([Remove(pair)])
        assert bridge in ground.links.read([""])
    assert shown(ground.path, "br1")["address"] == mac
    info = shown(ground.path, "br0")["linkinfo"]["info_data"]
    assert (info["stp_state"], info["forward_delay"]) == (0, 0)
    assert ground.links.apply([Change(fixed, replace(fixed, mtu=1500, mac="02:42:00:00:00:09"))]) == []
    assert replace(fixed, mtu=1500, mac="02:42:00:00:00:09") in ground.links.read([""])


def test_many_links_go_together_and_only_they(ground: Ground) -> None:
    netns.create(ground.box(1))
    pairs = [
        VethPair("", f"v{n}", ground.box(1), f"eth{n}", 1500, f"02:00:00:00:00:{n:02x}") for n in range(60)
    ]
    made(ground, *pairs)
    ground.run("ip", "link", "add", "v60", "type", "veth", "peer", "name", "v60p")
    theirs = VethPair("", "v60", "", "v60p", 1500, "02:00:00:00:00:99")
    start = time.perf_counter()
    assert ground.links.apply([Remove(p) for p in (*pairs[1:], theirs)]) == []
    assert time.perf_counter() - start < 0.5
    left = {link["ifname"] for link in json.loads(ground.run("ip", "-j", "link"))}
    assert left == {"lo", "v0", "v60", "v60p"}
    assert list(ground.links.read(["", ground.box(1)])) == [pairs[0]]


def test_an_ipv6_address_changes_its_prefix(ground: Ground) -> None:
    made(ground, Bridge("", "br0"), Address("", "br0", "fd00::1/64"), Address("", "br0", "fd00::1/48"))
    assert [r for r in ground.links.read([""]) if isinstance(r, Address)] == [
        Address("", "br0", "fd00::1/48")
    ]
    assert "tentative" not in ground.run("ip", "-6", "addr", "show", "br0", "scope", "global")


def test_a_route_is_replaced_in_place(ground: Ground) -> None:
    made(ground, Bridge("", "br0"), Address("", "br0", "10.0.0.1/24"), Address("", "br0", "fd00::1/64"))
    for first, second in (
        (Route("", "10.9.0.0/16", "br0", "10.0.0.2"), Route("", "10.9.0.0/16", "br0", "10.0.0.3")),
        (Route("", "fd09::/48", "br0", "fd00::2"), Route("", "fd09::/48", "br0", "fd00::3")),
        (Route("", "10.8.0.0/16", "br0"), Route("", "10.8.0.0/16", "br0", "10.0.0.3")),
        (Route("", "fd08::/48", "br0"), Route("", "fd08::/48", "br0", "fd00::3")),
    ):
        made(ground, first)
        assert first in ground.links.read([""])
        assert ground.links.apply([Change(first, second)]) == []
        found = [r for r in ground.links.read([""]) if r.key == second.key]
        assert found == [second]
        assert ground.links.apply([Remove(second), Remove(second)]) == []
    assert not [r for r in ground.links.read([""]) if isinstance(r, Route)]


def test_a_namespace_survives_a_crash_while_it_was_made(ground: Ground) -> None:
    place = ground.root / "boxes" / "half"
    place.parent.mkdir()
    place.touch()
    assert not netns.exists(str(place)) and list(ground.netns.read([])) == []
    assert ground.netns.apply([Make(Netns(str(place))), Make(Netns(str(place)))]) == []
    assert list(ground.netns.read([])) == [Netns(str(place))]
    assert netns.in_namespace(str(place), lambda: netns.inode("/proc/thread-self/ns/net")) == netns.inode(
        str(place)
    )
    assert '"UP"' in inside(str(place), "ip", "-j", "link", "show", "lo")
    for _ in range(2):
        assert ground.netns.apply([Remove(Netns(str(place)))]) == []
    assert not place.exists()
    with pytest.raises(FileNotFoundError):
        netns.in_namespace(str(place), lambda: None)
