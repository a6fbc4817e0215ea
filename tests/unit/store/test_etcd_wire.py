"""etcd's messages: what is asked, and what answers mean."""

import msgspec
import pytest

from seaway.store import Check, Delete, Event, Item, Put
from seaway.store import etcd_wire as wire

ROOT = "a/seaway/"


def written(wish: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(wish))


@pytest.mark.parametrize(
    ("key", "end"), [(b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), ("é".encode(), b"\xc3\xaa")]
)
def test_the_end_of_a_prefix(key: bytes, end: bytes) -> None:
    assert wire.end_of(key) == end


def test_a_commit_has_each_key_once_and_asks_how_the_checked_ones_stand() -> None:
    found = written(
        wire.txn("", [Check("a"), Check("b", 7)], [Put("c", b"1"), Put("c", b"2", "9"), Delete("d")])
    )
    assert found == {
        "compare": [
            {"key": "YQ==", "target": "CREATE", "result": "EQUAL", "create_revision": "0"},
            {"key": "Yg==", "target": "MOD", "result": "EQUAL", "mod_revision": "7"},
        ],
        "success": [
            {"request_put": {"key": "Yw==", "value": "Mg==", "lease": "9"}},
            {"request_delete_range": {"key": "ZA=="}},
        ],
        "failure": [
            {"request_range": {"key": "YQ==", "keys_only": True}},
            {"request_range": {"key": "Yg==", "keys_only": True}},
        ],
    }


def test_the_keys_that_failed() -> None:
    answer = msgspec.json.decode(
        b'{"header":{"revision":"9"},"responses":[{"response_range":{"header":{}}},'
        b'{"response_range":{"kvs":[{"key":"Yg==","mod_revision":"8"}],"count":"1"}},'
        b'{"response_range":{"kvs":[{"key":"Yw==","mod_revision":"6"}],"count":"1"}}]}',
        type=wire.Txn,
        strict=False,
    )
    checks = [Check("a", 3), Check("b", 8), Check("c", 0)]
    assert not answer.succeeded
    assert answer.header.revision == 9
    assert wire.failed(checks, answer) == ["a", "c"]


def test_keys_lose_the_root_and_numbers_are_numbers() -> None:
    far = 2**53 + 1
    found = msgspec.json.decode(
        b'{"header":{"revision":"%d"},"more":true,"kvs":[{"key":"YS9zZWF3YXkvay/DqQ==","value":"AP8=",'
        b'"mod_revision":"%d","version":"1"},{"key":"YS9zZWF3YXkv","mod_revision":"1"}]}' % (far, far),
        type=wire.Range,
        strict=False,
    )
    assert found.more
    assert wire.items(ROOT, found.kvs) == {"k/é": Item(b"\0\xff", far), "": Item(b"", 1)}


def test_events_of_a_watch() -> None:
    line = msgspec.json.decode(
        b'{"result":{"header":{"revision":"5"},"events":[{"kv":{"key":"YS9zZWF3YXkveA==","mod_revision":"4"}},'
        b'{"type":"DELETE","kv":{"key":"YS9zZWF3YXkveQ==","mod_revision":"5"}}]}}',
        type=wire.Line,
        strict=False,
    )
    assert line.result is not None
    assert [wire.event(ROOT, change) for change in line.result.events] == [
        Event("x", b"", 4),
        Event("y", None, 5),
    ]
