"""Names of containers on other hosts."""

import dataclasses
import time
from collections.abc import Iterable
from ipaddress import ip_address

from seaway.dns.zone import Zone, zone
from seaway.model import Abroad, Endpoint, Remote, Snapshot
from tests.unit.dns.facts import endpoint, network, snapshot

NETS = [network("over", driver="overlay"), network("other", driver="overlay")]
ME = endpoint("me", "over", "10.1.0.2/24", names=("me", "all"))


def remote(name: str, node: str, *addresses: str, net: str = "over", **more: object) -> Remote:
    fields = {"dns_names": (name,), "container_id": name * 16, "mac": "", **more}
    return Remote(id=f"{name}@{node}", network_id=f"id-{net}", node=node, name=name,
                  addresses=addresses, **fields)  # type: ignore[arg-type]  # fmt: skip


def known(
    remotes: Iterable[Remote], alive: Iterable[str] = ("n2", "n3"), here: Iterable[Endpoint] = (ME,)
) -> Snapshot:
    found: dict[str, dict[str, Remote]] = {}
    for one in remotes:
        found.setdefault(one.network_id, {})[one.id] = one
    return dataclasses.replace(
        snapshot(NETS, list(here)),
        abroad={n: Abroad(of) for n, of in found.items()},
        alive=frozenset(alive),
    )


def with_alive(facts: Snapshot, *alive: str) -> Snapshot:
    """The same facts with other hosts alive; mappings are the very same objects."""
    return dataclasses.replace(facts, alive=frozenset(alive))


def found(z: Zone, name: str) -> list[str]:
    addresses = z.find(name)
    return [] if addresses is None else [str(ip_address(p)) for p in addresses.v4 + addresses.v6]


def reverse(z: Zone, address: str) -> str | None:
    return z.reverse(ip_address(address).packed)


def test_names_of_other_hosts_on_the_same_network_and_of_no_other() -> None:
    facts = known(
        [
            remote("far", "n2", "10.1.0.3/24", "fd00::3/64", dns_names=("Far", "web", "0123456789ab")),
            remote("away", "n2", "10.2.0.3/24", net="other"),
        ]
    )
    z = zone("box-me", facts)
    assert found(z, "far") == found(z, "web.over") == found(z, "0123456789ab") == ["10.1.0.3", "fd00::3"]
    assert reverse(z, "10.1.0.3") == reverse(z, "fd00::3") == "Far.over"
    assert found(z, "me") == ["10.1.0.2"]
    assert found(z, "away") == found(z, "away.other") == []


def test_an_alias_gives_the_addresses_here_and_elsewhere() -> None:
    more = [remote(f"c{n}", f"n{n}", f"10.1.0.{n}/24", dns_names=(f"c{n}", "all")) for n in (3, 2)]
    z = zone("box-me", known([*more, remote("dead", "n9", "10.1.0.9/24", dns_names=("dead", "all"))]))
    assert sorted(found(z, "all")) == sorted(found(z, "all.over"))
    assert sorted(found(z, "all")) == ["10.1.0.2", "10.1.0.3"], "each address once"
    assert found(z, "dead") == [] and reverse(z, "10.1.0.9") is None


def test_names_go_and_come_with_their_host() -> None:
    facts = known([remote("far", "n2", "10.1.0.3/24"), remote("by", "n3", "10.1.0.4/24")])
    first = zone("box-me", facts)
    assert found(first, "far") == ["10.1.0.3"]
    after = zone("box-me", with_alive(facts, "n3"))
    assert found(after, "far") == [] and reverse(after, "10.1.0.3") is None
    assert found(after, "by") == ["10.1.0.4"]
    assert found(zone("box-me", with_alive(facts, "n2", "n3")), "far") == ["10.1.0.3"]


def test_a_name_goes_with_its_container() -> None:
    facts = known([remote("far", "n2", "10.1.0.3/24")])
    assert found(zone("box-me", facts), "far") == ["10.1.0.3"]
    assert found(zone("box-me", dataclasses.replace(facts, abroad={})), "far") == []


def test_the_reverse_is_of_the_one_who_has_the_address() -> None:
    """That here, or of those elsewhere the one published last; whatever their names."""
    claims = [
        remote("a", "n2", "10.1.0.2/24", revision=9),
        remote("z", "n2", "10.1.0.2/24", revision=9),
        remote("b", "n2", "10.1.0.3/24", revision=7),
        remote("c", "n3", "10.1.0.3/24", revision=8),
        remote("d", "n3", "10.1.0.3/24", revision=6),
    ]
    z = zone("box-me", known(claims))
    assert reverse(z, "10.1.0.2") == "me.over"
    assert reverse(z, "10.1.0.3") == "c.over"


def test_a_link_leads_to_another_host() -> None:
    me = endpoint("me", "over", "10.1.0.2/24", links={"DB": "far", "id": ("far" * 16)[:12], "gone": "dead"})
    z = zone(
        "box-me",
        known([remote("far", "n2", "10.1.0.3/24"), remote("dead", "n9", "10.1.0.9/24")], here=[me]),
    )
    assert found(z, "db") == found(z, "db.over") == found(z, "id") == ["10.1.0.3"]
    assert found(z, "gone") == []


def test_a_zone_is_the_same_object_until_its_own_networks_changed() -> None:
    you = endpoint("you", "other", "10.2.0.2/24")
    facts = known([remote("far", "n2", "10.1.0.3/24")], here=[ME, you])
    mine, yours = zone("box-me", facts), zone("box-you", facts)
    more = remote("away", "n3", "10.2.0.3/24", net="other")
    changed = dataclasses.replace(facts, abroad={**facts.abroad, "id-other": Abroad({more.id: more})})
    assert zone("box-me", changed) is mine
    assert found(zone("box-you", changed), "away") == ["10.2.0.3"]
    assert zone("box-you", changed) is not yours
    died = with_alive(changed, "n2")
    assert zone("box-me", died).layers[0] is mine.layers[0], "n3 has nothing on its network"
    assert found(zone("box-you", died), "away") == []


def test_names_of_the_gateway_bridge_are_not_asked_for() -> None:
    """Its endpoints have none."""
    way = endpoint("me", "docker_gwbridge", "172.18.0.2/16", ifname="eth1", names=())
    other = endpoint("x", "docker_gwbridge", "172.18.0.3/16", ifname="eth1", names=())
    facts = snapshot([*NETS, network("docker_gwbridge")], [ME, way, other])
    z = zone("box-me", facts)
    assert z.forward
    assert found(z, "x") == [] and reverse(z, "172.18.0.3") is None


def test_one_change_among_a_thousand_is_cheap() -> None:
    far = {
        r.id: r
        for n in range(1000)
        for r in [remote(f"c{n}", f"n{n % 50}", f"10.1.{n // 250}.{n % 250}/16",
                         dns_names=(f"c{n}", "all", f"{n:012x}", f"host{n}"))]
    }  # fmt: skip
    facts = known(far.values(), alive=[f"n{n}" for n in range(50)])
    zone("box-me", facts)
    took = []
    for n in range(7):
        one = remote(f"new{n}", "n1", f"10.1.9.{n}/16", dns_names=(f"new{n}", "all"))
        far = {**far, one.id: one}
        facts = dataclasses.replace(facts, abroad={"id-over": Abroad(far)})
        began = time.perf_counter()
        z = zone("box-me", facts)
        took.append(time.perf_counter() - began)
        assert found(z, f"new{n}") == [f"10.1.9.{n}"]
    assert len(found(z, "all")) == 1007, "one of them has my own address"
    assert min(took) < 0.005
