"""Hijacked connections: HTTP ends after the head, and the socket carries standard streams both ways.

aiohttp has no name for this, so the head is written by hand and the transport gets another protocol.
The old protocol must still hear of the connection's end, or the server would count it for ever.
"""

import asyncio
import contextlib
import fcntl
import logging
import select
import struct
import termios
from typing import Any

from aiohttp import web

from seaway.api.detach import Keys
from seaway.api.wire import TELLING
from seaway.runtime.contract import Console

log = logging.getLogger(__name__)

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"

UPGRADED = "HTTP/1.1 101 UPGRADED\r\nContent-Type: {}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
PLAIN = f"HTTP/1.1 200 OK\r\nContent-Type: {RAW}\r\n\r\n"

FRAME = struct.Struct(">BxxxL")
"""Head of a piece of output without a terminal: stream (1 stdout, 2 stderr), length in bytes."""

LIMIT = 1 << 18
"""Bytes of standard input kept for a process that does not read, before the client must wait."""

PIECE = 1 << 16
"""Bytes of standard input handed on at once."""

HEAD_READ = 5.0
"""Seconds at most to wait for the client to read the head."""

NO_COUNT = 0.02
"""Seconds to wait instead, where the kernel cannot say what the client has read (TCP, TLS)."""

GLANCE = 1.0
"""Seconds between two looks whether a half-closed client has gone for good."""


class Hijacked(web.StreamResponse):
    """What a handler gives back when everything has been said already."""

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Nothing: the head is out."""
        return None

    async def write_eof(self, data: bytes | bytearray | memoryview = b"") -> None:
        """Nothing: the body is out."""


class _Protocol(asyncio.StreamReaderProtocol):
    """Streams on a transport that an HTTP protocol had before.

    Unlike that one it stays when the client has no more to say, and still listens (half-close).
    """

    def __init__(self, reader: asyncio.StreamReader, before: asyncio.BaseProtocol) -> None:
        super().__init__(reader)
        self._before = before

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        self._before.connection_lost(exc)


class Line:
    """The two directions of a hijacked connection."""

    def __init__(self, request: web.Request, head: str) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        loop = asyncio.get_running_loop()
        before = request.protocol
        early = bytes(getattr(before, "_message_tail", b""))
        self.transport = transport
        self.reader = asyncio.StreamReader(limit=LIMIT, loop=loop)
        protocol = _Protocol(self.reader, before)
        transport.write(head.encode())
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)
        if early:
            self.reader.feed_data(early)
        if not transport.is_reading():
            transport.resume_reading()
        self._tls = _hold_open(transport)

    async def write(self, data: bytes) -> None:
        """Send; waits while the client does not read. Raises ConnectionError when it has gone."""
        self._writer.write(data)
        await self._writer.drain()

    async def head_read(self) -> None:
        """Wait until the client has taken the head from its socket.

        docker-py loses output that arrives in the same read as the head. On a unix socket the kernel
        knows what the peer has read; elsewhere only a short pause is possible.
        """
        sock = self.transport.get_extra_info("socket")
        if self._tls is not None or sock is None or sock.family.name != "AF_UNIX":
            await asyncio.sleep(NO_COUNT)
            return
        pause, waited = 0.0002, 0.0
        while waited < HEAD_READ and not self.transport.is_closing() and _unread(sock.fileno()):
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, 0.01)

    def gone(self) -> bool:
        """Whether a half-closed client has closed the other half too."""
        sock = self.transport.get_extra_info("socket")
        if self.transport.is_closing() or sock is None:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), 0)
        return any(state & (select.POLLHUP | select.POLLERR) for _, state in poll.poll(0))

    def finish(self) -> None:
        """Everything is said; what is still in the buffer goes out before the connection closes."""
        if self._tls is not None:
            del self._tls._start_shutdown
        elif not self.transport.is_closing() and self.transport.can_write_eof():
            with contextlib.suppress(OSError):
                self.transport.write_eof()


def _unread(fd: int) -> int:
    """Bytes sent that the peer has not read."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0" * 4))[0])


def _hold_open(transport: asyncio.Transport) -> Any | None:
    """Keep a TLS connection open when the client ends its half.

    asyncio begins to shut TLS down as soon as the peer's close_notify arrives, and everything not yet
    written is lost; the docker CLI sends close_notify when its standard input ends. The TLS protocol
    object has no switch for it, so its shutdown is hidden until ``finish``.
    """
    tls = getattr(transport, "_ssl_protocol", None)
    if tls is not None:
        tls._start_shutdown = lambda: None
    return tls


async def serve(
    request: web.Request, console: Console, kind: str, *, tty: bool, stdin: bool, keys: Keys | None = None
) -> web.StreamResponse:
    """Join a console and the connection until the output ends, the client leaves or detaches.

    ``kind`` is the content type of the head; without ``tty`` the output is framed.
    """
    request[TELLING] = True
    upgrade = "upgrade" in request.headers
    try:
        line = Line(request, UPGRADED.format(kind) if upgrade else PLAIN)
        try:
            async with asyncio.TaskGroup() as group:
                inward = group.create_task(_inward(line, console, stdin=stdin, keys=keys))
                outward = group.create_task(_outward(line, console, tty=tty))
                await asyncio.wait((inward, outward), return_when=asyncio.FIRST_COMPLETED)
                inward.cancel()
                outward.cancel()
        finally:
            line.finish()
    except* ConnectionError:
        pass  # The client has gone: nobody is left to tell.
    except* Exception as group:
        # The head is out, so no status can tell of it any more: the stream just ends.
        log.warning("a hijacked stream broke", exc_info=group)
    finally:
        console.close()
    return Hijacked()


async def _outward(line: Line, console: Console, *, tty: bool) -> None:
    """Output to the client, until the process has ended."""
    await line.head_read()
    while (piece := await console.read()) is not None:
        stream, data = piece
        await line.write(data if tty else FRAME.pack(stream, len(data)) + data)


async def _inward(line: Line, console: Console, *, stdin: bool, keys: Keys | None) -> None:
    """Input from the client. Ends when the client detaches or has gone, not when it half-closes."""
    while data := await line.reader.read(PIECE):
        if not stdin:
            continue
        if keys is not None:
            data = keys.feed(data)
        if data:
            await console.write(data)
        if keys is not None and keys.complete:
            return
    if stdin:
        await console.close_input()
    while not line.gone():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE)
