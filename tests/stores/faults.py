"""What every store must do among clients, and when its server is hurt. Needs the fixture ``rig``."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from seaway.errors import Unavailable
from seaway.store import Check, Delete, Put
from tests.stores.follower import Follower, has, knows
from tests.stores.rig import Rig
from tests.stores.suite import add, values

TIMEOUT = 1.5


async def refused_in_time(wish: Awaitable[Any]) -> None:
    """Unavailable, not later than the store's own limit says."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await wish
    assert time.monotonic() - began < TIMEOUT + 1


async def patient(wish: Any, seconds: float = 20) -> Any:
    """The result of ``wish()``, asked for until the server has come to itself."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await wish()
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_clients_see_each_others_commits_and_not_other_prefixes(rig: Rig) -> None:
    one, two = await rig.store(), await rig.store()
    others = [await rig.store(rig.prefix + "x"), await rig.store("x/" + rig.prefix)]
    async with asyncio.TaskGroup() as group:
        followers = [Follower(one), Follower(two, "a")]
        for follower in followers:
            group.create_task(follower.run(has("a/1", "a/2")))
        await two.commit([Check("a/1")], [Put("a/1", b"1")])
        for other in others:
            await other.commit([Check("a/1")], [Put("a/1", b"other"), Put("a/3", b"other")])
        await one.commit([Check("a/2")], [Put("a/2", b"2")])
    assert [follower.facts for follower in followers] == [{"a/1": b"1", "a/2": b"2"}] * 2
    for other in others:
        assert await values(other) == {"a/1": b"other", "a/3": b"other"}


async def test_counters_of_several_clients_lose_nothing(rig: Rig) -> None:
    clients = [await rig.store() for _ in range(5)]
    await clients[0].commit([], [Put("n", b"0")])
    await asyncio.gather(*(add(client, "n") for client in clients for _ in range(4)))
    assert await values(clients[0]) == {"n": b"20"}


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_a_server_ended_and_started_again_costs_a_watch_nothing(rig: Rig, how: str) -> None:
    watching, writing = await rig.store(), await rig.store()
    await writing.commit([], [Put("kept", b"1"), Put("gone", b"1"), Put("changed", b"1"), Put("again", b"1")])
    follower = Follower(watching, "", await watching.read(""))
    async with asyncio.TaskGroup() as group:
        cut = group.create_task(refused(follower))
        await writing.commit([], [Put("before", b"1")])
        await asyncio.sleep(0.2)
        getattr(rig.server, how)()
        await cut
    await refused_in_time(writing.commit([], [Put("never", b"1")]))
    await refused_in_time(watching.read(""))
    rig.server.start()
    await patient(lambda: writing.commit([], [Delete("gone"), Put("changed", b"2"), Put("new", b"1")]))
    await patient(lambda: writing.commit([], [Delete("again"), Put("brief", b"1")]))
    await patient(lambda: writing.commit([], [Put("again", b"2"), Delete("brief")]))
    facts = {"kept": b"1", "changed": b"2", "again": b"2", "before": b"1", "new": b"1"}
    await follower.persist(knows(facts))
    assert await values(watching) == facts
    await writing.commit([], [Put("last", b"1")])
    await follower.persist(has("last"))


async def refused(follower: Follower) -> None:
    """Follow until the connection is lost."""
    with pytest.raises(Unavailable):
        await follower.run(lambda _: False, 20)


async def test_a_watch_that_missed_forgotten_history_is_told_the_difference(rig: Rig) -> None:
    store = await rig.store()
    await store.commit([], [Put("kept", b"1"), Put("gone", b"1"), Put("changed", b"1")])
    follower = Follower(store, "", await store.read(""))
    for number in range(20):
        await store.commit([], [Put("changed", b"%d" % number), Put("brief", b"")])
    await store.commit([], [Delete("gone"), Delete("brief"), Put("new", b"1")])
    await rig.server.compact()
    facts = {"kept": b"1", "changed": b"19", "new": b"1"}
    await follower.run(knows(facts))
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.run(has("last")))
        for number in range(20):
            await store.commit([], [Put("changed", b"%d" % number)])
            await rig.server.compact()
        await store.commit([], [Put("last", b"1"), Delete("new")])
    assert follower.facts == {"kept": b"1", "changed": b"19", "last": b"1"}


async def test_a_silent_server_is_unavailable_in_time_and_then_serves_again(rig: Rig) -> None:
    store = await rig.store(timeout=TIMEOUT)
    await store.commit([], [Put("a", b"1")])
    lease = await store.lease(60)
    follower = Follower(store, "", await store.read(""))
    async with asyncio.TaskGroup() as group:
        cut = group.create_task(refused(follower))
        await asyncio.sleep(0.3)
        rig.server.freeze()
        began = time.monotonic()
        await asyncio.gather(
            refused_in_time(store.read("")),
            refused_in_time(store.commit([], [Put("b", b"1")])),
            refused_in_time(store.lease(60)),
            refused_in_time(store.renew(lease)),
            refused_in_time(store.revoke(lease)),
        )
        await cut
        assert time.monotonic() - began < 10
    rig.server.thaw()
    await patient(lambda: store.commit([], [Put("c", b"1")]))
    await follower.persist(has("a", "c"))
    assert await patient(lambda: values(store)) == follower.facts


async def test_a_closed_store_does_not_wait_for_a_silent_server(rig: Rig) -> None:
    store = await rig.store(timeout=TIMEOUT)
    ended = asyncio.Event()

    async def look() -> None:
        async for _ in store.watch("", Follower(store).view):
            pass
        ended.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        await asyncio.sleep(0.2)
        rig.server.freeze()
        async with asyncio.timeout(TIMEOUT + 2):
            await store.close()
            await ended.wait()


async def test_a_server_that_starts_after_its_client(rig: Rig) -> None:
    await (await rig.store()).commit([], [Put("a", b"1")])
    rig.server.kill()
    store = rig.client(timeout=TIMEOUT)
    for _ in range(2):
        await refused_in_time(store.open())
        await refused_in_time(store.read(""))
    rig.server.start()
    await patient(store.open)
    assert await patient(lambda: values(store)) == {"a": b"1"}


async def test_a_lease_that_is_renewed_outlives_its_server(rig: Rig) -> None:
    store = await rig.store()
    lease = await store.lease(30)
    await store.commit([], [Put("alive", b"1", lease)])
    rig.server.kill()
    rig.server.start()
    assert await patient(lambda: store.renew(lease)) is True
    assert await values(store) == {"alive": b"1"}
    await patient(lambda: store.revoke(lease))
    assert await values(store) == {}


async def test_commits_during_trouble_are_done_or_not_but_never_by_half(rig: Rig) -> None:
    store, other = await rig.store(timeout=TIMEOUT), await rig.store()
    done: set[int] = set()

    async def write() -> None:
        for number in range(60):
            try:
                await store.commit([Check(f"l/{number}")], [Put(f"l/{number}", b""), Put(f"r/{number}", b"")])
                done.add(number)
            except Unavailable:
                pass
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await asyncio.sleep(0.15)
        rig.server.kill()
        await asyncio.sleep(0.15)
        rig.server.start()
    found = await patient(lambda: values(other))
    left, right = ({k[2:] for k in found if k.startswith(side)} for side in "lr")
    assert left == right >= {str(number) for number in done}
    assert done
