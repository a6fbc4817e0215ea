"""The store made of a dict: what happens to a server, and the faults it has on demand."""

import asyncio
from typing import Any

import pytest

from seaway.errors import Forbidden, InvalidInput, Unavailable
from seaway.store import LIMIT, Check, Put, Store
from seaway.store.memory import MemoryServer, MemoryStore
from tests.stores.faults import *  # noqa: F403
from tests.stores.follower import Follower, has
from tests.unit.store.conftest import Memory


@pytest.fixture
def kind() -> Any:
    return Memory


async def _open(server: MemoryServer) -> MemoryStore:
    store: Store = (made := MemoryStore.at(server))
    await store.open()
    return made


async def test_an_answer_is_lost_after_the_commit_was_done() -> None:
    store = await _open(server := MemoryServer(lost=1))
    with pytest.raises(Unavailable):
        await store.commit([Check("a")], [Put("a", b"1")])
    assert (await store.read("a")).items["a"].value == b"1"
    await store.commit([], [Put("a", b"2")])
    assert server.commits == 2


async def test_one_client_is_cut_off_and_others_are_not() -> None:
    server = MemoryServer()
    one, two = await _open(server), await _open(server)
    lost = Follower(one)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lost.persist(has("a")))
        await asyncio.sleep(0.01)
        one.cut()
        await two.commit([], [Put("a", b"1")])
        with pytest.raises(Unavailable):
            await one.read("")
        assert await Follower(two).run(has("a"))
        assert not task.done() and not lost.facts
        one.down = False
    assert lost.facts == {"a": b"1"}


async def test_watches_are_cut_and_go_on() -> None:
    store = await _open(server := MemoryServer())
    follower = Follower(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.persist(lambda f: len(f.facts) == 20))
        for number in range(20):
            await store.commit([], [Put(str(number), b"")])
            server.cut()
            await asyncio.sleep(0.005)
    assert len(follower.story) == 20


async def test_answers_are_slow_refused_or_too_much_is_asked() -> None:
    store = await _open(server := MemoryServer(delay=0.05))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await store.read("")
    server.delay, server.refusal = 0, Forbidden("wrong password")
    with pytest.raises(Forbidden):
        await store.read("")
    server.refusal = None
    with pytest.raises(InvalidInput, match="at most"):
        await store.commit([], [Put(str(n), b"") for n in range(LIMIT + 1)])


async def test_a_lease_ends_by_the_clock_that_the_test_moves() -> None:
    store = await _open(server := MemoryServer())
    lease = await store.lease(30)
    await store.commit([], [Put("a", b"", lease)])
    server.advance(29)
    assert await store.renew(lease)
    server.advance(29)
    assert "a" in (await store.read("")).items
    server.expire(lease)
    assert "a" not in (await store.read("")).items
