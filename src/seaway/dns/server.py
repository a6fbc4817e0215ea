"""The hand that makes resolvers: sockets opened inside a sandbox, served by the daemon's event loop."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from seaway.datapath import resources
from seaway.datapath.hands import Refusal
from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Change, Operation, Remove
from seaway.datapath.resources import Resource
from seaway.dns.resolver import Resolver
from seaway.dns.zone import Zone
from seaway.errors import SeawayError
from seaway.model.names import RESOLVER_ADDRESS, RESOLVER_PORT

log = logging.getLogger(__name__)

BUFFER = 1 << 20
"""Bytes of datagrams that may wait: the usual limit holds some 160 small ones only, a burst of them more."""

_SO_RCVBUFFORCE = 33

WAIT = 5.0
"""Seconds that the writer's thread waits for the event loop to close sockets."""


@dataclass(frozen=True, slots=True)
class _Served:
    """A resource and what serves it; ``inode`` is that of the namespace the sockets really stand in."""

    resource: resources.Resolver
    resolver: Resolver
    inode: tuple[int, int]


class ResolverHand:
    """The hand for Resolver resources.

    ``zone_of`` maps a sandbox's id to its zone at the moment; it is called on the event loop, at least
    once for every burst of questions, and must be quick. Giving another zone object is all it takes to
    change names; sockets stay.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, zone_of: Callable[[str], Zone]) -> None:
        self._loop = loop
        self._zone_of = zone_of
        self._served: dict[str, _Served] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="seaway-dns")
        self._closing = asyncio.Event()
        self._group: Future[asyncio.TaskGroup] = Future()
        self._nursery: Future[None] | None = None

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """The resolvers that serve in these namespaces, as they are mounted now."""
        return [
            served.resource
            for namespace in dict.fromkeys(namespaces)
            if (served := self._served.get(namespace)) is not None and self._sound(served)
        ]

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Make, change and remove resolvers."""
        refusals = []
        for operation in operations:
            try:
                self._carry_out(operation)
            except (OSError, RuntimeError, TimeoutError, SeawayError) as error:
                refusals.append(Refusal(operation, _reason(operation, error)))
        return refusals

    def close(self) -> None:
        """Stop every resolver and end the tasks of all. Again is harmless."""
        for namespace in list(self._served):
            self._stop(namespace)
        if self._nursery is not None:
            self._on_loop(self._closing.set)
            self._nursery = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, operation: Operation) -> None:
        resource = operation.resource
        if not isinstance(resource, resources.Resolver):
            raise RuntimeError(f"{type(resource).__name__} is not a resolver")
        if isinstance(operation, Remove):
            self._stop(resource.ns)
        else:
            self._serve(resource, anew=isinstance(operation, Change))

    def _serve(self, resource: resources.Resolver, *, anew: bool) -> None:
        served = self._served.get(resource.ns)
        if served is not None and self._sound(served):
            if anew or served.resource != resource:
                self._served[resource.ns] = _Served(resource, served.resolver, served.inode)
                self._on_loop(partial(served.resolver.serve_zone, partial(self._zone_of, resource.sandbox)))
            return
        self._stop(resource.ns)
        inode = _inode(resource.ns)
        udp, tcp = in_namespace(resource.ns, _bind)
        zone_of = partial(self._zone_of, resource.sandbox)
        resolver = Resolver(udp, tcp, resource.ns, zone_of, self._threads)
        self._served[resource.ns] = _Served(resource, resolver, inode)
        self._begin(resolver)

    def _begin(self, resolver: Resolver) -> None:
        if self._nursery is None:
            self._nursery = asyncio.run_coroutine_threadsafe(self._tend(), self._loop)
        self._loop.call_soon_threadsafe(self._group.add_done_callback, lambda g: resolver.start(g.result()))

    async def _tend(self) -> None:
        """The one task group below which every question's work runs."""
        async with asyncio.TaskGroup() as group:
            self._group.set_result(group)
            await self._closing.wait()

    def _stop(self, namespace: str) -> None:
        served = self._served.pop(namespace, None)
        if served is not None:
            self._on_loop(served.resolver.stop)

    def _on_loop(self, function: Callable[[], None]) -> None:
        """Run on the event loop and wait; when the loop is closed there is nobody to disturb: run here."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                function()
                done.set_result(None)
            except Exception as error:
                done.set_exception(error)

        if self._loop.is_closed() or self._on_its_thread():
            run()
        else:
            self._loop.call_soon_threadsafe(run)
        done.result(WAIT)

    def _on_its_thread(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _sound(self, served: _Served) -> bool:
        try:
            return served.resolver.serving and _inode(served.resource.ns) == served.inode
        except OSError:
            return False


def _inode(namespace: str) -> tuple[int, int]:
    """What tells one namespace from the next one mounted at the same path."""
    found = os.stat(namespace or "/proc/self/ns/net")
    return found.st_dev, found.st_ino


def _bind() -> tuple[socket.socket, socket.socket]:
    """Both sockets of a resolver, in the namespace of the calling thread; none when one cannot be had."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        with suppress(PermissionError):
            udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        udp.bind((RESOLVER_ADDRESS, RESOLVER_PORT))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.setblocking(False)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((RESOLVER_ADDRESS, RESOLVER_PORT))
            tcp.listen(64)
        except BaseException:
            tcp.close()
            raise
    except BaseException:
        udp.close()
        raise
    return udp, tcp


def _reason(operation: Operation, error: Exception) -> str:
    verb = type(operation).__name__.lower()
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    where = f"{RESOLVER_ADDRESS}:{RESOLVER_PORT}"
    return f"resolver {where} in {operation.resource.key[1]}: {verb}: {words or type(error).__name__}"
