"""Segments of a network: pools that an endpoint has its addresses from together. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

from seaway.model import Pool


def segments(pools: Sequence[Pool], wanted: Iterable[str]) -> list[list[Pool]]:
    """Pools by segment (VNI), in their order; only those that contain all ``wanted`` addresses.

    Pools without a VNI are one segment.
    """
    found: dict[int, list[Pool]] = {}
    for pool in pools:
        found.setdefault(pool.vni, []).append(pool)
    asked = list(wanted)
    return [group for group in found.values() if all(any(contains(p, a) for p in group) for a in asked)]


def contains(pool: Pool, address: str) -> bool:
    """Whether an address is of a pool's subnet."""
    if (":" in address) != (pool.family == 6):
        return False
    return ip_address(address) in ip_network(pool.subnet)
