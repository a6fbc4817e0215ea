"""What to do with a question: answer it, forward it, or refuse it. Pure."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from seaway.dns.codec import AAAA, ANY, IN, NOERROR, NXDOMAIN, PTR, SERVFAIL, A, Query, wire_name
from seaway.dns.zone import Addresses, Zone

_V4_TREE = ".in-addr.arpa"
_V6_TREE = ".ip6.arpa"


@dataclass(frozen=True, slots=True)
class Answer:
    """We know: records as (type, data) of the question's name; none means "exists, but not of this type"."""

    records: tuple[tuple[int, bytes], ...] = ()
    rcode: int = NOERROR

    def turned(self, turn: int) -> tuple[tuple[int, bytes], ...]:
        """The records begun with another one each turn (round robin)."""
        if len(self.records) < 2:
            return self.records
        cut = turn % len(self.records)
        return self.records[cut:] + self.records[:cut]


@dataclass(frozen=True, slots=True)
class Forward:
    """Ask these servers, in this order."""

    upstreams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """We do not know and must not ask: answer with this code."""

    rcode: int


Decision: TypeAlias = Answer | Forward | Refuse


def decide(query: Query, zone: Zone) -> Decision:
    """The decision for one question.

    A known name is never forwarded, whatever type is asked: what its network does not give does not exist.
    """
    if query.family in (IN, ANY):
        known = zone.find(query.name)
        if known is not None:
            return Answer(_records(query.kind, known))
        if query.kind in (PTR, ANY):
            packed = reverse_address(query.name)
            name = zone.reverse(packed) if packed else None
            if name is not None:
                return Answer(((PTR, wire_name(name)),))
    if zone.ndots > 0 and query.name and "." not in query.name and query.kind in (A, AAAA):
        return Refuse(NXDOMAIN)
    if not zone.forward or not zone.upstreams:
        return Refuse(SERVFAIL)
    return Forward(zone.upstreams)


def reverse_address(name: str) -> bytes:
    """The packed address in a name below ``in-addr.arpa`` or ``ip6.arpa``; empty when there is none."""
    try:
        if name.endswith(_V4_TREE):
            digits = name.removesuffix(_V4_TREE).split(".")
            return IPv4Address(".".join(reversed(digits))).packed
        if name.endswith(_V6_TREE):
            nibbles = name.removesuffix(_V6_TREE).split(".")
            if len(nibbles) != 32 or any(len(nibble) != 1 for nibble in nibbles):
                return b""
            return IPv6Address(int("".join(reversed(nibbles)), 16)).packed
    except ValueError:
        return b""
    return b""


def _records(kind: int, known: Addresses) -> tuple[tuple[int, bytes], ...]:
    found: tuple[tuple[int, bytes], ...] = ()
    if kind in (A, ANY):
        found += tuple((A, packed) for packed in known.v4)
    if kind in (AAAA, ANY):
        found += tuple((AAAA, packed) for packed in known.v6)
    return found
