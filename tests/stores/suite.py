"""What every store must do, whatever it is made of. Needs the fixtures ``rig`` and ``store``."""

import asyncio
import time
from typing import Any

import pytest

from seaway.errors import NotFound, StoreConflict, Unavailable
from seaway.store import LIMIT, Check, Delete, Put
from tests.stores.follower import Follower, has
from tests.stores.rig import Rig

BIG = 512 << 10


async def keys(store: Any, prefix: str = "") -> list[str]:
    return sorted((await store.read(prefix)).items)


async def values(store: Any, prefix: str = "") -> dict[str, bytes]:
    return {key: item.value for key, item in (await store.read(prefix)).items.items()}


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


async def test_values_are_any_bytes(store: Any) -> None:
    every = bytes(range(256))
    wanted = {"empty": b"", "every": every, "lines": b"\r\n\r\n\0", "big": every * (BIG // 256)}
    for key, value in wanted.items():
        await store.commit([], [Put(key, value)])
    assert await values(store) == wanted
    assert (await Follower(store).run(has(*wanted))).facts == wanted


async def test_removing_what_is_not_there_succeeds(store: Any) -> None:
    await store.commit([], [Delete("a"), Put("b", b"1")])
    await store.commit([Check("a", 0)], [Delete("b"), Delete("b")])
    assert await keys(store) == []


async def test_of_several_writes_to_a_key_the_last_counts(store: Any) -> None:
    await store.commit([], [Put("a", b"1"), Put("a", b"2"), Put("b", b"1"), Delete("b"), Delete("c")])
    await store.commit([], [Delete("a"), Put("a", b"3")])
    assert await values(store) == {"a": b"3"}


async def test_a_prefix_is_of_text_not_of_folders_or_patterns(store: Any) -> None:
    names = ["a", "a/b", "a/b/c", "a/b%", "a/b%2F", "a/b_c", "a/ b", "a0", "A/b", "a/é", "a/ÿ\U0010fffd", "b"]
    await store.commit([], [Put(name, b"x") for name in names])
    for prefix in ["", "a", "a/", "a/b", "a/b%", "a/b_", "A", "a/é", "a/ÿ", "zz", "a/b_c", "\U0010fffd"]:
        assert await keys(store, prefix) == sorted(n for n in names if n.startswith(prefix)), prefix
    await store.commit([], [Delete("a"), Delete("a/b")])
    assert await keys(store, "a") == sorted(n for n in names if n.startswith("a") and n not in ("a", "a/b"))


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
    with pytest.raises(StoreConflict):
        await store.commit([Check("k", second)], [])
    assert await keys(store) == []


async def test_a_key_written_again_with_the_same_value_has_a_new_revision(store: Any) -> None:
    first = await store.commit([], [Put("k", b"1")])
    second = await store.commit([Check("k", first)], [Put("k", b"1")])
    assert second > first
    assert (await store.read("k")).items["k"].revision == second


async def test_a_commit_has_room_for_as_many_as_the_contract_says(store: Any) -> None:
    half = LIMIT // 2
    first = await store.commit([], [Put(f"k/{n}", b"1") for n in range(LIMIT)])
    await store.commit([Check(f"k/{n}", first) for n in range(half)], [Delete(f"k/{n}") for n in range(half)])
    assert len(await keys(store)) == LIMIT - half
    with pytest.raises(StoreConflict) as caught:
        await store.commit([Check(f"k/{n}", first) for n in range(LIMIT)], [])
    assert len(caught.value.keys) == half


async def test_of_many_who_want_one_key_one_wins(store: Any) -> None:
    async def claim(number: int) -> bool:
        try:
            await store.commit([Check("claims/10.0.0.2")], [Put("claims/10.0.0.2", b"%d" % number)])
        except StoreConflict:
            return False
        return True

    won = await asyncio.gather(*(claim(number) for number in range(30)))
    assert won.count(True) == 1
    assert await values(store, "claims/") == {"claims/10.0.0.2": b"%d" % won.index(True)}


async def test_a_counter_of_many_hands_loses_nothing(store: Any) -> None:
    await store.commit([], [Put("n", b"0")])
    await asyncio.gather(*(add(store, "n") for _ in range(20)))
    assert await values(store) == {"n": b"20"}


async def add(store: Any, key: str) -> None:
    """One more, however many others do the same."""
    while True:
        item = (await store.read(key)).items[key]
        try:
            await store.commit([Check(key, item.revision)], [Put(key, b"%d" % (int(item.value) + 1))])
        except StoreConflict:
            continue
        return


async def test_a_big_reading_is_whole(store: Any) -> None:
    wanted = {f"e/{number:05}": b"%d" % number * 40 for number in range(3000)}
    puts = [Put(key, value) for key, value in wanted.items()]
    await store.commit([], [Put("f", b"")])
    for start in range(0, len(puts), LIMIT):
        await store.commit([], puts[start : start + LIMIT])
    assert await values(store, "e/") == wanted
    assert (await Follower(store, "e/").run(has(*wanted))).facts == wanted


async def test_a_watch_goes_on_from_a_reading_without_gap_or_repeat(store: Any, rig: Rig) -> None:
    await store.commit([], [Put("w/0", b"old"), Put("w/gone", b"old")])
    reading = await store.read("w/")
    for number in range(1, 20):
        await store.commit([], [Put(f"w/{number}", b"%d" % number), Put(f"other/{number}", b"")])
    await store.commit([], [Delete("w/gone"), Delete("w/19"), Put("w/0", b"new")])

    async def more() -> None:
        for number in range(20, 60):
            await store.commit([], [Put(f"w/{number}", b"%d" % number)])
        await store.commit([], [Delete("w/5"), Delete("never")])

    watched = [Follower(store, "w/", reading) for _ in range(2)]
    facts = {"w/0": b"new"} | {f"w/{n}": b"%d" % n for n in range(1, 60) if n not in (5, 19)}
    await asyncio.gather(*(follower.run(lambda f: f.facts == facts) for follower in watched), more())
    for follower in watched:
        if rig.traits.history:
            assert follower.events[-1].key == "w/5"
            assert [key for key, _ in follower.story].count("w/19") == 2
            assert [e.revision for e in follower.events] == sorted(e.revision for e in follower.events)


async def test_a_watch_from_nothing_tells_all_there_is(store: Any) -> None:
    await store.commit([], [Put("a", b"1"), Put("b", b"1")])
    await store.commit([], [Put("a", b"2"), Delete("b"), Put("c", b"3")])
    follower = await Follower(store).run(has("a", "c"))
    assert follower.facts == {"a": b"2", "c": b"3"}


async def test_a_watch_sees_one_commit_in_one_batch(store: Any, rig: Rig) -> None:
    if not rig.traits.whole:
        pytest.skip("this kind of store cannot")
    follower = Follower(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(follower.run(has("end")))
        for number in range(10):
            await store.commit([], [Put(f"a/{number}", b""), Put(f"b/{number}", b"")])
        await store.commit([], [Put("end", b"")])
    for batch in follower.batches:
        sides = [event.key.split("/")[0] for event in batch.events]
        assert sides.count("a") == sides.count("b")


async def test_a_failed_commit_is_not_seen(store: Any) -> None:
    await store.commit([], [Put("a", b"1")])
    follower = Follower(store, "a", await store.read("a"))
    with pytest.raises(StoreConflict):
        await store.commit([Check("a", 0)], [Put("a", b"2")])
    await store.commit([], [Put("a", b"3")])
    assert (await follower.run(lambda f: bool(f.events))).story == [("a", b"3")]


async def test_a_key_made_again_is_told_with_its_new_value(store: Any) -> None:
    first = await store.commit([], [Put("a", b"1")])
    follower = Follower(store, "", await store.read(""))
    await store.commit([Check("a", first)], [Delete("a")])
    again = await store.commit([Check("a")], [Put("a", b"1")])
    await follower.run(lambda f: f.view.revisions.get("a") == again)
    assert follower.facts == {"a": b"1"}


async def test_keys_of_a_lease_go_with_it_and_only_they(store: Any, rig: Rig) -> None:
    span = rig.traits.lease
    dying, living = await store.lease(span), await store.lease(span)
    await store.commit([], [Put("gone/1", b"", dying), Put("gone/2", b"", dying), Put("kept", b"", living)])
    await store.commit([], [Put("moved", b"1", dying), Put("freed", b"1", dying), Put("plain", b"1")])
    await store.commit([], [Put("moved", b"2", living), Put("freed", b"2")])
    follower = Follower(store, "", await store.read(""))
    began, done = time.monotonic(), asyncio.Event()

    async def look() -> None:
        await follower.run(lambda f: not f.facts.keys() & {"gone/1", "gone/2"}, span + rig.traits.expiry)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        while not done.is_set():
            assert await store.renew(living) is True
            await rig.sleep(span / 3)
    if not rig.traits.moved_time:
        assert time.monotonic() - began > span * 0.5
    assert sorted(follower.story) == [("gone/1", None), ("gone/2", None)]
    assert await keys(store) == ["freed", "kept", "moved", "plain"]
    assert await store.renew(dying) is False
    with pytest.raises(NotFound):
        await store.commit([], [Put("late", b"", dying), Put("other", b"")])
    assert await keys(store) == ["freed", "kept", "moved", "plain"]


async def test_revoking_a_lease_takes_its_keys_but_not_those_given_to_another(store: Any) -> None:
    lease, other = await store.lease(60), await store.lease(60)
    assert lease != other
    await store.commit([], [Put("a", b"", lease), Put("b", b"", lease), Put("c", b"", lease)])
    await store.commit([], [Put("b", b""), Put("c", b"", other)])
    follower = Follower(store, "", await store.read(""))
    await store.revoke(lease)
    await store.revoke(lease)
    assert await keys(store) == ["b", "c"]
    assert await store.renew(lease) is False
    assert await store.renew(other) is True
    assert (await follower.run(lambda f: bool(f.events))).story == [("a", None)]
    await store.revoke(other)


async def test_a_watch_ends_when_the_store_closes(store: Any) -> None:
    async def look() -> int:
        return len([batch async for batch in store.watch("nothing", Follower(store).view) if batch.events])

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(look())
        await asyncio.sleep(0.1)
        await store.close()
    assert task.result() == 0
    with pytest.raises(Unavailable):
        await store.read("")


async def test_a_store_that_is_not_open_says_so_and_closing_again_is_harmless(rig: Rig) -> None:
    store = rig.client()
    with pytest.raises(Unavailable):
        await store.read("")
    with pytest.raises(Unavailable):
        await store.commit([], [Put("a", b"")])
    await store.close()
    store = await rig.store()
    await store.commit([], [Put("a", b"")])
    await store.close()
    await store.close()
