"""Ears: kernel messages about what is ours, as a hint that it may have been touched.

Only headers and a few attributes are looked at. A hint may be false; what is really different is found
by reading back.
"""

import asyncio
import errno
import os
import socket
import struct
import sys
from array import array
from collections.abc import Callable, Iterator

from seaway.datapath import namespace_ids, ndmsg, netns
from seaway.model.names import LINK_GROUP, ROUTE_PROTOCOL

LINKS = "links"
ROOMS = "rooms"
NFT = "nft"

PAUSE = 0.1
"""Seconds that hints are gathered before they are told."""

_NETLINK_NETFILTER = 12
_ROUTE_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_SOL_NETLINK, _ADD_MEMBERSHIP, _NFT_GROUP = 270, 1, 7
_SO_RCVBUFFORCE, _SO_ATTACH_FILTER = 33, 26
_BUFFER = 4 << 20
_NEW_GENERATION = 10 << 8 | 15
_GENERATION_PROCESS = 2
_NEWLINK, _DELLINK, _GETLINK = 16, 17, 18
_NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE = 20, 21, 24, 25
_IFLA_GROUP, _RTA_OIF = 27, 4
_DUMP = 0x301
_DELNEIGH = ndmsg.RTM_DELNEIGH
_ROOM_GROUPS = 0x1 | 0x4 | 0x10 | 0x100
_IN_ROOMS = (_NEWLINK, _DELLINK, _DELADDR, _DELNEIGH)
_SOME = 256
"""Messages about other namespaces that are heard at once; the loop has other things to do, too."""
_UP = 1
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


class Monitor:
    """Tells when links, addresses, routes or nftables of ours may have changed in a namespace.

    And when something is taken away in further namespaces, which it knows by number: so it keeps none of
    them alive.
    """

    def __init__(
        self, path: str = "", own: Callable[[int, bytes], bool] = lambda _device, _entry: False
    ) -> None:
        """``path`` is the namespace to listen in; empty means the daemon's.

        ``own`` tells whether we removed a forwarding entry or neighbour ourselves (ForwardHand.did).
        """
        self._path = path
        self._own = own
        self._rooms: dict[str, int] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._known: set[int] = set()

    def start(self, loop: asyncio.AbstractEventLoop, on_change: Callable[[str], None]) -> None:
        """Listen, and call ``on_change`` in the loop with ``links``, ``nft`` or ``rooms``. Raises OSError."""
        self._loop, self._on_change = loop, on_change
        self._sockets = {
            LINKS: netns.in_namespace(self._path, _open_route),
            NFT: netns.in_namespace(self._path, _open_nft),
            ROOMS: netns.in_namespace(self._path, _open_rooms),
        }
        loop.add_reader(self._sockets[ROOMS], self._hear_rooms)
        loop.add_reader(self._sockets[LINKS], self._hear, LINKS, self._about_links)
        loop.add_reader(self._sockets[NFT], self._hear, NFT, _about_nft)
        self._sockets[LINKS].send(_HEADER.pack(32, _GETLINK, _DUMP, 1, 0) + bytes(16))

    def close(self) -> None:
        """Stop listening."""
        for timer in self._timers.values():
            timer.cancel()
        for ear in self._sockets.values():
            self._loop.remove_reader(ear)
            ear.close()
        self._timers.clear()
        self._sockets.clear()

    def watch(self, path: str) -> None:
        """Listen in this namespace, too, now or when started. To be said again when it was made anew.

        Raises OSError.
        """
        self._rooms[path] = namespace_ids.number(self._path, path)

    def unwatch(self, path: str) -> None:
        """Listen there no longer."""
        self._rooms.pop(path, None)

    def _hear_rooms(self) -> None:
        changed = False
        for _ in range(_SOME):
            try:
                data, words, _flags, _sender = self._sockets[ROOMS].recvmsg(1 << 16, 64)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                changed = bool(self._rooms)
                continue
            if not changed and namespace_ids.sender(words) in self._rooms.values():
                changed = any(self._in_room(kind, body, data) for kind, _, body in _messages(data))
        if changed:
            self._soon(ROOMS)

    def _in_room(self, kind: int, body: bytes, message: bytes) -> bool:
        """Whether it tells of a loss: there all is ours, but the kernel forgets what it learnt by itself."""
        if kind == _NEWLINK:
            return not struct.unpack_from("=I", body, 8)[0] & _UP
        if kind != _DELNEIGH:
            return True
        (row,) = ndmsg.read([message])
        if row.family != ndmsg.BRIDGE:
            return row.protocol == ROUTE_PROTOCOL and not self._own(row.device, row.address)
        learnt = not row.state & ndmsg.NOARP
        return not learnt and not self._own(row.device, row.mac)

    def _hear(self, what: str, ours: Callable[[bytes], bool]) -> None:
        changed = False
        while True:
            try:
                data = self._sockets[what].recv(1 << 18)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                changed = True
                continue
            changed = ours(data) or changed
        if changed:
            self._soon(what)

    def _soon(self, what: str) -> None:
        if what not in self._timers:
            self._timers[what] = self._loop.call_later(PAUSE, self._tell, what)

    def _tell(self, what: str) -> None:
        del self._timers[what]
        self._on_change(what)

    def _about_links(self, data: bytes) -> bool:
        """Whether these messages are about something of ours, and not answers to our first question."""
        found = False
        for kind, number, body in _messages(data):
            if kind in (_NEWLINK, _DELLINK):
                found = (self._about_link(kind, body) and number == 0) or found
            elif kind in (_NEWADDR, _DELADDR):
                found = found or struct.unpack_from("=I", body, 4)[0] in self._known
            elif kind in (_NEWROUTE, _DELROUTE):
                found = found or body[5] == ROUTE_PROTOCOL or _number(body, 12, _RTA_OIF) in self._known
        return found

    def _about_link(self, kind: int, body: bytes) -> bool:
        (index,) = struct.unpack_from("=i", body, 4)
        ours = index in self._known or _number(body, 16, _IFLA_GROUP) == LINK_GROUP
        if ours and kind == _NEWLINK:
            self._known.add(index)
        elif body[0] == socket.AF_UNSPEC:
            self._known.discard(index)
        return ours


