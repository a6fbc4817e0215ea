"""Segments of a shared network, one VXLAN network identifier (VNI) each: which pools, which number. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import count as counting

import msgspec

from seaway.drivers.parts import PREFIX
from seaway.errors import Forbidden, InvalidInput
from seaway.model import Pool
from seaway.model.names import VNIS

VNI_LIST = PREFIX + "driver.overlay.vxlanid_list"
"""Docker's option: the VNIs of a network's segments, in their order, separated by commas."""
VNI_LIST_SHORT = "vxlanid_list"


@dataclass(frozen=True, slots=True)
class Segment:
    """One layer 2 of a network: a pool, or one of each family. ``vni`` 0: none is allotted yet."""

    vni: int
    pools: tuple[Pool, ...]


def segments(pools: Sequence[Pool]) -> list[Segment]:
    """The segments of a network with these pools: the first of each family are one, the second, and so on."""
    grouped: dict[int, list[Pool]] = {}
    for pool, number in zip(pools, _numbers(pools), strict=True):
        grouped.setdefault(number, []).append(pool)
    return [Segment(group[0].vni, tuple(group)) for _, group in sorted(grouped.items())]


def in_order(pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """The pools by family and subnet: the Docker CLI sends them in any order."""
    return tuple(sorted(pools, key=lambda p: (p.family, int(ip_network(p.subnet).network_address))))


def with_vnis(pools: Sequence[Pool], vnis: Sequence[int]) -> tuple[Pool, ...]:
    """The pools, in their order, with the VNIs of their segments: one VNI for each segment."""
    numbers = _numbers(pools)
    return tuple(
        msgspec.structs.replace(pool, vni=vnis[number]) for pool, number in zip(pools, numbers, strict=True)
    )


def vnis_wanted(options: Mapping[str, str], number: int) -> tuple[int, ...]:
    """The VNIs that a network's options ask for, for at most ``number`` segments. Raises InvalidInput."""
    for key in (VNI_LIST, VNI_LIST_SHORT):
        if key in options:
            try:
                found = read_vnis(options[key])
            except ValueError as error:
                raise InvalidInput(f"failed to parse {key} value: {options[key]} ({error})") from error
            if len(found) > number:
                raise InvalidInput(
                    f"{key}={options[key]} has {len(found)} VXLAN identifiers, the network {number} segment"
                    f"{'' if number == 1 else 's'}: give one for each at most"
                )
            return found
    return ()


def choose_vnis(number: int, taken: Iterable[int], wanted: Sequence[int] = ()) -> tuple[int, ...]:
    """A VNI for each of ``number`` segments: those wanted, then the lowest free ones.

    ``taken`` are those of other networks. Raises Forbidden when a wanted one is, or none is left.
    """
    held = set(taken)
    clash = next((vni for vni in wanted if vni in held), None)
    if clash is not None:
        raise Forbidden(f"VXLAN identifier {clash} is in use by another network")
    held.update(wanted)
    found = list(wanted[:number])
    for vni in counting(VNIS[0]):
        if len(found) == number:
            return tuple(found)
        if vni > VNIS[1]:
            break
        if vni not in held:
            found.append(vni)
    raise Forbidden("failed to allocate vxlan id: no bit available")


def read_vnis(text: str) -> tuple[int, ...]:
    """VNIs separated by commas. Raises ValueError."""
    found = []
    for word in filter(None, map(str.strip, text.split(","))):
        if not (word.isascii() and word.isdecimal()) or not VNIS[0] <= int(word) <= VNIS[1]:
            raise ValueError(f"invalid VXLAN identifier {word}; allowed are {VNIS[0]} to {VNIS[1]}")
        if int(word) in found:
            raise ValueError(f"VXLAN identifier {word} is given twice")
        found.append(int(word))
    return tuple(found)


def _numbers(pools: Sequence[Pool]) -> list[int]:
    """The segment that each pool belongs to, from 0: how many of its family stand before it."""
    seen = {4: -1, 6: -1}
    numbers = []
    for pool in pools:
        seen[pool.family] += 1
        numbers.append(seen[pool.family])
    return numbers
