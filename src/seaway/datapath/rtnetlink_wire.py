"""A netlink route socket: many requests in one send, the kernel's own words for what failed, dumps.

pyroute2 writes and reads the messages; the socket is ours, since pyroute2's forks to enter a namespace
and runs an event loop for each call. A socket stays in the namespace it was opened in.
"""

import errno
import itertools
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from seaway.datapath import netns

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400

_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_CAPPED, _ACK_TLVS = 0x100, 0x200
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _EXT_ACK, _STRICT = 270, 11, 12
_HEADER = struct.Struct("=IHHII")
_BATCH = 64
"""Requests in one send; their answers fit the socket's buffer many times over."""
_TIMEOUT = 10.0
_TRIES = 5
_INTERRUPTED = 0x10

SPARSE = ("IFLA_EXT_MASK", 8)
"""Attribute of a link request: without the counters."""

_KINDS: dict[int, Any] = {
    RTM_NEWLINK: ifinfmsg, RTM_DELLINK: ifinfmsg, RTM_GETLINK: ifinfmsg, RTM_SETLINK: ifinfmsg,
    RTM_NEWADDR: ifaddrmsg, RTM_DELADDR: ifaddrmsg, RTM_GETADDR: ifaddrmsg,
    RTM_NEWROUTE: rtmsg, RTM_DELROUTE: rtmsg, RTM_GETROUTE: rtmsg,
}  # fmt: skip

Raw: TypeAlias = tuple[int, int, bytes]
"""A message packed elsewhere: type, extra flags, and all that follows the header."""

_MANY = 128
"""Raw requests in one send: the kernel answers those that fail, and the last."""


class Denied(OSError):
    """The kernel's no: ``errno``, and in ``strerror`` its own explanation where it gave one."""


@dataclass(frozen=True, slots=True)
class Request:
    """One message to the kernel: type, extra flags, fixed fields, and attributes as pyroute2 names them."""

    kind: int
    fields: dict[str, Any]
    attributes: Sequence[tuple[str, Any]] = ()
    flags: int = 0


