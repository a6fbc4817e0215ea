"""Asking other servers: one question, up to three upstreams, one answer or none."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeAlias

from seaway.datapath.netns import in_namespace
from seaway.dns.codec import REFUSED, SERVFAIL, Query, answers, rcode_of, truncated
from seaway.dns.files import HOST, MAX_UPSTREAMS
from seaway.errors import SeawayError

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds after which the next upstream is asked too, while the earlier ones may still answer."""

LIMIT = 4.5
"""Seconds after which a question has failed: below the 5 s that the C library waits."""

MEMORY = 15.0
"""Seconds for which an upstream that did not answer is asked last."""

DNS_PORT = 53
_LONGEST = 65535

_Made: TypeAlias = tuple[socket.socket, Any]
"""A socket and the address to connect it to."""


class Forwarder:
    """Asks upstreams from inside one namespace. Lives on the event loop; ``threads`` enter the namespace.

    Every question has a socket, a port and an id of its own, so that an answer is hard to forge.
    """

    def __init__(self, namespace: str, threads: Executor) -> None:
        self._namespace = namespace
        self._threads = threads
        self._silent: dict[str, float] = {}

    async def ask(self, query: Query, packet: bytes, upstreams: Sequence[str], *, tcp: bool) -> bytes | None:
        """The first useful answer, with the id of ``packet``; None when every upstream failed.

        An upstream has failed when it does not answer in time, or answers SERVFAIL or REFUSED.
        """
        now = asyncio.get_running_loop().time
        results: asyncio.Queue[bytes | None] = asyncio.Queue()
        left = self._ordered(upstreams, now())
        waiting: dict[str, asyncio.Task[None]] = {}
        answered, reply, end = 0, None, now() + LIMIT
        async with asyncio.TaskGroup() as group:
            while reply is None and (left or answered < len(waiting)) and now() < end:
                if left:
                    upstream = left.pop(0)
                    waiting[upstream] = group.create_task(self._try(upstream, query, packet, tcp, results))
                try:
                    async with asyncio.timeout_at(min(end, now() + PATIENCE) if left else end):
                        reply = await results.get()
                    answered += 1
                except TimeoutError:
                    late = (upstream for upstream, task in waiting.items() if not task.done())
                    self._silent.update(dict.fromkeys(late, now() + MEMORY))
            for task in waiting.values():
                task.cancel()
        return reply

    def _ordered(self, upstreams: Sequence[str], now: float) -> list[str]:
        """The first three, those that were silent lately behind the others."""
        chosen = dict.fromkeys(upstreams[:MAX_UPSTREAMS])
        return sorted(chosen, key=lambda upstream: self._silent.get(upstream, 0.0) > now)

    async def _try(
        self, upstream: str, query: Query, packet: bytes, tcp: bool, results: asyncio.Queue[bytes | None]
    ) -> None:
        useful = None
        try:
            reply = await self._exchange(upstream, query, packet, tcp)
            self._silent.pop(upstream, None)
            if rcode_of(reply) not in (SERVFAIL, REFUSED):
                useful = packet[:2] + reply[2:]
        except (OSError, EOFError, ValueError, SeawayError) as error:
            log.debug("upstream %s: %s", upstream, error)
        finally:
            results.put_nowait(useful)

    async def _exchange(self, upstream: str, query: Query, packet: bytes, tcp: bool) -> bytes:
        if tcp:
            return await self._by_stream(upstream, query, packet)
        reply = await self._by_datagram(upstream, query, packet)
        if not truncated(reply):
            return reply
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._by_stream(upstream, query, packet)
        except (OSError, EOFError, ValueError):
            return reply

    async def _by_datagram(self, upstream: str, query: Query, packet: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        fresh = secrets.token_bytes(2)
        sock, address = await self._open(upstream, socket.SOCK_DGRAM)
        with sock:
            sock.connect(address)
            await loop.sock_sendall(sock, fresh + packet[2:])
            while True:
                reply = await loop.sock_recv(sock, _LONGEST)
                if answers(reply, fresh, query.wire):
                    return reply

    async def _by_stream(self, upstream: str, query: Query, packet: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        fresh = secrets.token_bytes(2)
        sock, address = await self._open(upstream, socket.SOCK_STREAM)
        with sock:
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, len(packet).to_bytes(2, "big") + fresh + packet[2:])
            reply = await exactly(sock, int.from_bytes(await exactly(sock, 2), "big"))
        if not answers(reply, fresh, query.wire):
            raise ValueError("the answer is not to our question")
        return reply

    async def _open(self, upstream: str, kind: socket.SocketKind) -> _Made:
        """A non-blocking socket of the right namespace; closed again when nobody waits for it any more."""
        namespace = "" if upstream.endswith(HOST) else self._namespace
        make = partial(_make, upstream.removesuffix(HOST), kind)
        job = self._threads.submit(in_namespace, namespace, make)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            job.add_done_callback(_discard)
            raise


def _make(server: str, kind: socket.SocketKind) -> _Made:
    """Runs inside the namespace: the scope of an address (``fe80::1%eth0``) has meaning only there."""
    (family, *_rest, address), *_ = socket.getaddrinfo(
        server, DNS_PORT, type=kind, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock, address


def _discard(job: "Future[_Made]") -> None:
    if not job.cancelled() and job.exception() is None:
        job.result()[0].close()


async def exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes of a stream. Raises EOFError when it ends before."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        piece = await loop.sock_recv(sock, size - len(data))
        if not piece:
            raise EOFError("the connection ended early")
        data += piece
    return data
