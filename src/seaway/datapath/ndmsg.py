"""Neighbour and forwarding messages of the kernel, packed and read by hand: for thousands at a time.

What is packed is a raw request as rtnetlink_wire sends it; what is read is a row of its dump.
"""

import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

from seaway.datapath.rtnetlink_wire import Raw
from seaway.model.names import ROUTE_PROTOCOL

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

REPLACE = 0x100 | 0x400
"""Make, or replace what is there."""

PERMANENT, NOARP = 0x80, 0x40
SELF, MASTER = 0x02, 0x04

BRIDGE = 7
"""The address family of forwarding entries."""

_NDMSG = struct.Struct("=BxxxiHBB")
_ATTRIBUTE = struct.Struct("=HH")
_DST, _LLADDR, _CACHE, _VLAN, _MASTER, _LINK_NETNSID, _PROTOCOL = 1, 2, 3, 5, 9, 10, 12
_PLAIN = frozenset((_DST, _LLADDR, _CACHE, _VLAN, _MASTER, _LINK_NETNSID, _PROTOCOL))
_MAC = _ATTRIBUTE.pack(10, _LLADDR)
_V4 = _ATTRIBUTE.pack(8, _DST)
_V6 = _ATTRIBUTE.pack(20, _DST)
_MARK = _ATTRIBUTE.pack(5, _PROTOCOL) + bytes((ROUTE_PROTOCOL, 0, 0, 0))


class Row(NamedTuple):
    """One entry as the kernel tells it: addresses packed; empty where it has none.

    ``plain`` is False when it also has what none of ours has: a port, a VNI, a device or a group of its own.
    """

    family: int
    device: int
    state: int
    flags: int
    mac: bytes
    address: bytes
    protocol: int
    plain: bool


def mac_bytes(text: str) -> bytes:
    """A MAC address, packed. Raises ValueError."""
    packed = bytes.fromhex(text.replace(":", ""))
    if len(packed) != 6:
        raise ValueError(f"not a MAC address: {text}")
    return packed


def address_bytes(text: str) -> bytes:
    """An IP address, packed. Raises OSError."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def mac_text(packed: bytes) -> str:
    """A MAC address in the usual notation."""
    return packed.hex(":")


def address_text(packed: bytes) -> str:
    """An IP address in the usual notation; empty for none."""
    if not packed:
        return ""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def forward(index: int, mac: bytes, to: bytes) -> tuple[Raw, Raw]:
    """Requests for a forwarding entry: the VXLAN device's own, and its bridge's that leads to the device."""
    own = _NDMSG.pack(BRIDGE, index, PERMANENT | NOARP, SELF, 0) + _link_layer(mac) + _network(to)
    static = _NDMSG.pack(BRIDGE, index, NOARP, MASTER, 0) + _link_layer(mac)
    return (RTM_NEWNEIGH, REPLACE, own), (RTM_NEWNEIGH, REPLACE, static)


def no_forward(index: int, mac: bytes) -> tuple[Raw, Raw]:
    """Requests that take both entries away, wherever they lead."""
    own = _NDMSG.pack(BRIDGE, index, 0, SELF, 0) + _link_layer(mac)
    static = _NDMSG.pack(BRIDGE, index, 0, MASTER, 0) + _link_layer(mac)
    return (RTM_DELNEIGH, 0, own), (RTM_DELNEIGH, 0, static)


def neighbour(index: int, address: bytes, mac: bytes) -> Raw:
    """The request for a permanent neighbour that wears our mark."""
    head = _NDMSG.pack(_family(address), index, PERMANENT, 0, 0)
    return RTM_NEWNEIGH, REPLACE, head + _network(address) + _link_layer(mac) + _MARK


def no_neighbour(index: int, address: bytes) -> Raw:
    """The request that takes a neighbour away."""
    return RTM_DELNEIGH, 0, _NDMSG.pack(_family(address), index, 0, 0, 0) + _network(address)


def question(family: int) -> bytes:
    """The body of the request for all entries of a family: BRIDGE, AF_INET, AF_INET6."""
    return _NDMSG.pack(family, 0, 0, 0, 0)


def read(rows: Iterable[bytes], devices: Iterable[int] | None = None) -> list[Row]:
    """The rows of a dump, headers and all; those that are about these devices."""
    wanted = None if devices is None else frozenset(devices)
    found = []
    head, attribute = _NDMSG.unpack_from, _ATTRIBUTE.unpack_from
    for row in rows:
        family, index, state, flags, _kind = head(row, 16)
        if wanted is not None and index not in wanted:
            continue
        mac = address = b""
        protocol, plain = 0, True
        offset, end = 28, len(row)
        while offset + 4 <= end:
            length, kind = attribute(row, offset)
            if kind == _LLADDR:
                mac = row[offset + 4 : offset + length]
            elif kind == _DST:
                address = row[offset + 4 : offset + length]
            elif kind == _PROTOCOL:
                protocol = int.from_bytes(row[offset + 4 : offset + 5], "big")
            elif kind not in _PLAIN:
                plain = False
            if length < 4:
                break
            offset += (length + 3) & ~3
        found.append(Row(family, index, state, flags, mac, address, protocol, plain))
    return found


def _family(address: bytes) -> int:
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def _link_layer(mac: bytes) -> bytes:
    return _MAC + mac + b"\0\0"


def _network(address: bytes) -> bytes:
    return (_V4 if len(address) == 4 else _V6) + address
