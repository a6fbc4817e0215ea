"""Standard streams over conmon's attach socket: one line to conmon, any number of consoles on it.

The socket keeps message boundaries. From conmon: a byte (2 standard output, 3 standard error) and up
to 8 KiB. To conmon: standard input, at most 32 KiB a message; more would be cut off. conmon takes the
end of *any* attachment for the end of standard input (unless told to hold it open), and blocks the
container while *any* attachment does not read. Hence one line for each container, with our own rules.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from seaway.errors import RuntimeFailed

STREAMS = {2: 1, 3: 2}
"""conmon's stream byte to Docker's (1 standard output, 2 standard error)."""

MESSAGE = 16384
"""Bytes of standard input in one message."""

HIGH = 1 << 20
LOW = 1 << 18
"""Bytes waiting in one console at which the line stops reading, and at which it goes on."""


class Attached:
    """One attachment: a Console on a Line."""

    def __init__(self, line: "Line | None") -> None:
        self._line = line
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._news = asyncio.Event()
        self._over = line is None
        self.waiting = 0

    async def read(self) -> tuple[int, bytes] | None:
        """Next piece of output; None when the process has ended or this console was closed."""
        while not self._pieces:
            if self._over:
                return None
            self._news.clear()
            await self._news.wait()
        piece = self._pieces.popleft()
        self.waiting -= len(piece[1])
        if self._line is not None:
            self._line.resume()
        return piece

    async def write(self, data: bytes) -> None:
        """Feed standard input; waits while the process does not read. What nobody reads is dropped."""
        if self._line is not None:
            await self._line.write(data)

    async def close_input(self) -> None:
        """End of standard input, where the container has one that may end."""
        if self._line is not None:
            await self._line.close_input()

    def close(self) -> None:
        """Let go. What was not read is dropped."""
        line, self._line = self._line, None
        self._pieces.clear()
        self.waiting = 0
        self.end()
        if line is not None:
            line.leave(self)

    def push(self, stream: int, data: bytes) -> None:
        """For the line: a piece of output."""
        self._pieces.append((stream, data))
        self.waiting += len(data)
        self._news.set()

    def end(self) -> None:
        """For the line: no more will come."""
        self._over = True
        self._news.set()


class Line:
    """The connection to one conmon. ``hold``: conmon keeps standard input open whatever we do."""

    def __init__(self, sock: socket.socket, hold: bool, gone: Callable[["Line"], None]) -> None:
        self._sock = sock
        self._hold = hold
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._consoles: list[Attached] = []
        self._writing = asyncio.Lock()
        self._room = asyncio.Event()
        self._input_over = False
        self._reading = False
        self._open = True
        self._listen(True)

    def attach(self) -> Attached:
        """A new console, which sees what comes from now on."""
        console = Attached(self if self._open else None)
        if self._open:
            self._consoles.append(console)
        return console

    def leave(self, console: Attached) -> None:
        """A console lets go. The line stays while its end would end the container's standard input."""
        with suppress(ValueError):
            self._consoles.remove(console)
        if not self._consoles and (self._hold or self._input_over):
            self.close()
        else:
            self.resume()

    async def write(self, data: bytes) -> None:
        """Send standard input; waits while conmon does not take it."""
        async with self._writing:
            for start in range(0, len(data), MESSAGE):
                if not self._open or self._input_over:
                    return
                await self._send(data[start : start + MESSAGE])

    async def _send(self, message: bytes) -> None:
        while self._open:
            try:
                self._sock.send(message)
            except BlockingIOError:
                self._room.clear()
                self._loop.add_writer(self._sock.fileno(), self._room.set)
                try:
                    await self._room.wait()
                finally:
                    if self._open:
                        self._loop.remove_writer(self._sock.fileno())
            except OSError:
                return
            else:
                return

    async def close_input(self) -> None:
        """End standard input after all that was written; nothing when it is held open."""
        async with self._writing:
            if self._hold or self._input_over or not self._open:
                return
            self._input_over = True
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def resume(self) -> None:
        """Go on reading when every console has taken enough."""
        if self._open and not self._reading and all(c.waiting <= LOW for c in self._consoles):
            self._listen(True)

    def close(self) -> None:
        """End it for every console. Idempotent."""
        if not self._open:
            return
        self._open = False
        self._listen(False)
        self._loop.remove_writer(self._sock.fileno())
        self._room.set()
        self._sock.close()
        for console in self._consoles:
            console.end()
        self._gone(self)

    def _listen(self, on: bool) -> None:
        self._reading = on
        if on:
            self._loop.add_reader(self._sock.fileno(), self._readable)
        else:
            self._loop.remove_reader(self._sock.fileno())

    def _readable(self) -> None:
        try:
            message = self._sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self.close()
            return
        stream = STREAMS.get(message[0])
        if stream is None or len(message) == 1:
            return
        for console in self._consoles:
            console.push(stream, message[1:])
        if any(console.waiting >= HIGH for console in self._consoles):
            self._listen(False)


async def dial(path: Path) -> socket.socket:
    """Connect to an attach socket, however long its path. Raises RuntimeFailed when nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.setblocking(False)
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            await _connect(sock, f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
    except OSError as error:
        sock.close()
        raise RuntimeFailed(f"cannot attach: {error.strerror}") from error
    return sock


async def _connect(sock: socket.socket, address: str) -> None:
    for _ in range(500):
        try:
            sock.connect(address)
        except BlockingIOError:  # conmon's queue of connections is full
            await asyncio.sleep(0.01)
        else:
            return
    raise TimeoutError(110, "conmon does not answer")
