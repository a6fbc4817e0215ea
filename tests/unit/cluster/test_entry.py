"""Entering: whose store it is, whose address, and what a store is told that has lost everything."""

import pytest

from seaway.cluster import keys
from seaway.cluster.entry import Refused
from seaway.errors import Unavailable
from seaway.store import Put
from seaway.store.memory import MemoryServer
from tests.unit.cluster.rooms import Hut
from tests.unit.cluster.store_facts import network


async def _both(server: MemoryServer) -> tuple[Hut, Hut]:
    one, two = Hut(server, "a", "192.168.1.1"), Hut(server, "b", "192.168.1.2")
    await one.enter()
    await two.enter()
    return one, two


async def test_two_nodes_are_in_one_cluster_and_remember_it() -> None:
    one, two = await _both(server := MemoryServer())
    assert one.cluster_id and one.cluster_id == two.cluster_id
    items = server.read("").items
    assert {keys.alive("a"), keys.alive("b"), keys.node("a"), keys.node("b")} <= items.keys()
    assert items[keys.advertise("192.168.1.1")].value == b"a"


async def test_an_address_that_a_live_node_advertises_is_refused_naming_it() -> None:
    await _both(server := MemoryServer())
    third = Hut(server, "c", "192.168.1.1")
    with pytest.raises(Refused, match=r"192\.168\.1\.1 is already advertised by node host a \(a\)"):
        await third.enter()
    assert keys.node("c") not in server.read("").items


async def test_an_address_of_another_family_than_the_others_is_refused() -> None:
    await _both(server := MemoryServer())
    with pytest.raises(
        Refused, match=r"host a advertises 192\.168\.1\.1, this one fd00::3: .* IPv4 and IPv6"
    ):
        await Hut(server, "c", "fd00::3").enter()
    server.advance(31)
    await Hut(server, "c", "fd00::3").enter()  # the dead may be of any


async def test_a_dead_nodes_address_is_taken_over_and_it_is_refused_when_it_returns() -> None:
    one, _ = await _both(server := MemoryServer())
    server.advance(31)
    third = Hut(server, "c", "192.168.1.1")
    await third.enter()
    assert server.read("").items[keys.advertise("192.168.1.1")].value == b"c"
    await one.look()
    with pytest.raises(Refused, match="host c"):
        await one.entry.renew(one.mirror)


def _again(server: MemoryServer, before: Hut, address: str) -> Hut:
    """The same boot of the same host, at another address."""
    hut = Hut(server, "a", address)
    hut.entry.incarnation = before.entry.incarnation
    return hut


async def test_a_node_that_comes_with_another_address_lets_the_old_one_go() -> None:
    one, _ = await _both(server := MemoryServer())
    await _again(server, one, "192.168.1.9").enter()
    items = server.read("").items
    assert keys.advertise("192.168.1.1") not in items
    assert items[keys.advertise("192.168.1.9")].value == b"a"


async def test_an_old_address_that_another_has_by_now_is_not_taken_from_it() -> None:
    one, _ = await _both(server := MemoryServer())
    server.advance(31)
    await Hut(server, "c", "192.168.1.1").enter()
    await _again(server, one, "192.168.1.9").enter()
    assert server.read("").items[keys.advertise("192.168.1.1")].value == b"c"


async def test_a_copy_of_a_host_is_refused_while_the_other_lives() -> None:
    one, _ = await _both(server := MemoryServer())
    copy = Hut(server, "a", "192.168.1.9")
    with pytest.raises(
        Refused, match=r"host a at 192\.168\.1\.1 is alive and has this host's ID a\b.*engine-id"
    ):
        await copy.enter()
    server.advance(31)
    await copy.enter()
    await one.look()
    with pytest.raises(Refused, match=r"192\.168\.1\.9 is alive and has this host's ID"):
        await one.entry.renew(one.mirror)


async def test_a_host_with_a_new_data_root_has_its_address_at_once() -> None:
    one, _ = await _both(server := MemoryServer())
    anew = Hut(server, "c", "192.168.1.1")
    anew.entry.incarnation = one.entry.incarnation
    await anew.enter()
    assert server.read("").items[keys.advertise("192.168.1.1")].value == b"c"


async def test_a_host_that_booted_anew_at_its_old_address_is_let_in_at_once() -> None:
    await _both(server := MemoryServer())
    await Hut(server, "a", "192.168.1.1").enter()


async def test_a_record_that_is_not_understood_is_refused() -> None:
    await _both(server := MemoryServer())
    server.commit((), [Put(keys.RECORD, b"{")])
    with pytest.raises(Refused, match="no cluster of this Seaway's"):
        await Hut(server, "c", "192.168.1.3").enter()


async def test_a_registration_that_is_not_understood_is_written_anew() -> None:
    one, _ = await _both(server := MemoryServer())
    server.commit((), [Put(keys.node("a"), b"[]"), Put(keys.advertise("192.168.1.1"), b"\xff")])
    await one.enter()
    assert server.read("").items[keys.advertise("192.168.1.1")].value == b"a"


async def test_another_clusters_store_is_refused() -> None:
    one, _ = await _both(server := MemoryServer())
    with pytest.raises(Refused, match=f"holds cluster {one.cluster_id}.*cannot share"):
        await Hut(server, "c", "192.168.1.3", cluster="elsewhere").enter()


async def test_another_vxlan_port_is_refused_with_the_one_to_take() -> None:
    await _both(server := MemoryServer())
    with pytest.raises(Refused, match="--data-path-port 4789"):
        await Hut(server, "c", "192.168.1.3", port=8472).enter()


async def test_a_wiped_store_gets_its_cluster_and_networks_back() -> None:
    one, _ = await _both(MemoryServer())
    empty = MemoryServer()
    again = Hut(empty, "a", "192.168.1.1", cluster=one.cluster_id)
    key, value = network()
    again.rooms.known = {key: value}
    await again.enter()
    assert empty.read("").items[key].value == value
    other = Hut(empty, "b", "192.168.1.2", cluster=one.cluster_id)
    other.rooms.known = {key: b"of another mind"}
    await other.enter()
    assert empty.read("").items[key].value == value, "what is there is left alone"


async def test_a_lease_that_has_run_out_is_begun_anew() -> None:
    one, two = await _both(server := MemoryServer())
    await one.look()
    await one.entry.renew(one.mirror)
    server.advance(31)
    assert not server.read(keys.ALIVE).items
    await one.entry.renew(one.mirror)
    await two.entry.renew(two.mirror)
    assert set(server.read(keys.ALIVE).items) == {keys.alive("a"), keys.alive("b")}


async def test_a_sign_of_life_that_somebody_removed_comes_back() -> None:
    one, _ = await _both(server := MemoryServer())
    server.expire(one.entry._lease)
    await one.look()
    await one.entry.renew(one.mirror)
    assert keys.alive("a") in server.read("").items


async def test_a_lost_answer_leaves_nothing_that_hinders_the_next_try() -> None:
    server = MemoryServer(lost=1)
    one = Hut(server, "a", "192.168.1.1")
    with pytest.raises(Unavailable):
        await one.enter()
    server.lost = 1
    with pytest.raises(Unavailable):
        await one.enter()
    await one.enter()
    assert keys.alive("a") in server.read("").items and one.cluster_id


async def test_leaving_takes_the_sign_of_life_and_leaves_the_node() -> None:
    one, _ = await _both(server := MemoryServer())
    await one.entry.leave()
    items = server.read("").items
    assert keys.alive("a") not in items and keys.node("a") in items
