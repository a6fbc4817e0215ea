"""The numbers by which one network namespace knows others, and sockets that hear events from all of those."""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from functools import partial

from seaway.datapath import netns

_NEWNSID, _GETNSID = 88, 90
_NSID, _FD = 1, 3
_REQUEST, _ACK, _ERROR = 0x1, 0x4, 2
_SOL_NETLINK, _LISTEN_ALL_NSID = 270, 8
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HHi")


def number(home: str, path: str) -> int:
    """The number by which the namespace at ``home`` (empty: the daemon's) knows the one at ``path``.

    It is given one if it has none. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return netns.in_namespace(home, partial(_number, handle))
    finally:
        os.close(handle)


def hear_all(ear: socket.socket) -> None:
    """Have a netlink socket hear events from every namespace that has a number in its own."""
    ear.setsockopt(_SOL_NETLINK, _LISTEN_ALL_NSID, 1)


def sender(words: Sequence[tuple[int, int, bytes]]) -> int:
    """The number of the namespace that a message came from, as its control messages tell; -1 for the own."""
    for level, kind, data in words:
        if (level, kind) == (_SOL_NETLINK, _LISTEN_ALL_NSID):
            return int(struct.unpack_from("=i", data)[0])
    return -1


def _number(handle: int) -> int:
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    ) as wire:
        wire.bind((0, 0))
        found = _ask(wire, _GETNSID, _REQUEST, [(_FD, handle)])
        if found >= 0:
            return found
        _ask(wire, _NEWNSID, _REQUEST | _ACK, [(_NSID, -1), (_FD, handle)])
        return _ask(wire, _GETNSID, _REQUEST, [(_FD, handle)])


def _ask(wire: socket.socket, kind: int, flags: int, attributes: Sequence[tuple[int, int]]) -> int:
    body = bytes(4) + b"".join(_ATTRIBUTE.pack(8, name, value) for name, value in attributes)
    wire.send(_HEADER.pack(16 + len(body), kind, flags, 1, 0) + body)
    answer = wire.recv(1 << 16)
    if struct.unpack_from("=H", answer, 4)[0] == _ERROR:
        (code,) = struct.unpack_from("=i", answer, 16)
        if code and -code != errno.EEXIST:
            raise OSError(-code, os.strerror(-code))
        return -1
    return _told(answer)


def _told(answer: bytes) -> int:
    offset = 20
    while offset + 8 <= len(answer):
        length, kind, value = _ATTRIBUTE.unpack_from(answer, offset)
        if kind == _NSID:
            return int(value)
        offset += max((length + 3) & ~3, 4)
    return -1
