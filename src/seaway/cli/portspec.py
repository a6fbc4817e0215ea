"""``-p`` and ``--expose``: ports as people write them, and as the API takes them."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from seaway.cli.failures import Failed

_SHORT = re.compile(
    r"(?:(?:\[(?P<six>[^\]]*)\]|(?P<four>[^:\[\]]*)):)?(?:(?P<host>[\d-]*):)?(?P<inside>[\d-]+)(?:/(?P<proto>\w+))?"
)
PROTOCOLS = ("tcp", "udp", "sctp")


def published(texts: Iterable[str]) -> tuple[dict[str, dict[str, Any]], dict[str, list[dict[str, str]]]]:
    """ExposedPorts and PortBindings from ``-p`` texts."""
    exposed: dict[str, dict[str, Any]] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for text in texts:
        for port, binding in _long(text) if "=" in text else _short(text):
            exposed[port] = {}
            bindings.setdefault(port, []).append(binding)
    return exposed, bindings


def exposed(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """ExposedPorts from ``--expose`` texts."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        numbers, _, proto = text.partition("/")
        first, last = _range(numbers, text)
        for number in range(first, last + 1):
            found[f"{number}/{_proto(proto, text)}"] = {}
    return found


def _short(text: str) -> list[tuple[str, dict[str, str]]]:
    """``[[address:][host]:]inside[/proto]``, each port a number or a range."""
    match = _SHORT.fullmatch(text)
    parts = text.split("/")[0].rsplit("]", 1)[-1].count(":")
    if match is None:
        raise _wrong(text, "no such form")
    address, host = match["six"] or match["four"] or "", match["host"]
    if host is None and parts == 1 and not text.startswith("["):
        address, host = "", match["four"] or ""
    _check_address(address, text)
    return _pairs(address, host or "", match["inside"], match["proto"] or "", text)


def _pairs(address: str, host: str, inside: str, proto: str, text: str) -> list[tuple[str, dict[str, str]]]:
    first, last = _range(inside, text)
    low, high = _range(host, text) if host else (0, 0)
    if host and last - first != high - low and first != last:
        raise _wrong(text, "the ranges are of different lengths")
    found = []
    for number in range(first, last + 1):
        # One port inside may take any of a range outside; the daemon chooses.
        outside = host if first == last else str(low + number - first) if host else ""
        found.append((f"{number}/{_proto(proto, text)}", {"HostIp": address, "HostPort": outside}))
    return found


def _long(text: str) -> list[tuple[str, dict[str, str]]]:
    """``target=80,published=8080,protocol=tcp``."""
    given = dict(part.partition("=")[::2] for part in text.split(","))
    unknown = set(given) - {"target", "published", "protocol", "mode"}
    if unknown or "target" not in given:
        raise _wrong(text, "the long form is target=…,published=…,protocol=…")
    return _pairs("", given.get("published", ""), given["target"], given.get("protocol", ""), text)


def _range(text: str, whole: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 0 < first <= last <= 65535:
        raise _wrong(whole, f'"{text}" is no port or range of ports from 1 to 65535')
    return first, last


def _proto(proto: str, text: str) -> str:
    if (proto or "tcp").lower() not in PROTOCOLS:
        raise _wrong(text, f"the protocol must be one of {', '.join(PROTOCOLS)}")
    return (proto or "tcp").lower()


def _check_address(address: str, text: str) -> None:
    if address:
        try:
            ip_address(address)
        except ValueError:
            raise _wrong(text, f'"{address}" is no address') from None


def _wrong(text: str, reason: str) -> Failed:
    return Failed(f"invalid publish or expose value {text!r}: {reason}".replace("'", '"'), leave=125)