class Wire:
    """A netlink route socket in one namespace. Used by one thread at a time."""

    def __init__(self, path: str) -> None:
        """Open in the namespace at ``path`` (empty: the daemon's). Raises OSError."""
        self._socket = netns.in_namespace(path, _open)
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, requests: Sequence[Request]) -> list[Denied | None]:
        """Have the kernel carry the requests out in order, also after a failure. One answer for each."""
        answers: list[Denied | None] = []
        for start in range(0, len(requests), _BATCH):
            answers += self._send(requests[start : start + _BATCH])
        return answers

    def do(self, *requests: Request) -> None:
        """As send; raises the first Denied."""
        for answer in self.send(requests):
            if answer is not None:
                raise answer

    def get(self, request: Request) -> Any | None:
        """The one message that answers, or None when there is no such thing. Raises Denied."""
        number = next(self._numbers)
        self._socket.send(_encode(request, number, _REQUEST))
        for kind, found, data in self._messages():
            if found != number:
                continue
            if kind != _ERROR:
                return _decode(data)
            denied = _denied(data)
            if denied is not None and denied.errno not in (errno.ENODEV, errno.ESRCH, errno.ENOENT):
                raise denied
            return None
        return None

    def index(self, device: str) -> int:
        """The number of a device, 0 when there is none; cheaper than ``get``."""
        number = next(self._numbers)
        self._socket.send(
            _encode(Request(RTM_GETLINK, {}, [("IFLA_IFNAME", device), SPARSE]), number, _REQUEST)
        )
        for kind, found, data in self._messages():
            if found == number:
                return 0 if kind == _ERROR else int(struct.unpack_from("=i", data, 20)[0])
        return 0

    def dump(self, request: Request) -> list[Any]:
        """Every message of a dump, done anew when the kernel changed meanwhile. Raises Denied."""
        found = self._whole(lambda number: _encode(request, number, _REQUEST | _DUMP))
        return [_decode(data) for data in found]

    def push(self, messages: Sequence[Raw]) -> dict[int, Denied]:
        """Have the kernel carry out packed messages, also after a failure. Which of them failed, and why."""
        refused: dict[int, Denied] = {}
        for start in range(0, len(messages), _MANY):
            refused |= self._push(start, messages[start : start + _MANY])
        return refused

    def rows(self, kind: int, body: bytes) -> list[bytes]:
        """Every message of a dump as it came, asked for by a packed one. Raises Denied."""
        return self._whole(lambda number: _packed((kind, _DUMP, body), number))

    def _push(self, start: int, messages: Sequence[Raw]) -> dict[int, Denied]:
        """Only the last is acknowledged; what fails is told of anyway, and before."""
        first = next(self._numbers)
        last = first + len(messages) - 1
        self._numbers = itertools.count(last + 1)
        kind, flags, body = messages[-1]
        ordered = [*messages[:-1], (kind, flags | _ACK, body)]
        self._socket.send(b"".join([_packed(m, first + n) for n, m in enumerate(ordered)]))
        refused: dict[int, Denied] = {}
        for answer, number, data in self._messages():
            if answer == _ERROR and first <= number <= last:
                denied = _denied(data)
                if denied is not None:
                    refused[start + number - first] = denied
                if number == last:
                    break
        return refused

    def _whole(self, encode: Callable[[int], bytes]) -> list[bytes]:
        for _ in range(_TRIES):
            whole, found = self._dump(encode)
            if whole:
                break
        return found

    def _dump(self, encode: Callable[[int], bytes]) -> tuple[bool, list[bytes]]:
        number = next(self._numbers)
        self._socket.send(encode(number))
        found: list[bytes] = []
        whole = True
        for kind, answered, data in self._messages():
            if answered != number:
                continue
            whole = whole and not struct.unpack_from("=H", data, 6)[0] & _INTERRUPTED
            if kind == _DONE:
                break
            if kind == _ERROR:
                denied = _denied(data)
                if denied is not None:
                    raise denied
                break
            found.append(data)
        return whole, found

    def _send(self, requests: Sequence[Request]) -> list[Denied | None]:
        numbers = [next(self._numbers) for _ in requests]
        self._socket.send(
            b"".join(_encode(r, n, _REQUEST | _ACK) for r, n in zip(requests, numbers, strict=True))
        )
        waiting = dict.fromkeys(numbers)
        answers: dict[int, Denied | None] = {}
        for kind, number, data in self._messages():
            if kind == _ERROR and number in waiting:
                answers[number] = _denied(data)
                if len(answers) == len(waiting):
                    break
        return [answers[n] for n in numbers]

    def _messages(self) -> Iterator[tuple[int, int, bytes]]:
        while True:
            data = self._socket.recv(1 << 18)
            offset = 0
            while offset + 16 <= len(data):
                length, kind, _flags, number, _port = _HEADER.unpack_from(data, offset)
                yield kind, number, data[offset : offset + length]
                offset += (length + 3) & ~3


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    opened.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
    opened.setsockopt(_SOL_NETLINK, _STRICT, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.settimeout(_TIMEOUT)
    opened.bind((0, 0))
    return opened


def _packed(message: Raw, number: int) -> bytes:
    kind, flags, body = message
    return _HEADER.pack(16 + len(body), kind, _REQUEST | flags, number, 0) + body


def _encode(request: Request, number: int, flags: int) -> bytes:
    message = _KINDS[request.kind]()
    message["attrs"] = list(request.attributes)
    for name, value in request.fields.items():
        message[name] = value
    header = message["header"]
    header["type"], header["flags"] = request.kind, flags | request.flags
    header["sequence_number"], header["pid"] = number, 0
    message.encode()
    data = bytes(message.data)
    return data + b"\0" * (-len(data) % 4)


def _decode(data: bytes) -> Any:
    (kind,) = struct.unpack_from("=H", data, 4)
    message = _KINDS[kind](data)
    message.decode()
    return message


def _denied(data: bytes) -> Denied | None:
    length, _kind, flags = struct.unpack_from("=IHH", data)
    (code,) = struct.unpack_from("=i", data, 16)
    if code == 0:
        return None
    return Denied(-code, _explanation(data[:length], flags) or os.strerror(-code))


def _explanation(data: bytes, flags: int) -> str:
    """The text attribute (type 1) behind an error and the request it quotes."""
    if not flags & _ACK_TLVS:
        return ""
    (quoted,) = struct.unpack_from("=I", data, 20)
    offset = 36 if flags & _CAPPED else 20 + ((quoted + 3) & ~3)
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if kind == 1:
            return data[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += max((length + 3) & ~3, 4)
    return ""
