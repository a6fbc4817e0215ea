"""One UDP relay: a flow for each client, forgotten after a while of silence. Runs on the event loop."""

import asyncio
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from seaway.datapath.netns import in_namespace
from seaway.datapath.resources import Relay

log = logging.getLogger(__name__)

UDP_IDLE = 90.0
"""Seconds of silence in both directions after which a flow is forgotten, as Docker's."""
FLOWS = 1024
"""Flows of one relay; for one more, the one that was silent longest is forgotten."""
BURST = 64
"""Datagrams taken at once before the loop sees to others."""
LARGEST = 65535
HANDOVER = 5.0
"""Seconds another thread waits for the event loop."""

Client = tuple[Any, bytes]
"""The client's socket address, and the address of ours it wrote to (packed in6_pktinfo)."""


@dataclass(slots=True)
class _Flow:
    server: socket.socket
    heard: float


class Datagrams:
    """Answers leave from the address that the client wrote to, also when the host has several."""

    def __init__(
        self, door: socket.socket, relay: Relay, loop: asyncio.AbstractEventLoop, host: str, idle: float
    ) -> None:
        self._door, self._relay, self._loop, self._host, self._idle = door, relay, loop, host, idle
        self._flows: OrderedDict[Client, _Flow] = OrderedDict()
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        loop.call_soon_threadsafe(self._begin)

    @staticmethod
    def prepare(door: socket.socket) -> None:
        """Ask for the address each datagram was sent to. Relays are for IPv6 host ports alone."""
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)

    @property
    def flows(self) -> int:
        """How many flows there are."""
        return len(self._flows)

    def close(self) -> None:
        """End all flows. The port is free when this returns."""
        self._closed = True
        on_loop(self._loop, self._end)
        self._door.close()

    def _begin(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._door, self._from_clients)

    def _end(self) -> None:
        self._loop.remove_reader(self._door)
        if self._timer is not None:
            self._timer.cancel()
        while self._flows:
            self._forget(next(iter(self._flows)))

    def _from_clients(self) -> None:
        for _ in range(BURST):
            try:
                data, extra, _flags, peer = self._door.recvmsg(LARGEST, 64)
            except OSError:
                return
            here = next((bytes(d) for level, kind, d in extra if (level, kind) == _PKTINFO), b"")
            with suppress(OSError):
                self._flow((peer, here)).server.send(data)

    def _flow(self, client: Client) -> _Flow:
        flow = self._flows.get(client)
        if flow is None:
            if len(self._flows) >= FLOWS:
                self._forget(next(iter(self._flows)))
            flow = self._flows[client] = _Flow(self._connect(), 0.0)
            self._loop.add_reader(flow.server, self._from_server, client, flow)
            self._watch()
        self._touch(client, flow)
        return flow

    def _connect(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._relay.target else socket.AF_INET

        def make() -> socket.socket:
            return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

        server = in_namespace(self._host, make)
        try:
            server.connect((self._relay.target, self._relay.port))
        except OSError:
            server.close()
            raise
        return server

    def _from_server(self, client: Client, flow: _Flow) -> None:
        for _ in range(BURST):
            try:
                data = flow.server.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                # Nobody listens in the container. The client will ask again, or not.
                return
            self._touch(client, flow)
            peer, here = client
            with suppress(OSError):
                self._door.sendmsg([data], _from(here), 0, peer)

    def _touch(self, client: Client, flow: _Flow) -> None:
        flow.heard = self._loop.time()
        self._flows.move_to_end(client)

    def _watch(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(self._idle / 4, self._sweep)

    def _sweep(self) -> None:
        """The oldest come first, so the first one young enough ends the search."""
        self._timer = None
        limit = self._loop.time() - self._idle
        while self._flows:
            client, flow = next(iter(self._flows.items()))
            if flow.heard > limit:
                self._watch()
                return
            self._forget(client)

    def _forget(self, client: Client) -> None:
        flow = self._flows.pop(client)
        self._loop.remove_reader(flow.server)
        flow.server.close()


_PKTINFO = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
_ADDRESS = 16
_LINK_LOCAL = b"\xfe\x80"


def _from(here: bytes) -> list[tuple[int, int, bytes]]:
    """Ancillary data that makes an answer leave from the address a datagram came to.

    The interface is named for link-local addresses only; else routing shall choose.
    """
    if here[:2] != _LINK_LOCAL:
        here = here[:_ADDRESS] + bytes(len(here) - _ADDRESS)
    return [(*_PKTINFO, here)]


def on_loop(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    """Do something on the event loop and wait for it, from any thread; nothing if the loop has ended."""
    with suppress(RuntimeError):
        if asyncio.get_running_loop() is loop:
            act()
            return
    done: Future[None] = Future()

    def step() -> None:
        act()
        done.set_result(None)

    with suppress(RuntimeError, TimeoutError):
        loop.call_soon_threadsafe(step)
        done.result(HANDOVER)
