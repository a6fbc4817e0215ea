"""What every store must do, whatever it is made of."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from seaway.errors import StoreConflict
from seaway.store import Check, Delete, Event, Put, View


async def gather(store: Any, prefix: str, since: int, count: int, seconds: float = 5) -> list[Event]:
    """The first ``count`` events of a watch."""
    found: list[Event] = []
    async with asyncio.timeout(seconds):
        async for batch in store.watch(prefix, View(since)):
            found += batch.events
            if len(found) >= count:
                break
    return found


async def keys(store: Any, prefix: str = "") -> list[str]:
    return sorted((await store.read(prefix)).items)


async def test_what_was_written_is_read_with_its_revision(store: Any) -> None:
    first = await store.commit([], [Put("a/1", b"one"), Put("a/2", b"")])
    second = await store.commit([], [Put("a/2", b"\x00\xff")])
    reading = await store.read("a/")
    assert second > first
    assert reading.revision >= second
    assert {k: (i.value, i.revision) for k, i in reading.items.items()} == {
        "a/1": (b"one", first),
        "a/2": (b"\x00\xff", second),
    }


async def test_removing_what_is_not_there_succeeds(store: Any) -> None:
    await store.commit([], [Delete("a"), Put("b", b"1")])
    await store.commit([Check("a", 0)], [Delete("b"), Delete("b")])
    assert await keys(store) == []


async def test_a_prefix_is_of_text_not_of_folders_or_patterns(store: Any) -> None:
    names = ["a", "a/", "a/b", "a/b%", "a/b_c", "a0", "A/b", "a/é", "a/ÿ\U0010fffd", "b"]
    await store.commit([], [Put(name, b"x") for name in names])
    for prefix in ["", "a", "a/", "a/b", "a/b%", "a/b_", "A", "a/é", "a/ÿ", "zz", "a/b_c", "\U0010fffd"]:
        assert await keys(store, prefix) == sorted(n for n in names if n.startswith(prefix)), prefix


async def test_a_failed_check_writes_nothing_and_names_every_failed_key(store: Any) -> None:
    there = await store.commit([], [Put("there", b"1")])
    with pytest.raises(StoreConflict) as caught:
        await store.commit(
            [Check("there", 0), Check("there", there), Check("absent", 0), Check("gone", there)],
            [Put("new", b"1"), Delete("there")],
        )
    assert sorted(caught.value.keys) == ["gone", "there"]
    assert await keys(store) == ["there"]


async def test_checks_pin_the_revision(store: Any) -> None:
    first = await store.commit([Check("k")], [Put("k", b"1")])
    second = await store.commit([Check("k", first)], [Put("k", b"2")])
    with pytest.raises(StoreConflict):
        await store.commit([Check("k", first)], [Put("k", b"3")])
    await store.commit([Check("k", second)], [Delete("k")])
    await store.commit([Check("k", 0)], [])
    assert await keys(store) == []


async def test_of_many_who_want_one_key_one_wins(store: Any) -> None:
    async def claim(number: int) -> bool:
        try:
            await store.commit([Check("claims/10.0.0.2")], [Put("claims/10.0.0.2", b"%d" % number)])
        except StoreConflict:
            return False
        return True

    won = await asyncio.gather(*(claim(number) for number in range(30)))
    assert won.count(True) == 1
    value = (await store.read("claims/")).items["claims/10.0.0.2"].value
    assert value == b"%d" % won.index(True)


async def test_a_counter_of_many_hands_loses_nothing(store: Any) -> None:
    await store.commit([], [Put("n", b"0")])

    async def add() -> None:
        while True:
            item = (await store.read("n")).items["n"]
            try:
                await store.commit([Check("n", item.revision)], [Put("n", b"%d" % (int(item.value) + 1))])
            except StoreConflict:
                continue
            return

    await asyncio.gather(*(add() for _ in range(20)))
    assert (await store.read("n")).items["n"].value == b"20"


async def test_a_watch_replays_and_goes_on_without_gap_or_repeat(store: Any) -> None:
    before = await store.commit([], [Put("w/0", b"old")])
    for number in range(1, 20):
        await store.commit([], [Put(f"w/{number}", b"%d" % number), Put(f"other/{number}", b"")])

    async def more() -> None:
        for number in range(20, 60):
            await store.commit([], [Put(f"w/{number}", b"%d" % number)])
        await store.commit([], [Delete("w/5"), Delete("never")])

    watched = [gather(store, "w/", before, 60), gather(store, "w/", before, 60)]
    *seen, _ = await asyncio.gather(*watched, more())
    expected = [(f"w/{n}", b"%d" % n) for n in range(1, 60)] + [("w/5", None)]
    for events in seen:
        assert [(e.key, e.value) for e in events] == expected
        revisions = [e.revision for e in events]
        assert revisions == sorted(revisions)
        assert revisions[0] > before


async def test_a_watch_sees_one_commit_in_one_batch(store: Any) -> None:
    batches: list[Sequence[Event]] = []

    async def look() -> None:
        async for batch in store.watch("", View()):
            batches.append(batch.events)
            if any(event.key == "end" for event in batch.events):
                return

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(look())
        for number in range(10):
            await store.commit([], [Put(f"a/{number}", b""), Put(f"b/{number}", b"")])
        await store.commit([], [Put("end", b"")])
    for batch in batches:
        sides = [e.key.split("/")[0] for e in batch]
        assert sides.count("a") == sides.count("b")


async def test_a_failed_commit_is_not_seen(store: Any) -> None:
    at = await store.commit([], [Put("a", b"1")])
    with pytest.raises(StoreConflict):
        await store.commit([Check("a", 0)], [Put("a", b"2")])
    await store.commit([], [Put("a", b"3")])
    assert [e.value for e in await gather(store, "a", at, 1)] == [b"3"]


async def test_keys_of_a_lease_go_when_it_runs_out(store: Any) -> None:
    lease = await store.lease(0.3)
    at = await store.commit([], [Put("nodes/h1", b"up", lease), Put("nodes/h2", b"up")])
    began = time.monotonic()
    events = await gather(store, "nodes/", at, 1)
    assert [(e.key, e.value) for e in events] == [("nodes/h1", None)]
    assert 0.2 < time.monotonic() - began < 3
    assert await keys(store) == ["nodes/h2"]
    assert await store.renew(lease) is False


async def test_a_renewed_lease_lives_on(store: Any) -> None:
    lease = await store.lease(0.3)
    await store.commit([], [Put("n", b"", lease)])
    for _ in range(4):
        await asyncio.sleep(0.1)
        assert await store.renew(lease) is True
    assert await keys(store) == ["n"]


async def test_revoking_a_lease_takes_its_keys_but_not_those_given_to_another(store: Any) -> None:
    lease, other = await store.lease(60), await store.lease(60)
    await store.commit([], [Put("a", b"", lease), Put("b", b"", lease), Put("c", b"", lease)])
    await store.commit([], [Put("b", b""), Put("c", b"", other)])
    await store.revoke(lease)
    await store.revoke(lease)
    assert await keys(store) == ["b", "c"]


async def test_a_watch_ends_when_the_store_closes(opener: Any, tmp_path: Any) -> None:
    async with opener(tmp_path) as store:
        watching = gather(store, "", 0, 1)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(watching)
            await asyncio.sleep(0.05)
            await store.close()
            async with asyncio.timeout(2):
                assert await task == []
