"""What the contract's tests hold a store by: its clients, its server, and what its kind promises."""

import asyncio
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from typing import Any, Protocol

from seaway.store.place import Place
from seaway.store.table import STORES

_NUMBERS = count(1)

START = 30.0
"""Seconds that a server may take to get ready."""


@dataclass(frozen=True)
class Traits:
    """What the suite must know of a kind of store.

    ``lease`` is the shortest lease there is, ``expiry`` how many seconds after its last renewal its keys
    are gone for sure. ``whole``: one commit arrives in one batch. ``history``: a watch that is not behind
    tells every change, in order, not only each key's last value. ``moved_time``: its time is the test's.
    """

    lease: float
    expiry: float
    whole: bool = True
    history: bool = True
    moved_time: bool = False


class Server(Protocol):
    """A server to be hurt. ``compact`` makes it forget what was, where it remembers."""

    traits: Traits

    def client(self, prefix: str, **more: Any) -> Any: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def mend(self) -> None: ...
    async def compact(self) -> None: ...
    async def sleep(self, seconds: float) -> None: ...


class Rig:
    """One test's part of a server: a prefix of its own, and clients that are closed with the test."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.traits: Traits = server.traits
        self.prefix = f"test{next(_NUMBERS)}"
        self._clients: list[Any] = []

    async def __aenter__(self) -> "Rig":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()
        self.server.mend()

    def client(self, prefix: str = "", **more: Any) -> Any:
        """A store that is not open yet."""
        client = self.server.client(prefix or self.prefix, **more)
        self._clients.append(client)
        return client

    async def sleep(self, seconds: float) -> None:
        """So much time of the server's goes by."""
        await self.server.sleep(seconds)

    async def store(self, prefix: str = "", **more: Any) -> Any:
        """An open store."""
        client = self.client(prefix, **more)
        await client.open()
        return client


class ServerProcess:
    """A real server: a process of ours on a free port of loopback, its data in a directory of the test's.

    A kind of server says ``scheme``, ``traits`` and ``command()``, and, where it needs them, ``prepare()``
    (files, before the first start), ``ready()`` and ``absent()`` (why it cannot be had, for the skip).
    It dies with the tests, however they end.
    """

    scheme = ""
    traits = Traits(lease=1, expiry=5)

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._prepared = False

    @classmethod
    def absent(cls) -> str:
        """Why there is no such server on this machine; empty when there is."""
        return ""

    def command(self) -> Sequence[str]:
        """What to run."""
        raise AssertionError("a kind of server says what to run")

    def environment(self) -> Mapping[str, str] | None:
        return None

    def prepare(self) -> None:
        """Files that the server reads."""

    def ready(self) -> bool:
        """Whether it serves; asked until it says yes."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        return True

    async def compact(self) -> None:
        """Forget history."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def place(self, prefix: str = "seaway", **more: Any) -> Place:
        fields: dict[str, Any] = {"servers": (("127.0.0.1", self.port),), "prefix": prefix, **more}
        return Place(scheme=self.scheme, **fields)

    def client(self, prefix: str = "seaway", **more: Any) -> Any:
        where = self.place(prefix, **more)
        return STORES[where.scheme](where)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start without waiting."""
        if not self._prepared:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.prepare()
            self._prepared = True
        with open(self.directory / "server.log", "ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
            )

    def start(self) -> None:
        if self.running:
            return
        self.spawn()
        self.wait()

    def wait(self) -> None:
        """Until it serves."""
        end = time.monotonic() + START
        while not self.ready():
            if not self.running or time.monotonic() > end:
                tail = (self.directory / "server.log").read_text(errors="replace")[-2000:]
                self.kill()
                raise AssertionError(f"{self.scheme} does not start: {tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(SIGTERM)

    def kill(self) -> None:
        self._end(SIGKILL)

    def freeze(self) -> None:
        """Silent from now on: the kernel keeps its connections."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(SIGCONT)

    def mend(self) -> None:
        """Running and answering, whatever a test did to it."""
        self.thaw()
        self.start()

    def _end(self, signal: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal)
        process.send_signal(SIGCONT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class serving:
    """``with serving(Etcd) as server``: a server in a temporary directory, ended in any case."""

    def __init__(self, kind: Callable[[Path], ServerProcess], start: bool = True) -> None:
        self._start = start
        self._directory = tempfile.TemporaryDirectory(prefix="seaway-store-", ignore_cleanup_errors=True)
        self._server = kind(Path(self._directory.name) / "server")

    def __enter__(self) -> Any:
        try:
            if self._start:
                self._server.start()
        except BaseException:
            self.__exit__()
            raise
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._directory.cleanup()


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
