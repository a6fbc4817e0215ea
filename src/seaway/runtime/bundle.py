"""A container's directory under the exec root: every path in it, and the record that survives the daemon."""

import os
import shutil
from pathlib import Path

import msgspec

SOCKET_PATH = 107
"""Bytes that a Unix socket's path may have (sun_path, without the zero at its end)."""

CONMON_DIGITS = 6
"""Random characters at the end of the name that conmon gives its console socket."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to handle a container that an earlier daemon made.

    ``hold`` tells that standard input stays open when an attachment ends (Docker's StdinOnce is off,
    or there is a terminal). ``log`` is empty when nothing is logged; ``max_size`` is in bytes.
    """

    runtime: str
    program: str
    cgroup: str
    tty: bool = False
    stdin: bool = False
    hold: bool = True
    log: str = ""
    max_size: int = 0
    max_file: int = 1
    privileged: bool = False


class Bundle:
    """The paths of one container, or of one exec session inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.process = path / "process.json"
        self.pid = path / "pid"
        self.monitor = path / "monitor"
        self.exit = path / "exit"
        self.oom = path / "oom"
        self.attach = path / "attach"
        self.ctl = path / "ctl"
        self.record_file = path / "seaway.json"
        self.runtime_log = path / "runtime.log"
        self.complaints = path / "conmon.log"
        self.shm = path / "shm"
        self.execs = path / "exec"

    def make(self) -> None:
        """An empty directory, whatever was there before."""
        self.remove()
        self.path.mkdir(parents=True, mode=0o700)

    def remove(self) -> None:
        """Idempotent."""
        shutil.rmtree(self.path, ignore_errors=True)

    def record(self) -> Record | None:
        """What was written at creation; None when there is nothing, or nothing whole."""
        try:
            return msgspec.json.decode(self.record_file.read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the bundle so that a reader sees all of it or nothing."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(content)
        fresh.rename(path)

    def number(self, path: Path) -> int:
        """The number in a pid file or exit file; -1 when there is none."""
        try:
            return int(path.read_text().strip() or "-1")
        except (OSError, ValueError):
            return -1

    def scratch(self) -> str:
        """Where conmon may put its console socket: here when the path fits a socket address, else /tmp."""
        longest = SOCKET_PATH - len("/conmon-term.") - CONMON_DIGITS
        return str(self.path) if len(os.fsencode(self.path)) <= longest else "/tmp"
