"""Announcements: who has an address now, told to all on a segment (gratuitous ARP, unsolicited NA).

They leave by a bridge and with its own address as the Ethernet source, so that no switch on the way
learns from them where the announced one is.
"""

import logging
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from seaway.datapath import netns
from seaway.datapath.ndmsg import address_bytes, mac_bytes

log = logging.getLogger(__name__)

_BROADCAST = b"\xff" * 6
_ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_IPV4_TYPE, _ARP_TYPE, _IPV6_TYPE = 0x0800, 0x0806, 0x86DD
_REQUEST = 1
_ICMP6, _NEIGHBOUR_ADVERTISEMENT, _OVERRIDE = 58, 136, 0x20000000
_TARGET_LINK_LAYER = 2


def announce(path: str, news: Sequence[tuple[str, str, str]]) -> Sequence[socket.socket]:
    """Tell ``news`` (bridge, IP address, MAC address) in the namespace at ``path``.

    What cannot be told is only logged: whoever asks later is answered all the same. Returns sockets that
    are done with: closing one takes the kernel ten milliseconds, for which nobody need wait.
    """
    try:
        doors = netns.in_namespace(path, partial(_open, {bridge for bridge, _, _ in news}))
    except OSError as error:
        log.warning("cannot announce neighbours", extra={"namespace": path, "error": str(error)})
        return ()
    for bridge, door in doors.items():
        try:
            _tell(door, ((address, mac) for where, address, mac in news if where == bridge))
        except OSError as error:
            log.warning("cannot announce neighbours", extra={"bridge": bridge, "error": str(error)})
    return list(doors.values())


def frame(source: bytes, address: bytes, mac: bytes) -> bytes:
    """The frame that says that a packed IP address is at a packed MAC address."""
    if len(address) == 4:
        arp = _ARP.pack(1, _IPV4_TYPE, 6, 4, _REQUEST, mac, address, bytes(6), address)
        return _ETHERNET.pack(_BROADCAST, source, _ARP_TYPE) + arp
    parts = (_OVERRIDE, address, _TARGET_LINK_LAYER, 1, mac)
    length = _ADVERTISEMENT.size
    pseudo = address + _ALL_NODES + struct.pack("!II", length, _ICMP6)
    check = _checksum(pseudo + _ADVERTISEMENT.pack(_NEIGHBOUR_ADVERTISEMENT, 0, 0, *parts))
    return (
        _ETHERNET.pack(_ALL_NODES_MAC, source, _IPV6_TYPE)
        + _IPV6.pack(6 << 28, length, _ICMP6, 255, address, _ALL_NODES)
        + _ADVERTISEMENT.pack(_NEIGHBOUR_ADVERTISEMENT, 0, check, *parts)
    )


def _open(bridges: Iterable[str]) -> Mapping[str, socket.socket]:
    doors: dict[str, socket.socket] = {}
    for bridge in bridges:
        door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            door.bind((bridge, 0))
        except OSError as error:
            door.close()
            log.warning("cannot announce neighbours", extra={"bridge": bridge, "error": str(error)})
            continue
        door.setblocking(False)
        doors[bridge] = door
    return doors


def _tell(door: socket.socket, news: Iterable[tuple[str, str]]) -> None:
    source = door.getsockname()[4]
    for address, mac in news:
        with suppress(BlockingIOError):
            door.send(frame(source, address_bytes(address), mac_bytes(mac)))


def _checksum(data: bytes) -> int:
    """The Internet checksum of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
