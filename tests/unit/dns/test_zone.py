"""Who sees which names."""

import dataclasses
import time
from ipaddress import ip_address

from seaway.dns.zone import EMPTY, Zone, zone
from tests.unit.dns.facts import endpoint, network, snapshot


def found(z: Zone, name: str) -> list[str]:
    known = z.find(name)
    return [] if known is None else [str(ip_address(p)) for p in known.v4 + known.v6]


def test_names_of_all_on_the_same_network_and_of_no_other() -> None:
    facts = snapshot(
        [network("red"), network("blue")],
        [
            endpoint("a", "red", "10.1.0.2/24", names=("a", "web", "aaaa00000000")),
            endpoint("b", "red", "10.1.0.3/24", "fd00::3/64"),
            endpoint("c", "blue", "10.2.0.2/24"),
        ],
    )
    z = zone("box-b", facts)
    assert found(z, "a") == found(z, "web") == found(z, "aaaa00000000") == found(z, "a.red") == ["10.1.0.2"]
    assert found(z, "b") == ["10.1.0.3", "fd00::3"]
    assert found(z, "c") == found(z, "c.blue") == found(z, "a.blue") == []
    assert found(zone("box-c", facts), "a") == []
    assert z.reverse(ip_address("10.1.0.2").packed) == "a.red"
    assert z.reverse(ip_address("fd00::3").packed) == "b.red"
    assert z.reverse(ip_address("10.2.0.2").packed) is None


def test_names_are_known_without_regard_to_case() -> None:
    facts = snapshot([network("Red")], [endpoint("Web1", "Red", "10.1.0.2/24")])
    z = zone("box-Web1", facts)
    assert found(z, "web1") == found(z, "web1.red") == ["10.1.0.2"]
    assert z.reverse(ip_address("10.1.0.2").packed) == "Web1.Red"


def test_an_alias_of_several_gives_all_their_addresses() -> None:
    ends = [endpoint(f"c{n}", "red", f"10.1.0.{n}/24", names=(f"c{n}", "all")) for n in (2, 3, 4)]
    z = zone("box-c2", snapshot([network("red")], ends))
    assert found(z, "all") == ["10.1.0.2", "10.1.0.3", "10.1.0.4"]


def test_an_alias_is_of_its_network() -> None:
    facts = snapshot(
        [network("red"), network("blue")],
        [
            endpoint("a", "red", "10.1.0.2/24", names=("a", "db")),
            endpoint("b", "blue", "10.2.0.2/24", names=("b", "db")),
            endpoint("both", "red", "10.1.0.9/24", ifname="eth0"),
            endpoint("both", "blue", "10.2.0.9/24", ifname="eth1"),
        ],
    )
    z = zone("box-both", facts)
    assert found(z, "db") == ["10.1.0.2"], "the network of the first interface answers"
    assert found(z, "db.blue") == ["10.2.0.2"]
    assert found(z, "b") == ["10.2.0.2"]
    assert found(zone("box-b", facts), "db") == ["10.2.0.2"]


def test_networks_without_a_resolver_give_no_names() -> None:
    facts = snapshot(
        [network("bridge", predefined=True), network("none", driver="null"), network("host", driver="host")],
        [
            endpoint("a", "bridge", "172.17.0.2/16"),
            endpoint("b", "bridge", "172.17.0.3/16"),
            endpoint("n", "none"),
            endpoint("h", "host"),
        ],
    )
    assert zone("box-a", facts).find("b") is None
    assert zone("box-a", facts).reverse(ip_address("172.17.0.3").packed) is None
    assert zone("box-n", facts).layers == zone("box-h", facts).layers == ()


def test_links_are_for_the_linking_container_only_and_come_first() -> None:
    facts = snapshot(
        [network("red")],
        [
            endpoint("a", "red", "10.1.0.2/24", links={"DB": "b", "c": "b" * 16, "gone": "nobody"}),
            endpoint("b", "red", "10.1.0.3/24"),
            endpoint("c", "red", "10.1.0.4/24"),
        ],
    )
    mine, other = zone("box-a", facts), zone("box-c", facts)
    assert found(mine, "db") == found(mine, "db.red") == ["10.1.0.3"]
    assert found(mine, "c") == ["10.1.0.3"]
    assert found(mine, "gone") == found(other, "db") == []
    assert found(other, "c") == ["10.1.0.4"]


def test_an_internal_network_alone_is_not_forwarded_from() -> None:
    nets = [network("in", internal=True), network("out")]
    facts = snapshot(
        nets,
        [
            endpoint("a", "in", "10.1.0.2/24"),
            endpoint("b", "in", "10.1.0.3/24"),
            endpoint("b", "out", "10.2.0.3/24"),
        ],
        upstreams=("192.0.2.1",),
        ndots=2,
    )
    assert not zone("box-a", facts).forward
    outside = zone("box-b", facts)
    assert (outside.forward, outside.upstreams, outside.ndots) == (True, ("192.0.2.1",), 2)
    assert not zone("box-lonely", facts).forward
    assert zone("no such box", facts) == EMPTY


def test_an_endpoint_without_an_address_is_not_a_name() -> None:
    facts = snapshot([network("red")], [endpoint("a", "red"), endpoint("b", "red", "10.1.0.3/24")])
    assert zone("box-b", facts).find("a") is None


def test_a_zone_is_the_same_object_until_something_of_its_own_changed() -> None:
    nets = [network("red"), network("blue")]
    red = [endpoint("a", "red", "10.1.0.2/24"), endpoint("b", "red", "10.1.0.3/24")]
    blue = [endpoint("c", "blue", "10.2.0.2/24")]
    first = snapshot(nets, red + blue)
    before = {box: zone(box, first) for box in ("box-a", "box-c")}
    assert zone("box-a", dataclasses.replace(first)) is before["box-a"], "a snapshot of the same facts"
    second = snapshot(nets, [*red, *blue, endpoint("d", "blue", "10.2.0.3/24")])
    assert zone("box-a", second) is before["box-a"]
    assert zone("box-c", second) is not before["box-c"]
    assert found(zone("box-c", second), "d") == ["10.2.0.3"]
    third = dataclasses.replace(second, endpoints={e.id: e for e in red + blue})
    assert found(zone("box-c", third), "d") == [], "a name goes with its endpoint"


def test_one_change_among_a_hundred_is_cheap() -> None:
    ends = [endpoint(f"c{n}", "red", f"10.1.0.{n + 2}/16") for n in range(100)]
    zone("box-c0", snapshot([network("red")], ends))
    changed = snapshot([network("red")], [*ends, endpoint("new", "red", "10.1.9.9/16")])
    began = time.perf_counter()
    zones = [zone(e.sandbox_id, changed) for e in ends]
    assert time.perf_counter() - began < 0.05
    assert all(z.layers[0] is zones[0].layers[0] for z in zones), "one table for all"
    assert found(zones[0], "new") == ["10.1.9.9"]
