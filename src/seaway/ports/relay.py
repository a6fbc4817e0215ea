"""The hand for relays: TCP and UDP passed on in user space, where NAT cannot serve.

That is an IPv6 host port of a container without IPv6, and ``::1``, whose packets cannot leave ``lo``.
The hands' thread binds; everything else runs on the daemon's event loop, in one task group. The
container sees the host as its client, as with Docker's proxy.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from seaway.datapath.hands import Refusal
from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import Relay, Resource
from seaway.ports.datagrams import UDP_IDLE, Datagrams, on_loop
from seaway.ports.sockets import Held, bind, refusal

log = logging.getLogger(__name__)

BACKLOG = 1024
CONNECTIONS = 4096
"""Connections passed on at once, of all relays together; more are closed at once."""
CHUNK = 1 << 16
CONNECT = 10.0
"""Seconds to wait for a container to take a connection."""
REST = 0.2
"""Seconds without accepting after the process ran out of descriptors."""


class RelayHand:
    """``loop`` is the daemon's; ``host`` the path of the host's namespace, empty for the daemon's own."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str = "",
        held: Held | None = None,
        udp_idle: float = UDP_IDLE,
    ) -> None:
        self._host = host
        self._held = held or Held()
        self._crew = _Crew(loop, host)
        self._udp_idle = udp_idle

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """The relays of this process; a daemon that has just started has none."""
        return self._held.all(Relay, namespaces)

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Bind, begin and end relays; what they carry ends with them."""
        return [r for o in operations if (r := self._one(o)) is not None]

    def close(self) -> None:
        """End all relays and their connections. May be called from any thread but the loop's."""
        for resource in self._held.all(Relay, [""]):
            self._held.free(resource.key)
        self._crew.close()

    def _one(self, operation: Operation) -> Refusal | None:
        resource = operation.resource
        if not isinstance(resource, Relay):
            return Refusal(operation, f"not a relay: {resource!r}")
        if isinstance(operation, Remove):
            self._held.free(resource.key)
            return None
        if self._held.get(resource) is not None:
            return None
        self._held.free(resource.key)
        try:
            self._held.put(resource, self._start(resource))
        except OSError as error:
            words = partial(refusal, resource, error)
            return Refusal(operation, in_namespace(self._host, words))
        return None

    def _start(self, relay: Relay) -> "Streams | Datagrams":
        if relay.proto == "udp":
            door = in_namespace(self._host, lambda: bind(relay, Datagrams.prepare))
            return Datagrams(door, relay, self._crew.loop, self._host, self._udp_idle)
        door = in_namespace(self._host, lambda: bind(relay))
        try:
            door.listen(BACKLOG)
        except OSError:
            door.close()
            raise
        return Streams(door, relay, self._crew)


class _Crew:
    """The task group in which all connections live; begun with the first relay."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str) -> None:
        self.loop = loop
        self.host = host
        self.group: asyncio.TaskGroup | None = None
        self.busy = 0
        self._life: Future[None] | None = None

    def begin(self) -> None:
        """Called by the hands' thread."""
        if self._life is None or self._life.done():
            self._life = asyncio.run_coroutine_threadsafe(self._live(), self.loop)

    def close(self) -> None:
        if self._life is not None:
            self._life.cancel()
            self._life = None

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as self.group:
                await asyncio.Event().wait()
        finally:
            self.group = None

    def connect(self, relay: Relay) -> socket.socket:
        """A socket in the host's namespace with which to reach the container."""
        family = socket.AF_INET6 if ":" in relay.target else socket.AF_INET

        def make() -> socket.socket:
            return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

        return in_namespace(self.host, make)


class Streams:
    """One TCP relay: accepts, connects, and passes on until both sides have ended."""

    def __init__(self, door: socket.socket, relay: Relay, crew: _Crew) -> None:
        self._door, self._relay, self._crew = door, relay, crew
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        crew.begin()
        crew.loop.call_soon_threadsafe(self._listen)

    def close(self) -> None:
        """Stop accepting and cut what is open. The port is free when this returns."""
        self._closed = True
        on_loop(self._crew.loop, self._end)
        self._door.close()

    def _listen(self) -> None:
        if not self._closed:
            self._crew.loop.add_reader(self._door, self._accept)

    def _end(self) -> None:
        self._crew.loop.remove_reader(self._door)
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        try:
            client, _ = self._door.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            log.warning("cannot accept", extra={"port": self._relay.host_port, "reason": str(error)})
            self._crew.loop.remove_reader(self._door)
            self._crew.loop.call_later(REST, self._listen)
            return
        client.setblocking(False)
        group = self._crew.group
        if group is None or self._crew.busy >= CONNECTIONS:
            _reset(client)
            return
        self._crew.busy += 1
        task = group.create_task(self._carry(client))
        self._tasks.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._crew.busy -= 1

    async def _carry(self, client: socket.socket) -> None:
        loop, server = self._crew.loop, None
        try:
            server = self._crew.connect(self._relay)
            async with asyncio.timeout(CONNECT):
                await loop.sock_connect(server, (self._relay.target, self._relay.port))
            for end in (client, server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as pair:
                pair.create_task(_pass(loop, client, server))
                pair.create_task(_pass(loop, server, client))
        except* OSError as errors:
            log.debug(
                "relay ended", extra={"port": self._relay.host_port, "reason": str(errors.exceptions[0])}
            )
            _reset(client)
        finally:
            client.close()
            if server is not None:
                server.close()


async def _pass(loop: asyncio.AbstractEventLoop, source: socket.socket, sink: socket.socket) -> None:
    """One direction, until its end; then the other side is told, and may still answer."""
    while data := await loop.sock_recv(source, CHUNK):
        await loop.sock_sendall(sink, data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _reset(client: socket.socket) -> None:
    """Close with a reset, so that the client knows that nobody serves it."""
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
