"""The mirror: whatever the order and the pieces in which news come, it shows what the store holds."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.cluster import keys
from seaway.cluster.mirror import Mirror
from seaway.store import Batch, Event, Item, Reading
from tests.unit.cluster.store_facts import NET, gone, member, network, put, remote

MAC = "02:42:0a:00:00:02"


def tables(mirror: Mirror) -> Any:
    """All that a mirror shows."""
    return (
        dict(mirror.networks),
        dict(mirror.members),
        mirror.alive,
        {
            n: (
                dict(a.remotes),
                {k: r.id for k, r in a.by_address.items()},
                {k: r.id for k, r in a.by_mac.items()},
            )
            for n, a in mirror.abroad.items()
        },
        mirror.claims,
        mirror.mine,
        mirror.view.revisions,
    )


def test_of_two_that_say_so_the_one_written_later_holds_an_address_and_its_end_gives_it_back() -> None:
    mirror = Mirror("me")
    mirror.apply(put(5, remote("new", "a", "10.0.0.2/24", mac=MAC)))
    mirror.apply(put(6, remote("other", "b", "10.0.0.3/24")))
    news = mirror.apply(put(9, remote("newer", "b", "10.0.0.2/24", mac=MAC)))
    assert mirror.abroad[NET].by_address["10.0.0.2"].id == "newer" == mirror.abroad[NET].by_mac[MAC].id
    assert news.peers == {(NET, "new"), (NET, "newer")}, "both are to be settled, and nobody else"
    news = mirror.apply(gone(10, keys.endpoint(NET, "newer")))
    assert mirror.abroad[NET].by_address["10.0.0.2"].id == "new"
    assert news.peers == {(NET, "new"), (NET, "newer")}


def test_a_change_of_address_frees_the_old_one() -> None:
    mirror = Mirror("me")
    mirror.apply(put(1, remote("x", "a", "10.0.0.2/24")))
    mirror.apply(put(2, remote("x", "a", "10.0.0.3/24")))
    assert list(mirror.abroad[NET].by_address) == ["10.0.0.3"]


def test_late_news_change_nothing() -> None:
    mirror = Mirror("me")
    mirror.apply(put(5, remote("x", "a", "10.0.0.2/24")))
    before = tables(mirror)
    late = mirror.apply(gone(4, keys.endpoint(NET, "x")))
    older = mirror.apply(put(3, remote("x", "a", "10.0.0.9/24")))
    assert not late.raw and not older.raw
    assert tables(mirror) == before


def test_one_batch_may_tell_of_a_key_several_times() -> None:
    mirror = Mirror("me")
    key, value = remote("x", "a", "10.0.0.2/24")
    mirror.apply(Batch(3, [Event(key, value, 2), Event(key, None, 3)]))
    assert not mirror.abroad and not mirror.view.revisions
    mirror.apply(Batch(6, [Event(key, value, 4), Event(key, None, 5), Event(key, value, 6)]))
    assert mirror.abroad[NET].remotes["x"].revision == 6 == mirror.revision(key)


def test_the_same_again_is_no_news() -> None:
    mirror = Mirror("me")
    batch = put(5, remote("x", "a", "10.0.0.2/24"), network(), member("a", "192.168.1.1"))
    mirror.apply(batch)
    before = tables(mirror)
    news = mirror.apply(batch)
    assert not (news.raw or news.peers or news.networks or news.members)
    assert tables(mirror) == before


def test_tables_that_were_shown_never_change() -> None:
    mirror = Mirror("me")
    mirror.apply(put(1, remote("x", "a", "10.0.0.2/24"), network(), member("a", "192.168.1.1")))
    shown = (mirror.networks, mirror.members, mirror.alive, mirror.abroad, mirror.abroad[NET].remotes)
    copies = tuple(set(table) for table in shown)
    mirror.apply(put(2, remote("y", "a", "10.0.0.3/24"), network("o" * 64), member("b", "192.168.1.2")))
    mirror.apply(Batch(3, [Event("alive/a", b"1", 3)]))
    mirror.apply(gone(4, keys.endpoint(NET, "x"), keys.network(NET)))
    assert tuple(set(table) for table in shown) == copies


def test_own_keys_are_not_abroad_but_mine_until_another_has_them() -> None:
    mirror = Mirror("me")
    key, value = remote("x", "me", "10.0.0.2/24")
    claim = keys.claim(NET, "10.0.0.2")
    news = mirror.apply(put(1, (key, value), (claim, b"me endpoint:x")))
    assert news.mine and not news.peers and not mirror.abroad
    assert mirror.mine == {key: value, claim: b"me endpoint:x"}
    assert mirror.apply(put(2, (claim, b"other endpoint:y"))).mine
    assert mirror.mine == {key: value}
    assert mirror.apply(gone(3, key)).mine and not mirror.mine


def test_what_was_known_at_the_last_run_is_shown_and_any_reading_is_newer() -> None:
    mirror = Mirror("me")
    stale = dict([remote("gone", "a", "10.0.0.2/24"), remote("stays", "a", "10.0.0.3/24"), network()])
    mirror.known(stale)
    assert set(mirror.abroad[NET].remotes) == {"gone", "stays"} and not mirror.view.revision
    key, value = remote("stays", "a", "10.0.0.2/24")
    news = mirror.read(Reading(7, {key: Item(value, 3), network()[0]: Item(network()[1], 2)}))
    assert {(NET, "gone"), (NET, "stays")} <= news.peers
    assert list(mirror.abroad[NET].remotes) == ["stays"]
    assert mirror.abroad[NET].by_address["10.0.0.2"].revision == 3


def test_a_store_of_another_history_is_believed_after_a_rewind() -> None:
    mirror = Mirror("me")
    mirror.apply(put(500, remote("x", "a", "10.0.0.2/24"), remote("y", "a", "10.0.0.3/24")))
    mirror.rewind()
    key, value = remote("x", "b", "10.0.0.2/24")
    mirror.read(Reading(3, {key: Item(value, 2)}))
    assert [(r.id, r.node) for r in mirror.abroad[NET].remotes.values()] == [("x", "b")]


def test_what_cannot_be_understood_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    mirror = Mirror("me")
    mirror.apply(put(1, (keys.network("bad"), b"{"), remote("x", "a", "10.0.0.2/24"), ("strange", b"1")))
    assert "x" in mirror.abroad[NET].remotes and not mirror.networks
    assert "not understood" in caplog.text


def _said(value: bytes, **other: Any) -> bytes:
    """A fact that says something else of itself."""
    envelope = msgspec.json.decode(value)
    envelope["fact"] |= other
    return msgspec.json.encode(envelope)


GARBAGE: list[tuple[str, bytes]] = [
    (keys.network("bad"), b"{"),
    (keys.network("bad"), b"\xff\xfe"),
    (keys.network("bad"), b'{"v":99,"fact":{}}'),
    (keys.network("bad"), network("other")[1]),
    (keys.network("a/b"), network("a/b")[1]),
    (keys.network("bad"), _said(network("bad")[1], driver="weird")),
    (keys.network("bad"), _said(network("bad")[1], scope="local")),
    (keys.network("bad"), _said(network("bad")[1], created="yesterday")),
    (keys.network("bad"), _said(network("bad")[1], pools=[{"subnet": "hello", "vni": 300}])),
    (keys.network("bad"), _said(network("bad")[1], pools=[{"subnet": "10.9.0.0/24", "vni": 1 << 24}])),
    (
        keys.network("bad"),
        _said(network("bad")[1], pools=[{"subnet": "10.9.0.0/24", "gateway": "x", "vni": 3}]),
    ),
    (keys.node("bad"), b"[]"),
    (keys.node("bad"), member("other", "10.9.9.9")[1]),
    (keys.node("bad"), member("bad", "banana")[1]),
    (keys.claim(NET, "banana"), b"me container:x"),
    (keys.claim(NET + "/x", "10.0.0.9"), b"me container:x"),
    ("claims/banana", b"me container:x"),
    ("endpoints/banana", b"{}"),
    (keys.endpoint(NET, "bad"), b"{"),
    (keys.endpoint(NET, "bad"), remote("other", "a", "10.0.0.2/24")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "10.0.0.2/24", net="m" * 64)[1]),
    (keys.endpoint(NET, "bad/x"), remote("bad/x", "a", "10.0.0.2/24")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "10.0.0.2/24", mac="zz")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "10.0.0.2/24", mac="ff:ff:ff:ff:ff:ff")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "banana")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "10.0.0.2")[1]),
    (keys.endpoint(NET, "bad"), remote("bad", "a", "10.0.0.2\0/24")[1]),
    (keys.RECORD, b"?"),
    ("strange", b"\xff"),
]


@pytest.mark.parametrize(("key", "value"), GARBAGE)
def test_what_others_write_there_harms_nothing(key: str, value: bytes) -> None:
    """It comes, is written again, what is sound comes beside it, and it goes."""
    clean, dirty = Mirror("me"), Mirror("me")
    sound = put(9, remote("x", "a", "10.0.0.2/24"), network(), member("a", "10.9.9.9"))
    last = put(12, remote("y", "a", "10.0.0.2/24"))
    clean.apply(sound)
    clean.apply(last)
    dirty.apply(put(1, (key, value)))
    dirty.apply(sound)
    dirty.apply(put(10, (key, value)))
    dirty.apply(last)
    dirty.apply(gone(13, key))
    assert tables(dirty) == tables(clean)


def test_what_is_no_longer_understood_goes_on_to_hold() -> None:
    mirror = Mirror("me")
    key, value = remote("x", "a", "10.0.0.2/24")
    mirror.apply(put(1, (key, value), network()))
    news = mirror.apply(put(2, (key, b'{"v":99,"fact":{}}'), (network()[0], b"?")))
    assert mirror.abroad[NET].by_address["10.0.0.2"].id == "x" and NET in mirror.networks
    assert not news.raw, "this host's copy keeps what was understood"
    mirror.apply(put(3, remote("y", "a", "10.0.0.2/24")))
    assert mirror.abroad[NET].by_address["10.0.0.2"].id == "y"


def test_an_own_endpoint_that_was_overwritten_is_to_be_published_again() -> None:
    mirror = Mirror("me")
    key, value = remote("x", "me", "10.0.0.2/24")
    mirror.apply(put(1, (key, value)))
    assert mirror.apply(put(2, (key, b"?"))).mine and not mirror.mine
    assert mirror.revision(key) == 2


NODES = ("me", "a", "b")
names = st.sampled_from("xyz")
changes = st.one_of(
    st.builds(
        remote,
        names,
        st.sampled_from(NODES),
        st.sampled_from(("10.0.0.2/24", "10.0.0.3/24")),
        net=st.sampled_from((NET, "o" * 64)),
        mac=st.sampled_from(("", MAC)),
    ),
    st.builds(lambda n, net: (keys.endpoint(net, n), None), names, st.sampled_from((NET, "o" * 64))),
    st.builds(
        lambda a, v: (keys.claim(NET, a), v),
        st.sampled_from(("10.0.0.2", "10.0.0.3")),
        st.sampled_from((None, b"me endpoint:x", b"a endpoint:y", b"gateway")),
    ),
    st.builds(lambda n, v: (keys.alive(n), v), st.sampled_from(NODES), st.sampled_from((None, b"1"))),
    st.builds(lambda v: (keys.network(NET), v), st.sampled_from((None, network()[1]))),
    st.builds(
        lambda n, v: (keys.node(n), v), st.just("a"), st.sampled_from((None, member("a", "10.9.9.9")[1]))
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(changes, max_size=30), st.lists(st.integers(0, 30), max_size=8), st.integers(0, 30), st.data()
)
def test_however_a_history_is_cut_into_batches_the_tables_are_the_same(
    history: list[tuple[str, bytes | None]], cuts: list[int], turn: int, data: st.DataObject
) -> None:
    """One event at a time; in batches, some told twice; or half of it by reading, from a memory of before."""
    events = [Event(key, value, n) for n, (key, value) in enumerate(history, 1)]
    one = Mirror("me")
    for event in events:
        one.apply(Batch(event.revision, [event]))
    many = Mirror("me")
    for first, last in pairwise(sorted({0, *cuts, len(events)})):
        batch = Batch(last, events[first:last])
        many.apply(batch)
        if data.draw(st.booleans()):
            many.apply(batch)
    assert tables(many) == tables(one)

    known: dict[str, Item] = {}
    for event in events:
        known.pop(event.key, None)
        if event.value is not None:
            known[event.key] = Item(event.value, event.revision)
    late = Mirror("me")
    late.known({e.key: e.value for e in events[:turn] if e.value is not None})
    late.read(Reading(len(events) + 1, known))
    assert tables(late) == tables(one)
