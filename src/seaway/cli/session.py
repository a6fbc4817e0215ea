"""A user's session with a container or a command in it: attach, pass everything on, learn how it ended."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seaway.cli import terminal
from seaway.cli.client import Client
from seaway.cli.failures import Failed
from seaway.cli.hijack import Stream
from seaway.cli.keys import DetachKeys, detach_keys
from seaway.cli.stream import Detached, Pump, writer_for

KEPT = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGCHLD,
    signal.SIGPIPE,
    signal.SIGURG,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGCONT,
    signal.SIGSEGV,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGBUS,
    signal.SIGTRAP,
    signal.SIGABRT,
}
"""Signals that are this process's own business, and are not passed on to a container."""

PASSED_ON = tuple(sorted(number for number in signal.valid_signals() - KEPT if number < 32))


@dataclass(frozen=True, slots=True)
class Session:
    """How to talk. ``resize`` and ``kill`` are paths of the API that take a size and a signal."""

    client: Client
    tty: bool
    input: bool
    resize: str
    kill: str = ""
    keys: str = ""

    def check_terminal(self) -> None:
        """Refuse a terminal session whose input is none, as docker does."""
        if self.input and self.tty and not terminal.is_terminal(terminal.input_handle()):
            raise Failed("the input device is not a TTY")

    def talk(self, stream: Stream) -> bool:
        """Until the other side hangs up; False when the user left with the detach keys."""
        keys: DetachKeys | None = detach_keys(self.keys) if self.tty and self.input else None
        signals = (signal.SIGWINCH,) if self.tty else PASSED_ON if self.kill else ()
        pump = Pump(
            stream,
            writer_for(stream.multiplexed and not self.tty),
            stdin=terminal.input_handle() if self.input else -1,
            keys=keys,
            on_signal=self._on_signal,
            signals=signals,
        )
        try:
            with self._raw():
                pump.run()
        except Detached:
            return False
        finally:
            stream.close()
        return True

    def fit(self) -> None:
        """Tell the other side how large the terminal is."""
        height, width = terminal.size()
        if self.tty and height and width:
            quietly(lambda: self.client.post(self.resize, h=height, w=width))

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self.fit()
        else:
            name = signal.Signals(number).name.removeprefix("SIG")
            quietly(lambda: self.client.post(self.kill, signal=name))

    @contextmanager
    def _raw(self) -> Iterator[None]:
        if not (self.tty and self.input):
            yield
            return
        with terminal.raw(terminal.input_handle()):
            yield


def quietly(work: Callable[[], Any]) -> None:
    """Do what may fail without consequence: the container may have ended meanwhile."""
    try:
        work()
    except Failed:
        return
