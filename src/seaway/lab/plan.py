"""What a lab is asked to be: names, addresses and options, checked. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from seaway.errors import InvalidInput

LAN = ("192.168.1", "fd00:c0a8:1:")
"""Prefixes of the lab's LAN; a machine's number follows."""

ROUTER = 1
"""Number of the switch's own machine, the way out."""

INTERNET = ("203.0.113.1", "2001:db8:113::1")
"""Addresses behind the router: the world outside."""

STORE = 18
"""Number of the store's first machine; further members count down."""

FIRST = (21, 20, 19)
"""Numbers of the first hosts, the tutorial's; further hosts count up from 22."""

MOST_HOSTS = 200
MOST_MEMBERS = 7
MTU = (1280, 65535)

KINDS = ("etcd", "consul", "zookeeper", "none")
"""What a lab's store may be."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Place:
    """A machine's name and its number on the LAN."""

    name: str
    number: int

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return f"{LAN[0]}.{self.number}"

    @property
    def address6(self) -> str:
        """Its IPv6 address."""
        return f"{LAN[1]}:{self.number}"

    @property
    def mac(self) -> str:
        """The address of its network card: the same after a power cut."""
        return f"02:00:c0:a8:01:{self.number:02x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A lab as it was asked for. ``flags`` are further flags of the daemons, ``store_flags`` the store's."""

    name: str = "lab"
    hosts: int = 2
    store: str = "none"
    members: int = 1
    mtu: int = 1500
    daemons: bool = True
    flags: tuple[str, ...] = ()
    store_flags: tuple[str, ...] = ()
    consul: str = ""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InvalidInput(
                f"invalid name of a lab {self.name!r}: up to 20 small letters, digits and hyphens, "
                "a letter or digit first"
            )
        if self.store not in KINDS:
            raise InvalidInput(f"unknown store {self.store!r}: choose one of {', '.join(KINDS)}")
        _within("hosts", self.hosts, 1, MOST_HOSTS)
        _within("store members", self.members, 1, MOST_MEMBERS)
        _within("MTU", self.mtu, *MTU)

    @property
    def host_places(self) -> tuple[Place, ...]:
        """h1, h2, … with the tutorial's addresses."""
        return tuple(Place(f"h{n}", host_number(n)) for n in range(1, self.hosts + 1))

    @property
    def store_places(self) -> tuple[Place, ...]:
        """The store's machines: ``store``, then ``store2`` …; none without a store."""
        count = 0 if self.store == "none" else self.members
        return tuple(Place("store" if n == 1 else f"store{n}", STORE + 1 - n) for n in range(1, count + 1))

    @property
    def names(self) -> str:
        """The text of every machine's /etc/hosts: ``h1`` has one address, as the tutorial's hosts."""
        places = (*self.host_places, *self.store_places)
        known = [f"{p.address} {p.name}\n{p.address6} {p.name}-v6\n" for p in places]
        return "127.0.0.1 localhost\n::1 localhost\n" + "".join(known)

    def as_json(self) -> dict[str, Any]:
        """For the file that keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Plan":
        """Back from the file."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
        return cls(**fields)


def host_number(n: int) -> int:
    """The number on the LAN of the n-th host, from 1: 21, 20, 19, 22, 23 …"""
    return FIRST[n - 1] if n <= len(FIRST) else FIRST[0] + n - len(FIRST)


def _within(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(
            f"invalid number of {what} {value}: from {least} to {most}".replace("number of MTU", "MTU")
        )