def _open_route() -> socket.socket:
    ear = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    _prepare(ear)
    ear.bind((0, _ROUTE_GROUPS))
    return ear


def _open_rooms() -> socket.socket:
    ear = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    _prepare(ear)
    _only(ear, *_IN_ROOMS)
    namespace_ids.hear_all(ear)
    ear.bind((0, _ROOM_GROUPS))
    return ear


def _open_nft() -> socket.socket:
    ear = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    _prepare(ear)
    _only(ear, _NEW_GENERATION)
    ear.bind((0, 0))
    ear.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _NFT_GROUP)
    return ear


def _prepare(ear: socket.socket) -> None:
    ear.setblocking(False)
    try:
        ear.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _only(ear: socket.socket, *kinds: int) -> None:
    """Have the kernel pass only messages of some types: a transaction of 10,000 elements is one message.

    The filter: load the type (the kernel reads it as network order), keep all if equal, else nothing.
    """
    swapped = [int.from_bytes(kind.to_bytes(2, sys.byteorder), "big") for kind in kinds]
    tests = [(0x15, len(kinds) - n, 0, kind) for n, kind in enumerate(swapped)]
    steps = ((0x28, 0, 0, 4), *tests, (0x6, 0, 0, 0), (0x6, 0, 0, 0xFFFFFFFF))
    program = array("B", b"".join(struct.pack("=HBBI", *step) for step in steps))
    place, _length = program.buffer_info()
    ear.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(steps), place))


def _about_nft(data: bytes) -> bool:
    """Whether a transaction was somebody else's: the kernel tells the thread that made it."""
    for kind, _order, body in _messages(data):
        if kind == _NEW_GENERATION:
            thread = _number(body, 4, _GENERATION_PROCESS, "!I")
            if not thread or not os.path.exists(f"/proc/self/task/{thread}"):
                return True
    return False


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, _flags, number, _port = _HEADER.unpack_from(data, offset)
        yield kind, number, data[offset + 16 : offset + length]
        offset += max((length + 3) & ~3, 16)


def _number(body: bytes, start: int, wanted: int, form: str = "=I") -> int:
    """The value of a 32-bit attribute of a message's body, 0 when it is not there."""
    offset = start
    while offset + 8 <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if kind & 0x3FFF == wanted:
            return int(struct.unpack_from(form, body, offset + 4)[0])
        offset += max((length + 3) & ~3, 4)
    return 0
