"""Move bytes between a hijacked stream and this process: input out, output in, signals on the way."""

import os
import selectors
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from seaway.cli.frames import Frames, Writer
from seaway.cli.hijack import Stream
from seaway.cli.keys import DetachKeys

CHUNK = 32 * 1024


class Detached(Exception):
    """The user pressed the detach keys."""


@dataclass(slots=True)
class Pump:
    """One session. ``stdin`` is a file descriptor, or -1 for no input; ``keys`` end the session.

    ``on_signal`` is called, between two transfers, with each caught signal's number.
    """

    stream: Stream
    writer: Writer
    stdin: int = -1
    keys: DetachKeys | None = None
    on_signal: Callable[[int], None] | None = None
    signals: Sequence[int] = ()
    _outgoing: bytes = field(default=b"", init=False)
    _input_open: bool = field(default=False, init=False)
    _ended: bool = field(default=False, init=False)

    def run(self) -> None:
        """Until the other side hangs up. Raises Detached."""
        sock = self.stream.sock
        sock.setblocking(False)
        self._input_open = self.stdin >= 0
        if not self._input_open:
            self._end_input()
        self.writer.write(self.stream.early)
        with caught(self.signals) as wake, selectors.PollSelector() as ready:
            ready.register(wake, selectors.EVENT_READ, "signal")
            while not self._ended:
                self._watch(ready)
                for key, events in ready.select():
                    self._serve(key.data, events, wake)

    def _watch(self, ready: selectors.BaseSelector) -> None:
        """Input is read only when what was read before has been sent."""
        sock, stdin = self.stream.sock, self.stdin
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if sock in ready.get_map():
            ready.modify(sock, wanted, "socket")
        else:
            ready.register(sock, wanted, "socket")
        watched = stdin >= 0 and stdin in ready.get_map()
        if self._input_open and not self._outgoing and not watched:
            ready.register(stdin, selectors.EVENT_READ, "input")
        elif watched and (self._outgoing or not self._input_open):
            ready.unregister(stdin)

    def _serve(self, what: str, events: int, wake: int) -> None:
        if what == "signal":
            for number in os.read(wake, 64):
                if self.on_signal is not None and number in self.signals:
                    self.on_signal(number)
        elif what == "input":
            self._read_input()
        else:
            if events & selectors.EVENT_WRITE:
                self._send()
            if events & ~selectors.EVENT_WRITE:
                self._receive()

    def _read_input(self) -> None:
        try:
            data = os.read(self.stdin, CHUNK)
        except OSError:
            data = b""
        if not data:
            self._input_open = False
            self._end_input()
            return
        if self.keys is not None:
            data, detach = self.keys.feed(data)
            if detach:
                raise Detached
        self._outgoing += data
        self._send()

    def _send(self) -> None:
        try:
            sent = self.stream.sock.send(self._outgoing) if self._outgoing else 0
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self._input_open, self._outgoing = False, b""
            return
        self._outgoing = self._outgoing[sent:]

    def _receive(self) -> None:
        try:
            data = self.stream.sock.recv(CHUNK)
            while isinstance(self.stream.sock, ssl.SSLSocket) and self.stream.sock.pending():
                data += self.stream.sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return
        self.writer.write(data)

    def _end_input(self) -> None:
        try:
            self.stream.end_input()
        except OSError:
            self._outgoing = b""


@contextmanager
def caught(numbers: Sequence[int]) -> Iterator[int]:
    """Turn signals into bytes on a pipe, whose reading end is given; the old handlers come back."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    before = {number: signal.getsignal(number) for number in numbers}
    old = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        for number in numbers:
            signal.signal(number, lambda _number, _frame: None)
        yield reading.fileno()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old)
        reading.close()
        writing.close()


def writer_for(multiplexed: bool) -> Writer:
    """Where output goes: frames are split over standard output and error, raw bytes go to the first."""
    sys.stdout.flush()
    return Frames(1, 2) if multiplexed else Writer(1)
