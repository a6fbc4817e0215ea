"""Checks of one value each: canonical value out, or InvalidInput with the value and what is allowed."""

import grp
import json
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seaway.errors import InvalidInput

LEVELS = ("debug", "info", "warn", "error", "fatal")
"""Log levels as dockerd names them."""

TLS_PORT = 2376
"""Port of a ``tcp://`` host that names none; Docker's for TLS."""

MIN_MTU = 68
MAX_MTU = 65535

_SWITCH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_LABEL = re.compile(r"[^=\s]+=.*", re.DOTALL)
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+")
_TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def refuse(value: object, allowed: str) -> InvalidInput:
    """The error for a value that will not do; the caller puts the option's name before it."""
    return InvalidInput(f"invalid value {json.dumps(str(value), ensure_ascii=False)}: must be {allowed}")


def anything(value: Any) -> Any:
    """Every value will do."""
    return value


def one_of(*allowed: str) -> Callable[[str], str]:
    """A check that the value is one of these words."""

    def check(value: str) -> str:
        if value not in allowed:
            raise refuse(value, "one of " + ", ".join(allowed))
        return value

    return check


def between(low: int, high: int) -> Callable[[int], int]:
    """A check that the number is in a range, ends included."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise refuse(value, f"a number from {low} to {high}")
        return value

    return check


def mtu(value: int) -> int | None:
    """An MTU in bytes; 0 means "as the uplink has it", as in dockerd."""
    return between(MIN_MTU, MAX_MTU)(value) if value else None


def switch(value: str) -> bool:
    """A switch as the command line writes it: ``true`` or ``false``, and Go's short forms."""
    found = _SWITCH.get(value.lower())
    if found is None:
        raise refuse(value, "true or false")
    return found


def absolute(value: str) -> Path:
    """A path, made absolute from where the daemon starts."""
    if not value:
        raise refuse(value, "a path")
    return Path(value).expanduser().absolute()


def interface(family: int) -> Callable[[str], str]:
    """A check for ``--bip``: a host address with its prefix length."""
    example = "172.17.0.1/16" if family == 4 else "fd00:17::1/64"
    kind = IPv4Interface if family == 4 else IPv6Interface

    def check(value: str) -> str:
        try:
            found = kind(value)
        except ValueError:
            found = None
        if found is None or "/" not in value or found.network.prefixlen == found.max_prefixlen:
            raise refuse(value, f"an IPv{family} address with a prefix length, such as {example}")
        nobodys = [found.network.network_address]
        if family == 4:
            nobodys.append(found.network.broadcast_address)
        if found.ip in nobodys and found.network.prefixlen < found.max_prefixlen - 1:
            raise refuse(value, f"a host's address in its subnet, such as {example}")
        return str(found)

    return check


def subnet(family: int) -> Callable[[str], str]:
    """A check for a subnet of one family; host bits are cut off, as Docker does."""

    def check(value: str) -> str:
        try:
            found = ip_interface(value).network if "/" in value else None
        except ValueError:
            found = None
        if found is None or found.version != family:
            raise refuse(
                value, f"an IPv{family} subnet, such as {'10.9.0.0/16' if family == 4 else 'fd00:9::/64'}"
            )
        return str(found)

    return check


def address(*families: int) -> Callable[[str], str]:
    """A check for an address of these families."""
    words = " or ".join(f"IPv{family}" for family in families)

    def check(value: str) -> str:
        try:
            found = ip_address(value)
        except ValueError:
            found = None
        if found is None or found.version not in families:
            raise refuse(value, f"an {words} address")
        return str(found)

    return check


def default_ip(value: str) -> str:
    """The default address of published ports; ``0.0.0.0`` is Docker's way to say both families."""
    found = address(4, 6)(value)
    return "" if found == "0.0.0.0" else found


def domain(value: str) -> str:
    """A DNS search domain; ``.`` alone means none."""
    if value != "." and not _DOMAIN.fullmatch(value):
        raise refuse(value, "a domain name")
    return value


def label(value: str) -> str:
    """A daemon label ``key=value``."""
    if not _LABEL.fullmatch(value):
        raise refuse(value, "key=value")
    return value


def group(value: str) -> str:
    """A group that exists, by name or number."""
    try:
        return grp.getgrgid(int(value)).gr_name if value.isdigit() else grp.getgrnam(value).gr_name
    except KeyError:
        raise refuse(value, "a group that exists on this host (groupadd makes one)") from None


def pool(value: tuple[str, int]) -> tuple[str, int]:
    """A default address pool: a base subnet, and the prefix length of each network cut from it."""
    base, size = value
    try:
        found = ip_network(base, strict=False)
    except ValueError:
        raise refuse(base, "a subnet as the pool's base, such as 10.10.0.0/16") from None
    if not found.prefixlen <= size <= found.max_prefixlen:
        raise refuse(
            f"base={base},size={size}",
            f"of a size from {found.prefixlen} (the base's own) to {found.max_prefixlen}",
        )
    return str(found), size


def host(value: str) -> str:
    """Where to listen: ``unix:///path``, ``tcp://address:port``, or ``fd://`` for systemd's sockets."""
    text = value if "://" in value else f"tcp://{value}"
    parts = urlsplit(text)
    if text == "fd://" or (parts.scheme == "unix" and text[7:].startswith("/")):
        return text
    if parts.scheme != "tcp" or parts.path.strip("/") or parts.query:
        raise refuse(value, "unix:///path or tcp://address:port")
    try:
        port = parts.port or TLS_PORT
    except ValueError:
        raise refuse(value, "unix:///path or tcp://address:port, the port from 1 to 65535") from None
    name = parts.hostname or "127.0.0.1"
    return f"tcp://[{name}]:{port}" if ":" in name else f"tcp://{name}:{port}"


def size(value: str) -> int:
    """Bytes from text such as ``64m``; units are powers of 1024."""
    match = _SIZE.fullmatch(value.strip())
    if not match:
        raise refuse(value, "a size in bytes, or with b, k, m or g behind it")
    return int(float(match[1]) * 1024 ** _UNITS[match[2].lower()])


def duration(value: str) -> float:
    """Seconds from a number of them, or from a duration as Go writes it: ``90``, ``1m30s``."""
    text = value.strip()
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise refuse(value, "a number of seconds, or a duration such as 30s or 1m30s")
    return sum(float(n) * _TIMES[unit] for n, unit in re.findall(r"([0-9.]+)([a-zµ]+)", text))


def each(check: Callable[[Any], Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A check for lists: every member by itself."""

    def check_all(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(check(value) for value in values)

    return check_all
