"""Overlay networks: what is refused, which VXLAN identifiers they get, and that plans never contradict."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.datapath.reconcile import keyed
from seaway.datapath.resources import Forward, Neighbour, NftElement, Resource, Route
from seaway.drivers import DRIVERS, driver
from seaway.drivers.sandbox import sandbox as plan_sandbox
from seaway.drivers.segments import choose_vnis, segments, vnis_wanted, with_vnis
from seaway.errors import Forbidden, InvalidInput, NotImplementedHere
from seaway.model import Network, Pool, Remote, Snapshot
from tests.facts import network, sandbox, tcp
from tests.unit.drivers.cluster import cluster, overlay, peers, place, remote

LIST = "com.docker.network.driver.overlay.vxlanid_list"
MTU = "com.docker.network.driver.mtu"


def check(net: Network, *others: Network) -> None:
    driver("overlay").check(net, cluster(*others))


def refused(kind: type[Exception], options: dict[str, str], *subnets: str) -> str:
    with pytest.raises(kind) as error:
        check(overlay("n", *(subnets or ("10.1.0.0/24",)), options=options))
    return str(error.value)


def test_only_the_overlay_is_the_clusters() -> None:
    assert [k for k, d in DRIVERS.items() if d.usage.shared or d.usage.way_out] == ["overlay"]
    assert driver("overlay").usage.device and driver("overlay").usage.publishes


def test_options_that_are_taken() -> None:
    check(overlay("n", "10.1.0.0/24", options={MTU: "1400", LIST: "300", "com.docker-py.x": "y"}))
    check(overlay("n", "10.1.0.0/24", options={MTU: "0", "vxlanid_list": "300", "encrypted": "false"}))
    check(overlay("n", "10.1.0.0/24", "10.2.0.0/24", "fd01::/64", options={LIST: "300, 4096"}))
    check(overlay("n", "10.1.0.0/24", config_only=True, options={LIST: "300,301"}))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("255", "allowed are 256 to 16777215"),
        ("16777216", "allowed are 256 to 16777215"),
        ("x", "invalid VXLAN identifier x"),
        ("300,300", "VXLAN identifier 300 is given twice"),
        ("300,301", "has 2 VXLAN identifiers, the network 1 segment:"),
    ],
)
def test_wrong_identifiers_are_refused(value: str, words: str) -> None:
    for key in (LIST, "vxlanid_list"):
        assert words in refused(InvalidInput, {key: value})


def test_wrong_options_are_refused() -> None:
    assert "invalid MTU number: -1" in refused(InvalidInput, {MTU: "-1"})
    assert "needs 1280 bytes" in refused(InvalidInput, {MTU: "1279"}, "10.1.0.0/24", "fd01::/64")
    slip = refused(InvalidInput, {"com.docker.network.driver.overlay.vxlanid": "300"})
    assert "unknown option" in slip and LIST in slip


@pytest.mark.parametrize("key", ["encrypted", "com.docker.network.driver.overlay.secure"])
@pytest.mark.parametrize("value", ["", "true", "1"])
def test_encryption_is_refused_with_the_reason(key: str, value: str) -> None:
    words = refused(NotImplementedHere, {key: value})
    assert "not available yet" in words and "ESP" in words and "WireGuard" in words


def test_encryption_is_on_or_off() -> None:
    assert "allowed are true and false" in refused(InvalidInput, {"encrypted": "maybe"})


def test_subnets_in_use_are_refused() -> None:
    with pytest.raises(
        Forbidden, match=r"Pool overlaps .*: 10\.1\.1\.0/24 and 10\.1\.0\.0/16 of network old"
    ):
        check(overlay("new", "10.1.1.0/24", taken=[256]), overlay("old", "10.1.0.0/16"))
    with pytest.raises(Forbidden, match="of the same network"):
        check(overlay("new", "10.1.0.0/16", "10.1.1.0/24"))
    check(overlay("new", "10.1.0.0/24"), network("bridge", "10.1.0.0/24"))
    same = overlay("n", "10.1.0.0/24")
    check(same, same)


def test_identifiers_in_use_are_refused() -> None:
    old = overlay("old", "10.1.0.0/24", taken=[256])
    for new in (
        overlay("new", "10.2.0.0/24", taken=[256]),
        overlay("new", "10.2.0.0/24", options={LIST: "257"}),
    ):
        with pytest.raises(Forbidden, match="VXLAN identifier 257 is in use by network old"):
            check(new, old)
    check(overlay("new", "10.2.0.0/24"), old)


def test_the_lowest_free_identifiers_are_chosen() -> None:
    assert choose_vnis(2, ()) == (256, 257)
    assert choose_vnis(3, [257, 5000]) == (256, 258, 259)
    assert choose_vnis(3, [256], [300, 257]) == (300, 257, 258)
    assert choose_vnis(0, ()) == ()
    with pytest.raises(Forbidden, match="VXLAN identifier 300 is in use by another network"):
        choose_vnis(1, [300], [300])


def test_when_no_identifier_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.drivers.segments.VNIS", (256, 258))
    assert choose_vnis(3, ()) == (256, 257, 258)
    with pytest.raises(Forbidden, match="failed to allocate vxlan id: no bit available"):
        choose_vnis(3, [257])


def test_pools_of_both_families_share_a_segment() -> None:
    subnets = ("10.1.0.0/24", "10.2.0.0/24", "fd01::/64")
    pools = with_vnis([Pool(subnet=s) for s in subnets], (300, 400))
    assert [(p.subnet, p.vni) for p in pools] == list(zip(subnets, (300, 400, 300), strict=True))
    assert [(s.vni, [p.subnet for p in s.pools]) for s in segments(pools)] == [
        (300, ["10.1.0.0/24", "fd01::/64"]),
        (400, ["10.2.0.0/24"]),
    ]
    assert segments(()) == []
    assert vnis_wanted({}, 1) == ()
    assert vnis_wanted({LIST: "300,400"}, 2) == (300, 400)


def test_the_way_out_is_the_gateway_bridge() -> None:
    """Also when the overlay is asked for with a higher priority: it leads nowhere."""
    net, out = overlay("net", "10.1.0.0/24"), network("docker_gwbridge", "172.18.0.0/16")
    box = sandbox("c", tcp(5001))
    first = place(box, net, "10.1.0.2/24", gw_priority=9)
    second = place(box, out, "172.18.0.2/16", ifname="eth1")
    plan = list(plan_sandbox(box, cluster(net, out, box, first, second)))
    assert [r for r in plan if isinstance(r, Route)] == [Route(box.path, "0.0.0.0/0", "eth1", "172.18.0.1")]
    assert [r.value for r in plan if isinstance(r, NftElement)] == ["172.18.0.2 . 80"]
    alone = list(plan_sandbox(box, cluster(net, box, first)))
    assert not [r for r in alone if isinstance(r, Route | NftElement)]


def test_an_address_that_moves_is_followed() -> None:
    """It comes here, goes elsewhere and comes back: never are two of them planned at once."""
    net, box = overlay("net", "10.1.0.0/24"), sandbox("c")
    witness = place(box, net, "10.1.0.2/24")
    moved = place(sandbox("m"), net, "10.1.0.9/24")
    there = remote("m", "node2", net, "10.1.0.9/24", revision=5)
    later = remote("m", "node3", net, "10.1.0.9/24", revision=6)

    def ways(*facts: Remote) -> list[str]:
        return [r.to for r in peers(cluster(net, box, witness, *facts)) if isinstance(r, Forward)]

    assert ways(there) == ["192.168.1.20"]
    assert ways(there, later) == ways(later, there) == ["192.168.1.22"]
    assert peers(cluster(net, box, witness, moved, there, later)) == []


def test_a_dead_host_is_still_sent_to() -> None:
    """Being alive changes names and status, never forwarding."""
    net, box = overlay("net", "10.1.0.0/24"), sandbox("c")
    facts = cluster(net, box, place(box, net, "10.1.0.2/24"), remote("a", "node2", net, "10.1.0.3/24"))
    dead = Snapshot(facts.node, facts.networks, facts.endpoints, facts.sandboxes, facts.abroad, facts.members,
                    frozenset(), facts.present)  # fmt: skip
    assert len(peers(dead)) == len(peers(facts)) == 2


def test_rooms() -> None:
    net, box = overlay("net", "10.1.0.0/24"), sandbox("c")
    facts = cluster(net, box, place(box, net, "10.1.0.2/24"))
    assert list(driver("overlay").rooms(net, facts)) == [f"/run/seaway/netns/1-{net.id[:10]}"]
    for name in ("bridge", "host", "null"):
        assert list(driver(name).rooms(net, facts)) == []
        assert list(driver(name).remote(remote("a", "node2", net), net, facts)) == []


def test_ten_thousand_remotes_are_planned_quickly() -> None:
    net, box = overlay("net", "10.0.0.0/16", "10.1.0.0/16"), sandbox("c")
    far = [remote(f"r{n}", "node2", net, f"10.{n % 2}.{n // 250 + 1}.{n % 250}/16") for n in range(10_000)]
    facts = cluster(net, box, place(box, net, "10.0.0.2/16"), *far)
    began = time.perf_counter()
    plan = peers(facts)
    assert time.perf_counter() - began < 1.0
    assert sum(isinstance(r, Neighbour) for r in plan) == 10_000


# Few values, so that they clash often.
_TAILS = st.integers(2, 6)
_SUBNETS = ("10.1.0.0/24", "10.2.0.0/24", "fd01::/64", "fd02::/64")
_MACS = st.sampled_from([f"02:42:00:00:00:0{n}" for n in range(6)])
_SPOTS = st.lists(st.tuples(st.integers(0, 1), _TAILS, _MACS), max_size=5, unique_by=lambda s: s[:2])
_NODES = st.sampled_from(["node2", "node3", "gone"])
_PEERS = st.lists(st.tuples(st.integers(0, 1), _TAILS, _MACS, _NODES, st.integers(1, 9)), max_size=8)


def _addresses(segment: int, tail: int) -> tuple[str, str]:
    return f"10.{segment + 1}.0.{tail}/24", f"fd0{segment + 1}::{tail}/64"


@settings(max_examples=150, deadline=None)
@given(_SPOTS, _PEERS)
def test_no_two_plans_contradict(spots: list[Any], elsewhere: list[Any]) -> None:
    net = overlay("net", *_SUBNETS)
    boxes = [sandbox(f"c{n}") for n in range(len(spots))]
    here = [
        place(box, net, *_addresses(segment, tail), mac=mac)
        for box, (segment, tail, mac) in zip(boxes, spots, strict=True)
    ]
    far = [
        remote(f"r{n}", node, net, *_addresses(segment, tail), mac=mac, revision=revision)
        for n, (segment, tail, mac, node, revision) in enumerate(elsewhere)
    ]
    facts = cluster(net, *boxes, *here, *far)
    plan: list[Resource] = [*driver("overlay").network(net, facts), *peers(facts)]
    for one in here:
        plan += driver("overlay").endpoint(one, net, facts)
    for box in boxes:
        plan += plan_sandbox(box, facts)
    found = keyed(plan).values()
    assert bool(found) == bool(here), "nothing stands where nobody is"
    known = {r.address for r in found if isinstance(r, Neighbour)}
    at_home = {a.partition("/")[0] for e in here for a in e.addresses}
    assert known >= at_home
    assert not {r.mac for r in found if isinstance(r, Forward)} & {e.mac for e in here}
