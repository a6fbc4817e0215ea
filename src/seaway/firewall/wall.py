"""A network's walls: what the firewall needs to know about one bridge, and the elements that follow."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from seaway.datapath.resources import HOST, NftElement

MODES = ("nat", "nat-unprotected", "routed", "isolated")
"""Docker's gateway modes, the default first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How one address family of a bridge meets the outside.

    ``mode`` is one of MODES. ``masquerade`` False leaves sources as they are. ``source`` is the
    address to translate sources to; empty means that of the outgoing interface.
    """

    mode: str = "nat"
    masquerade: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One bridge. ``families`` has an entry for 4 and for 6 where the network has that family.

    ``icc`` is Docker's inter-container communication; ``trusted`` are interfaces of the host from
    which containers may be reached directly.
    """

    device: str
    icc: bool = True
    internal: bool = False
    trusted: tuple[str, ...] = ()
    families: dict[int, Family] = field(default_factory=dict)


def elements(wall: Wall, table: str) -> Iterator[NftElement]:
    """The elements that stand because the network does."""
    device = quoted(wall.device)
    for name, element, value in _rows(wall, device):
        yield NftElement(ns=HOST, table=table, set=name, element=element, value=value)


def quoted(interface: str) -> str:
    """An interface's name in nft's notation."""
    return f'"{interface}"'


def _rows(wall: Wall, device: str) -> Iterator[tuple[str, str, str]]:
    yield "bridges", device, ""
    if wall.icc:
        yield "icc", f"{device} . {device}", ""
    if wall.internal:
        # Walls on both sides say it all: no mode opens an internal network, and nothing leaves it.
        yield "internal", device, ""
        return
    for interface in wall.trusted:
        yield "trusted", f"{quoted(interface)} . {device}", ""
    for number, family in wall.families.items():
        yield from _family_rows(number, family, device)


def _family_rows(number: int, family: Family, device: str) -> Iterator[tuple[str, str, str]]:
    if family.mode == "routed":
        yield f"routed{number}", device, ""
        return
    if family.mode == "nat-unprotected":
        yield f"unprotected{number}", device, ""
    if family.masquerade and family.source:
        yield f"snat{number}", device, family.source
    elif family.masquerade:
        yield f"masq{number}", device, ""
