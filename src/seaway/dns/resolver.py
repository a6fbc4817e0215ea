"""One sandbox's resolver on the event loop: a socket for datagrams, one for connections."""

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from itertools import cycle
from typing import Any

from seaway.dns import codec
from seaway.dns.codec import Broken, Query
from seaway.dns.decide import Answer, Forward, Refuse, decide
from seaway.dns.forward import Forwarder, exactly
from seaway.dns.zone import EMPTY, Zone

log = logging.getLogger(__name__)

BURST = 64
"""Datagrams answered before the event loop may do something else."""

MAX_FORWARDED = 1024
"""Questions forwarded at a time; above it REFUSED, as Docker has it."""

MAX_CONNECTIONS = 128
IDLE = 10.0
"""Seconds after which a connection without a question is closed."""

PAUSE = 1.0
"""Seconds without new connections after the daemon had no file descriptor left."""

_REMEMBERED = 4096
_TURNS = 16
"""Orders kept ready of an answer with several addresses."""

_LONGEST = 65535


class Resolver:
    """Answers by the zone that ``zone_of`` gives at the moment; everything but ``__init__`` is on the loop.

    Ready answers are remembered by the question's bytes until the zone is another one: then a datagram
    costs one look-up, and Python is as fast as the sockets are.
    """

    def __init__(
        self,
        udp: socket.socket,
        tcp: socket.socket,
        namespace: str,
        zone_of: Callable[[], Zone],
        threads: Executor,
    ) -> None:
        self.udp = udp
        self.tcp = tcp
        self.serving = True
        self._zone_of = zone_of
        self._zone = EMPTY
        self._ready: dict[bytes, Callable[[], bytes]] = {}
        self._forwarder = Forwarder(namespace, threads)
        self._forwarded = 0
        self._connections: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Serve; the work of single questions runs as tasks of ``group``."""
        if not self.serving:
            return
        self._group = group
        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(self.udp, self._drain)
        loop.add_reader(self.tcp, self._accept)

    def stop(self) -> None:
        """Close the sockets and drop what is under way. Again is harmless."""
        if not self.serving:
            return
        self.serving = False
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self.udp)
            self._loop.remove_reader(self.tcp)
        self.udp.close()
        self.tcp.close()
        for task in self._tasks:
            task.cancel()

    def serve_zone(self, zone_of: Callable[[], Zone]) -> None:
        """Answer by another zone from now on."""
        self._zone_of = zone_of

    def _drain(self) -> None:
        receive, send = self.udp.recvfrom, self._send
        ready = self._refresh()
        for _ in range(BURST):
            try:
                data, peer = receive(_LONGEST)
            except OSError:
                return
            known = ready.get(data[2:])
            reply = known() if known is not None else self._consider(data, peer)
            if reply is not None:
                send(data[:2] + reply, peer)

    def _refresh(self) -> dict[bytes, Callable[[], bytes]]:
        try:
            zone = self._zone_of()
        except Exception:
            log.exception("no zone: nothing can be resolved")
            zone = EMPTY
        if zone is not self._zone:
            self._zone = zone
            self._ready = {}
        return self._ready

    def _consider(self, data: bytes, peer: Any) -> bytes | None:
        """The answer to a datagram without its id; None when there is none, or it comes later."""
        query = codec.parse(data)
        if query is None:
            return None
        if isinstance(query, Broken):
            return codec.refusal(query)[2:]
        decision = decide(query, self._zone)
        if isinstance(decision, Forward):
            if self._forwarded >= MAX_FORWARDED:
                return codec.answer(query, codec.REFUSED)[2:]
            self._spawn(self._forward, query, data, decision, peer)
            return None
        turns = _answers(query, decision, query.limit)
        first = random.randrange(len(turns))  # a client's first question must not fall on the same address
        following = cycle((*turns[first:], *turns[:first])).__next__
        if len(data) <= codec.HEADER + len(query.wire) + codec.PLAIN_OPT:
            if len(self._ready) >= _REMEMBERED:
                self._ready.clear()
            self._ready[data[2:]] = following
        return following()

    async def _forward(self, query: Query, data: bytes, decision: Forward, peer: Any) -> None:
        reply = await self._ask(query, data, decision, tcp=False)
        if self.serving:
            self._send(codec.shorten(reply, query), peer)

    def _send(self, reply: bytes, peer: Any) -> None:
        try:
            self.udp.sendto(reply, peer)
        except OSError as error:
            log.debug("answer to %s lost: %s", peer, error)

    async def _ask(self, query: Query, data: bytes, decision: Forward, *, tcp: bool) -> bytes:
        self._forwarded += 1
        try:
            reply = await self._forwarder.ask(query, data, decision.upstreams, tcp=tcp)
        finally:
            self._forwarded -= 1
        return reply or codec.answer(query, codec.SERVFAIL)

    def _accept(self) -> None:
        try:
            connection, _peer = self.tcp.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            log.warning("no connections for %s s: %s", PAUSE, error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(self.tcp)
            loop.call_later(PAUSE, self._listen)
            return
        connection.setblocking(False)
        if len(self._connections) >= MAX_CONNECTIONS:
            connection.close()
        else:
            self._connections.add(connection)
            self._spawn(self._converse, connection).add_done_callback(lambda _task: self._part(connection))

    def _listen(self) -> None:
        if self.serving:
            asyncio.get_running_loop().add_reader(self.tcp, self._accept)

    def _part(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        connection.close()

    async def _converse(self, connection: socket.socket) -> None:
        """Questions of one connection, one after the other, until it is closed or idle."""
        loop = asyncio.get_running_loop()
        with suppress(OSError, EOFError):
            while True:
                async with asyncio.timeout(IDLE):
                    data = await exactly(connection, int.from_bytes(await exactly(connection, 2), "big"))
                reply = await self._full(data)
                if reply is None:
                    return
                async with asyncio.timeout(IDLE):
                    await loop.sock_sendall(connection, len(reply).to_bytes(2, "big") + reply)

    async def _full(self, data: bytes) -> bytes | None:
        """The whole answer to a question; None for what deserves none."""
        query = codec.parse(data)
        if query is None:
            return None
        if isinstance(query, Broken):
            return codec.refusal(query)
        self._refresh()
        decision = decide(query, self._zone)
        if not isinstance(decision, Forward):
            return query.id + _answers(query, decision, _LONGEST)[0]
        if self._forwarded >= MAX_FORWARDED:
            return codec.answer(query, codec.REFUSED)
        return await self._ask(query, data, decision, tcp=True)

    def _spawn(self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> asyncio.Task[None]:
        if self._group is None:
            raise RuntimeError("the resolver has not been started")
        task = self._group.create_task(_guarded(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _answers(query: Query, decision: Answer | Refuse, limit: int) -> list[bytes]:
    """The answer in each of its orders, without the id."""
    if isinstance(decision, Refuse):
        return [codec.answer(query, decision.rcode)[2:]]
    turns = range(min(len(decision.records), _TURNS) or 1)
    return [codec.answer(query, codec.NOERROR, decision.turned(turn), limit)[2:] for turn in turns]


async def _guarded(work: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
    """One question's trouble must not end the task group that all resolvers share."""
    try:
        await work(*args)
    except Exception:
        log.exception("a question was dropped")
