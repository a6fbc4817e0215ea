"""Keys become znodes and come back, whatever their text; entries carry what there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from seaway.store.contract import Delete, Put
from seaway.store.zookeeper_layout import (
    INLINE,
    Layout,
    may_hold,
    name,
    pack,
    pack_entry,
    pack_keys,
    stem,
    unpack,
    unpack_entry,
    unpack_keys,
)
from seaway.store.zookeeper_lease import Ticket

LAYOUT = Layout.below("my.team/seaway")
KEYS = st.text(min_size=1).filter(lambda key: key.strip("/") == key)


@given(KEYS, KEYS)
def test_a_key_is_one_znode_and_comes_back(one: str, other: str) -> None:
    path = LAYOUT.key(one)
    directory, child = path.removeprefix(LAYOUT.keys + "/").split("/")
    assert stem(directory) + name(child) == one
    assert path.isascii() and path.isprintable()
    assert not {".", "..", ""} & set(path.split("/")[1:])
    assert (LAYOUT.key(other) == path) == (other == one)


@given(KEYS, st.text())
def test_no_directory_with_keys_below_a_prefix_is_left_out(key: str, prefix: str) -> None:
    if key.startswith(prefix):
        begin = stem(LAYOUT.directory(key).rpartition("/")[2])
        assert may_hold(begin, prefix)


def test_the_roots_of_odd_prefixes_are_names_that_zookeeper_takes() -> None:
    assert Layout.below("a/./../b c/ü").root == "/a/%2E/%2E%2E/b c/%C3%BC"
    parents = Layout.below("a/b").skeleton()
    assert parents[:2] == ["/a", "/a/b"]
    assert all(path.rpartition("/")[0] in ["", *parents] for path in parents)


@given(st.binary(), st.sampled_from(["", "010000d04fc40002"]))
def test_values_keep_their_lease(value: bytes, lease: str) -> None:
    assert unpack(pack(value, lease)) == (value, lease)


@given(st.lists(KEYS))
def test_a_leases_keys_come_back(keys: list[str]) -> None:
    assert unpack_keys(pack_keys(keys)) == keys


def test_an_entry_carries_small_values_and_names_large_ones() -> None:
    large = Put("large", bytes(INLINE + 1))
    entry = pack_entry({"a": Put("a", b"1"), "gone": Delete("gone"), "large": large, "b": Put("b", b"")})
    assert unpack_entry(entry) == [
        ("a", b"1", True),
        ("gone", None, False),
        ("large", None, True),
        ("b", b"", True),
    ]
    assert unpack_entry(b"") == ()


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.binary(min_size=16, max_size=16), st.integers(1, 1 << 31))
def test_a_lease_says_how_to_come_back_to_its_session(session: int, password: bytes, time: int) -> None:
    ticket = Ticket(session, password, time)
    assert Ticket.of(ticket.text()) == ticket


def test_other_text_is_no_lease() -> None:
    for text in ("", "x", "12-3", "1-2-zz", "12-3-45-6"):
        assert Ticket.of(text) is None
