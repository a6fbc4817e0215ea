"""Messages of etcd's v3 API as its JSON gateway writes them: what is asked, what is answered. Pure.

Bytes are base64 and 64-bit numbers are text there; msgspec turns both into what they are. Fields that are
zero are left out of answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from seaway.store.contract import Check, Event, Item, Put, Write

PAGE = 20000
"""Keys of one answer."""


class Header(msgspec.Struct):
    """Of every answer: the store's revision when it was given."""

    revision: int = 0


class KeyValue(msgspec.Struct):
    """A key as it stands, or stood."""

    key: bytes
    value: bytes = b""
    mod_revision: int = 0


class Range(msgspec.Struct):
    """Keys, in order. ``more``: there are others behind them."""

    header: Header = msgspec.field(default_factory=Header)
    kvs: list[KeyValue] = []
    more: bool = False


class Result(msgspec.Struct):
    """One operation's answer within a transaction's; that of a failed check is a range."""

    response_range: Range = msgspec.field(default_factory=Range)


class Txn(msgspec.Struct):
    """A transaction's answer."""

    header: Header = msgspec.field(default_factory=Header)
    succeeded: bool = False
    responses: list[Result] = []


class Lease(msgspec.Struct):
    """A lease granted or kept alive; one that has run out has no time to live."""

    id: int = msgspec.field(name="ID", default=0)
    ttl: int = msgspec.field(name="TTL", default=0)


class Kept(msgspec.Struct):
    """The answer of a keep-alive: a stream of one."""

    result: Lease = msgspec.field(default_factory=Lease)


class Token(msgspec.Struct):
    """The answer of a login."""

    token: str = ""


class Done(msgspec.Struct):
    """An answer that says no more than that."""


class Change(msgspec.Struct):
    """One event of a watch."""

    kv: KeyValue
    type: str = "PUT"


class Watched(msgspec.Struct):
    """One message of a watch."""

    header: Header = msgspec.field(default_factory=Header)
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    events: list[Change] = []


class StreamFault(msgspec.Struct):
    """How a stream says that it failed: 3.4 has ``grpc_code``, 3.5 has ``code``."""

    message: str = ""
    grpc_code: int = 0
    code: int = 0


class Line(msgspec.Struct):
    """One line of a watch's stream."""

    result: Watched | None = None
    error: StreamFault | None = None


class Fault(msgspec.Struct):
    """How an answer says that it failed: 3.4 has both texts, others one of them."""

    code: int = 2
    message: str = ""
    error: str = ""


def end_of(key: bytes) -> bytes:
    """The first key that does not begin with ``key``."""
    stem = key.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"


def page(first: bytes, end: bytes, revision: int) -> Mapping[str, Any]:
    """A range request; revision 0 means now."""
    return {"key": first, "range_end": end, "revision": str(revision), "limit": str(PAGE)}


def txn(root: str, checks: Sequence[Check], writes: Sequence[Write]) -> Mapping[str, Any]:
    """A commit. When a check fails, the answer has how each checked key stands."""
    final = {write.key: write for write in writes}  # etcd takes one write of a key
    return {
        "compare": [_compare(root, check) for check in checks],
        "success": [_write(root, write) for write in final.values()],
        "failure": [{"request_range": {"key": _key(root, check.key), "keys_only": True}} for check in checks],
    }


def failed(checks: Sequence[Check], answer: Txn) -> list[str]:
    """The keys that are not as checked, each once."""
    stand = [result.response_range.kvs for result in answer.responses]
    wrong = [
        check.key
        for check, kvs in zip(checks, stand, strict=True)
        if (kvs[0].mod_revision if kvs else 0) != check.revision
    ]
    return list(dict.fromkeys(wrong))


def watch(key: bytes, since: int) -> Mapping[str, Any]:
    """A watch of all keys that begin with ``key``, for what was written after ``since``."""
    wish = {"key": key, "range_end": end_of(key), "start_revision": str(since + 1), "progress_notify": True}
    return {"create_request": wish}


def event(root: str, change: Change) -> Event:
    """An event in the contract's words."""
    kv = change.kv
    return Event(name(root, kv.key), None if change.type == "DELETE" else kv.value, kv.mod_revision)


def items(root: str, kvs: Sequence[KeyValue]) -> dict[str, Item]:
    """What was read in the contract's words."""
    return {name(root, kv.key): Item(kv.value, kv.mod_revision) for kv in kvs}


def name(root: str, key: bytes) -> str:
    """A key without the root of all."""
    return key.decode("utf-8", "surrogateescape")[len(root) :]


def _key(root: str, key: str) -> bytes:
    return f"{root}{key}".encode("utf-8", "surrogateescape")


def _compare(root: str, check: Check) -> Mapping[str, Any]:
    key = _key(root, check.key)
    if check.revision:
        return {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": str(check.revision)}
    return {"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0"}


def _write(root: str, write: Write) -> Mapping[str, Any]:
    key = _key(root, write.key)
    if isinstance(write, Put):
        return {"request_put": {"key": key, "value": write.value, "lease": write.lease or "0"}}
    return {"request_delete_range": {"key": key}}
