"""What nft lists, read: a table's fingerprint, and its elements in the notation of plans. Pure."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Interface
from typing import Any

import msgspec

from seaway.datapath.resources import NftElement

_FLEETING = frozenset({"handle", "packets", "bytes", "elem", "metainfo"})
_NAMED = ("ifname",)


def tables(listing: bytes) -> list[tuple[str, str]]:
    """Family and name of each table."""
    return [(t["family"], t["name"]) for t in _objects(listing, "table")]


def fingerprint(listing: bytes) -> str:
    """What makes a table, without elements, counters and handles: equal text, equal table."""
    return msgspec.json.encode(_lasting(msgspec.json.decode(listing))).decode()


def elements(listing: bytes, ns: str) -> Iterator[NftElement]:
    """Every element of the sets and maps of a table, in canonical notation."""
    for one in _objects(listing, "set"):
        types = _types(one["type"])
        for element in one.get("elem", ()):
            yield NftElement(ns, one["table"], one["name"], _notation(element, types))
    for one in _objects(listing, "map"):
        types, values = _types(one["type"]), _types(one["map"])
        for element, value in one.get("elem", ()):
            key = _notation(element, types)
            yield NftElement(ns, one["table"], one["name"], key, _notation(value, values))


def canonical(element: NftElement) -> NftElement:
    """The element as nft would list it: lower case, host addresses without prefix, IPv6 compressed."""
    text = f"{element.element} . {element.value}"
    if text == text.lower() and not any(c in text for c in ("/32", "/128", ":")):
        return element
    key, value = _canonical(element.element), _canonical(element.value)
    return NftElement(element.ns, element.table, element.set, key, value)


def _objects(listing: bytes, kind: str) -> Iterator[Any]:
    for entry in msgspec.json.decode(listing)["nftables"]:
        if kind in entry:
            yield entry[kind]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if k not in _FLEETING}
    return [_lasting(v) for v in value] if isinstance(value, list) else value


def _types(declared: str | list[str]) -> list[str]:
    return declared.split(" . ") if isinstance(declared, str) else declared


def _notation(value: Any, types: Sequence[str]) -> str:
    if not isinstance(value, dict):
        return f'"{value}"' if types[0] in _NAMED else str(value)
    (kind, inner), *_ = value.items()
    match kind:
        case "concat":
            return " . ".join(_notation(v, [t]) for v, t in zip(inner, types, strict=False))
        case "prefix":
            return f"{inner['addr']}/{inner['len']}"
        case "range":
            return "-".join(_notation(v, types) for v in inner)
        case "elem":
            return _notation(inner["val"], types)
    return f"{kind} {inner['target']}" if inner else str(kind)


def _canonical(text: str) -> str:
    return " . ".join(map(_canonical_part, text.split(" . ")))


def _canonical_part(part: str) -> str:
    if part.startswith(('"', "jump ", "goto ")):
        return part
    part = part.strip().lower()
    if ":" in part and "-" not in part:
        try:
            address = IPv6Interface(part)
        except ValueError:
            return part
        part = address.compressed if "/" in part else str(address.ip)
    return part.removesuffix("/128") if ":" in part else part.removesuffix("/32")
