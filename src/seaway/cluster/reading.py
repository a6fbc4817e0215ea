"""What stands under the store's keys, read and checked: not only this Seaway writes there. Pure.

A fact that is taken in is one that nothing later stumbles over.
"""

import ipaddress
import re
import socket

import msgspec

from seaway.cluster import keys
from seaway.errors import Failure
from seaway.model import Member, Network, Pool, Remote
from seaway.model.codec import decode

DRIVERS = frozenset({"overlay"})
"""Drivers of the cluster's networks."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster is: its ID, and the UDP port of all its VXLAN devices.

    ``epoch`` is another one each time the store had to be begun anew.
    """

    id: str
    vxlan_port: int = 4789
    epoch: str = ""


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", re.IGNORECASE)


def record(value: bytes) -> Record:
    """The cluster's record. Raises Failure."""
    return decode(value, Record)


def network(key: str, value: bytes) -> Network:
    """The network under a key. Raises Failure."""
    found = decode(value, Network)
    _insist(
        key == keys.network(found.id) and key.count("/") == 1,
        f"it says of itself that it is network {found.id!r}",
    )
    _insist(found.driver in DRIVERS and found.shared, f"no {found.driver} network of scope {found.scope}")
    _insist(not found.created or _TIME.match(found.created) is not None, f"{found.created!r} is no time")
    try:
        for pool in found.pools:
            _check_pool(pool)
    except (OSError, ValueError) as error:
        raise Failure(str(error)) from error
    return found


def member(key: str, value: bytes) -> Member:
    """The member under a key. Raises Failure."""
    found = decode(value, Member)
    _insist(key == keys.node(found.id) and key.count("/") == 1, f"it says that it is node {found.id!r}")
    _insist(_is_address(found.address), f"{found.address!r} is no address")
    return found


def endpoint(key: str, value: bytes) -> Remote:
    """The endpoint under a key. Raises Failure."""
    found = decode(value, Remote)
    _insist(
        key == keys.endpoint(found.network_id, found.id) and key.count("/") == 2,
        f"it says that it is endpoint {found.id!r} on network {found.network_id!r}",
    )
    _insist(_MAC.fullmatch(found.mac) is not None, f"{found.mac!r} is no MAC address of a single device")
    for cidr in found.addresses:
        address, _, prefix = cidr.partition("/")
        _insist(_is_address(address) and prefix.isdecimal(), f"{cidr!r} is no address with a prefix")
    return found


def owner(key: str, value: bytes) -> str:
    """Who has the address that a key claims: whatever stands there, it is taken. Raises Failure."""
    _insist(key.count("/") == 2 and _is_address(key.rpartition("/")[2]), "it claims no address")
    return value.decode(errors="replace")


def _insist(so: bool, otherwise: str) -> None:
    if not so:
        raise Failure(otherwise)


def _is_address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _check_pool(pool: Pool) -> None:
    for cidr in filter(None, (pool.subnet, pool.ip_range)):
        ipaddress.ip_network(cidr)
    for address in filter(None, (pool.gateway, *pool.aux.values())):
        ipaddress.ip_address(address)
    _insist(0 < pool.vni < 1 << 24, f"{pool.vni} is no VXLAN network identifier")
