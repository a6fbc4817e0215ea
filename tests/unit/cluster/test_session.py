"""The session: it is there again after every loss, and says why it is away."""

import asyncio

import pytest

from seaway.cluster import keys
from seaway.cluster.entry import Refused
from seaway.errors import Forbidden, Unavailable
from seaway.store import Put
from seaway.store.memory import MemoryServer
from tests.unit.cluster.rooms import Hut, until
from tests.unit.cluster.store_facts import NET, network, remote


async def _other(server: MemoryServer) -> Hut:
    """Another node, to write with."""
    other = Hut(server, "b", "192.168.1.2")
    await other.enter()
    return other


async def test_it_follows_and_publishes() -> None:
    server = MemoryServer()
    hut, other = Hut(server, "a", "192.168.1.1"), await _other(server)
    async with hut.running() as session:
        await session.first(1)
        assert session.connected
        revision = await other.store.commit([], [Put(*network()), Put(*remote("x", "b", "10.0.0.2/24"))])
        assert await session.caught_up(revision, 1)
        assert "x" in hut.mirror.abroad[NET].remotes
        claim = keys.claim(NET, "10.0.0.3")
        hut.rooms.wanted[claim] = b"a container:c"
        session.kick()
        await until(lambda: claim in server.read("").items)
    assert keys.alive("a") in server.read("").items, "it goes on: only its daemon has ended"


async def test_a_node_with_nothing_in_the_store_signs_off() -> None:
    server = MemoryServer()
    async with Hut(server, "a", "192.168.1.1").running() as session:
        await session.first(1)
    assert not server.read(keys.ALIVE).items


async def test_cut_watches_compaction_and_outages_lose_nothing() -> None:
    server = MemoryServer()
    hut, other = Hut(server, "a", "192.168.1.1"), await _other(server)
    await other.store.commit([], [Put(*network())])
    async with hut.running() as session:
        await session.first(1)
        for n in range(12):
            if n % 3 == 1:
                server.stop()
                await until(lambda: session.state.word == "away")
                server.start()
            else:
                server.cut()
            await other.store.commit([], [Put(*remote(f"x{n}", "b", f"10.0.0.{n + 2}/24"))])
            if n % 2:
                server._write({keys.endpoint(NET, f"x{n - 1}"): None})
                server.compact()
        await until(
            lambda: (
                NET in hut.mirror.abroad
                and set(hut.mirror.abroad[NET].remotes) == {f"x{n}" for n in range(1, 12, 2)}
            )
        )
        assert hut.mirror.view.revisions == {k: i.revision for k, i in server.read("").items.items()}


async def test_away_says_why_verbs_fail_at_once_and_it_comes_back() -> None:
    server = MemoryServer()
    server.stop()
    hut = Hut(server, "a", "192.168.1.1")
    async with hut.running() as session:
        await session.first(1)
        assert session.state.word == "away"
        with pytest.raises(Unavailable, match=r"does not answer.*Networks of this host go on"):
            await session.commit([], [Put("x", b"")])
        server.start()
        await until(lambda: session.connected)
        await session.commit([], [Put("x", b"")])


async def test_a_refusal_is_told_to_the_start_and_tried_again() -> None:
    server = MemoryServer()
    other = Hut(server, "b", "192.168.1.1")
    await other.enter()
    hut = Hut(server, "a", "192.168.1.1")
    async with hut.running() as session:
        with pytest.raises(Refused, match="advertised by node host b"):
            await session.first(1)
        server.advance(31)  # the other one is dead
        await until(lambda: session.connected)


async def test_a_wrong_password_is_a_refusal_until_it_is_right() -> None:
    server = MemoryServer(refusal=Forbidden("wrong password"))
    async with Hut(server, "a", "192.168.1.1").running() as session:
        with pytest.raises(Refused, match="wrong password"):
            await session.first(1)
        server.refusal = None
        await until(lambda: session.connected)


async def test_a_lease_that_runs_out_behind_its_back_is_begun_anew() -> None:
    server = MemoryServer()
    async with Hut(server, "a", "192.168.1.1").running() as session:
        await session.first(1)
        server.advance(31)
        await until(lambda: keys.alive("a") in server.read("").items)
        assert session.connected


async def test_a_store_that_lost_everything_is_told_what_stood_in_it() -> None:
    server = MemoryServer()
    hut = Hut(server, "a", "192.168.1.1")
    key, value = network()
    claim = keys.claim(NET, "10.0.0.3")
    async with hut.running() as session:
        await session.first(1)
        await session.commit([], [Put(key, value)])
        hut.rooms.known, hut.rooms.wanted = {key: value}, {claim: b"a container:c"}
        await until(lambda: claim in server.read("").items)
        server.stop()
        server._write(dict.fromkeys(list(server.read("").items)))
        server.start()
        await until(lambda: {key, claim, keys.alive("a")} <= server.read("").items.keys())


async def test_it_ends_when_cancelled_whatever_happens_meanwhile() -> None:
    """Cancelled in the moment in which the store is lost: it ends all the same."""
    for turns in range(12):
        server = MemoryServer()
        hut = Hut(server, "a", "192.168.1.1")
        task = asyncio.create_task(hut.session.run())
        await until(lambda hut=hut: hut.session.connected)
        hut.store.cut()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done
