"""DNS messages as bytes, by hand: only what an answer from a zone needs. Pure.

A question that carries more than one plain EDNS record is left to dnspython (in ``limit_of``), which
is right about everything and ten times slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.message

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255
"""Record types."""

IN = 1
"""The Internet class."""

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
"""Response codes."""

TTL = 5
"""Seconds a client may keep an answer: short, because containers come and go."""

MINIMUM = 512
MAXIMUM = 4096
"""Bounds, in bytes, of an answer over UDP; between them the client's EDNS size holds."""

HEADER = 12
PLAIN_OPT = 11
"""Lengths in bytes: of a message's header, and of an EDNS record without options."""

MAX_NAME = 255

_POINTER = b"\xc0\x0c"
_ROOT_OPT = b"\x00\x00\x29"
_OUR_OPT = b"\x00\x00\x29" + MAXIMUM.to_bytes(2, "big") + b"\x00\x00\x00\x00\x00\x00"

_QR, _TC, _RA = 0x8000, 0x0200, 0x0080
_OPCODE = 0x7800
_KEPT = 0x0110
"""Flags an answer takes over from its question: recursion desired, checking disabled."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question. ``name`` is lower case without the dot at the end; ``wire`` is the question section as
    it came. ``limit`` is the longest answer over UDP in bytes; ``edns`` tells that EDNS was used."""

    id: bytes
    flags: int
    name: str
    kind: int
    family: int
    wire: bytes
    edns: bool = False
    limit: int = MINIMUM


@dataclass(frozen=True, slots=True)
class Broken:
    """A message that cannot be read as a question, and the code to refuse it with."""

    id: bytes
    flags: int
    rcode: int


def parse(data: bytes) -> Query | Broken | None:
    """A message as a question; None for what deserves no answer (a fragment, an answer)."""
    if len(data) < HEADER or data[2] & 0x80:
        return None
    flags = int.from_bytes(data[2:4], "big")
    if flags & _OPCODE:
        return Broken(data[:2], flags, NOTIMP)
    if data[4:6] != b"\x00\x01":
        return Broken(data[:2], flags, FORMERR)
    name, end = _name(data)
    if name is None or end + 4 > len(data):
        return Broken(data[:2], flags, FORMERR)
    wire = data[HEADER : end + 4]
    edns, limit = limit_of(data, end + 4)
    if limit == 0:
        return Broken(data[:2], flags, FORMERR)
    kind, family = int.from_bytes(wire[-4:-2], "big"), int.from_bytes(wire[-2:], "big")
    return Query(data[:2], flags, name, kind, family, wire, edns, limit)


def limit_of(data: bytes, end: int) -> tuple[bool, int]:
    """Whether a question uses EDNS, and the longest answer it takes; (False, 0) for a damaged one."""
    counts = data[6:HEADER]
    if counts == b"\x00\x00\x00\x00\x00\x00":
        return False, MINIMUM
    if counts == b"\x00\x00\x00\x00\x00\x01" and data[end : end + 3] == _ROOT_OPT and len(data) >= end + 11:
        size = int.from_bytes(data[end + 3 : end + 5], "big")
        if end + 11 + int.from_bytes(data[end + 9 : end + 11], "big") == len(data):
            return True, max(MINIMUM, min(size, MAXIMUM))
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return False, 0
    return message.edns >= 0, max(MINIMUM, min(message.payload, MAXIMUM))


def answer(query: Query, rcode: int, records: Sequence[tuple[int, bytes]] = (), limit: int = 65535) -> bytes:
    """An answer with these records (type and data) of the question's own name.

    Records that do not fit into ``limit`` bytes are left out, and the truncated flag tells it.
    """
    tail = _OUR_OPT if query.edns else b""
    room = limit - HEADER - len(query.wire) - len(tail)
    body, count, flags = [], 0, _QR | _RA | (query.flags & _KEPT) | rcode
    for kind, data in records:
        room -= 12 + len(data)
        if room < 0:
            flags |= _TC
            break
        body.append(_POINTER + kind.to_bytes(2, "big") + b"\x00\x01" + TTL.to_bytes(4, "big"))
        body.append(len(data).to_bytes(2, "big") + data)
        count += 1
    counts = b"\x00\x01" + count.to_bytes(2, "big") + b"\x00\x00" + (b"\x00\x01" if tail else b"\x00\x00")
    return query.id + flags.to_bytes(2, "big") + counts + query.wire + b"".join(body) + tail


def refusal(broken: Broken) -> bytes:
    """The answer to a message that could not be read: a header only."""
    flags = _QR | _RA | (broken.flags & (_OPCODE | _KEPT)) | broken.rcode
    return broken.id + flags.to_bytes(2, "big") + bytes(8)


def wire_name(name: str) -> bytes:
    """A name in wire form, cut where it would be longer than DNS allows."""
    wire = b""
    for label in name.split("."):
        part = label.encode("ascii", "replace")[:63]
        if part and len(wire) + len(part) + 2 <= MAX_NAME:
            wire += bytes((len(part),)) + part
    return wire + b"\x00"


def answers(reply: bytes, wanted: bytes, question: bytes) -> bool:
    """Whether ``reply`` is the answer to the query of this id and question section."""
    end = HEADER + len(question)
    return (
        len(reply) >= end
        and reply[:2] == wanted
        and reply[2] & 0x80 != 0
        and reply[4:6] == b"\x00\x01"
        and reply[HEADER:end].lower() == question.lower()
    )


def truncated(reply: bytes) -> bool:
    """Whether an answer has the truncated flag."""
    return reply[2] & 0x02 != 0


def rcode_of(reply: bytes) -> int:
    """An answer's response code."""
    return reply[3] & 0x0F


def shorten(reply: bytes, query: Query) -> bytes:
    """A foreign answer in the size that the client takes over UDP; the truncated flag tells of a cut.

    Whole answer records are kept while they fit: names are compressed by pointing backwards only, so
    what stands before a cut stays readable.
    """
    if len(reply) <= query.limit:
        return reply
    tail = _OUR_OPT if query.edns else b""
    start = at = HEADER + len(query.wire)
    count = 0
    for _ in range(int.from_bytes(reply[6:8], "big")):
        end = _record_end(reply, at)
        if end == 0 or end + len(tail) > query.limit:
            break
        at, count = end, count + 1
    flags = int.from_bytes(reply[2:4], "big") | _TC
    counts = b"\x00\x01" + count.to_bytes(2, "big") + b"\x00\x00" + (b"\x00\x01" if tail else b"\x00\x00")
    return reply[:2] + flags.to_bytes(2, "big") + counts + query.wire + reply[start:at] + tail


def _record_end(data: bytes, at: int) -> int:
    """Where the record that begins at ``at`` ends; 0 for a damaged one."""
    size = len(data)
    while at < size and 0 < data[at] < 64:
        at += data[at] + 1
    at += 2 if at < size and data[at] else 1
    end = at + 10 + int.from_bytes(data[at + 8 : at + 10], "big")
    return end if end <= size else 0


def _name(data: bytes) -> tuple[str | None, int]:
    """The name of the first question, and where it ends; None for a damaged one.

    A label with a dot inside cannot be a name of ours: its dot is written ``\\.`` so that it stays one.
    """
    labels: list[str] = []
    at = HEADER
    size = len(data)
    while at < size:
        length = data[at]
        at += 1
        if length == 0:
            return ".".join(labels), at
        if length > 63 or at + length > size or at + length - HEADER >= MAX_NAME:
            return None, at
        labels.append(data[at : at + length].decode("latin-1").lower().replace(".", "\\."))
        at += length
    return None, at
