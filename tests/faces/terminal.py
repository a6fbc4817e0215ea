"""A person at a terminal: a program on a pseudo-terminal, typed at and read from."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from types import TracebackType

from demo.host import Host


class Terminal:
    """A program of the host's on a terminal of 80 × 24."""

    def __init__(self, host: Host, *argv: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self._process = host.popen("setsid", "-c", *argv, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.text = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._master)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def expect(self, pattern: str, wait: float = 10) -> "re.Match[str]":
        """Read until the pattern is seen behind what was matched before."""
        deadline = time.monotonic() + wait
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end() :]
                return found
            assert time.monotonic() < deadline, f"{pattern!r} not in {self.text!r}"
            if not self._read(0.1) and self._process.poll() is not None:
                found = re.search(pattern, self.text)
                assert found, f"ended with {self._process.returncode}: {pattern!r} not in {self.text!r}"

    def _read(self, wait: float) -> bool:
        if not select.select([self._master], [], [], wait)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def end(self, wait: float = 10) -> int:
        """Wait for the program's end; its exit status."""
        deadline = time.monotonic() + wait
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"still running: {self.text!r}"
            self._read(0.1)
        while self._read(0):
            pass
        return self._process.returncode
