"""A sandbox with a resolver in it, upstreams beside it, and ways to ask: for tests of names."""

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dns.message
import dns.query
import dns.rcode
import dns.rrset

from seaway.datapath import resources
from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Make, Remove
from seaway.dns.server import ResolverHand
from seaway.dns.zone import EMPTY, Zone
from seaway.model.names import RESOLVER_ADDRESS, RESOLVER_PORT

Handler = Callable[[dns.message.Message, bool], "dns.message.Message | bytes | None"]
"""What an upstream does with a question (and whether it came by TCP): answer, or be silent."""


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Zones(dict[str, Zone]):
    """The zones of sandboxes; changed on the event loop, where the daemon changes its facts too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop

    def __setitem__(self, path: str, zone: Zone) -> None:
        self._on_loop(lambda: super(Zones, self).__setitem__(path, zone))

    def __delitem__(self, path: str) -> None:
        self._on_loop(lambda: super(Zones, self).__delitem__(path))

    def _on_loop(self, change: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (change(), done.set()))
        assert done.wait(5)


@dataclass
class House:
    """One event loop with a hand, as in the daemon; sandboxes are namespaces of the test's own."""

    hand: ResolverHand
    zones: Zones
    closing: contextlib.ExitStack
    made: int = 0
    seen: list[tuple[str, str, bool]] = field(default_factory=list)

    def sandbox(self, zone: Zone = EMPTY, *addresses: str) -> str:
        """A namespace with a resolver for ``zone``, and these addresses on its loopback. Gives its path."""
        self.made += 1
        name = f"swdns{os.getpid()}x{self.made}"
        run("ip", "netns", "add", name)
        self.closing.callback(subprocess.run, ["ip", "netns", "del", name], capture_output=True)
        run("ip", "-n", name, "link", "set", "lo", "up")
        for address in addresses:
            run("ip", "-n", name, "addr", "add", address, "dev", "lo")
        path = f"/run/netns/{name}"
        self.zones[path] = zone
        resource = resources.Resolver(path, path)
        assert self.hand.apply([Make(resource)]) == []
        self.closing.callback(self.hand.apply, [Remove(resource)])
        return path

    def upstream(self, path: str, address: str, handler: Handler) -> None:
        """A server at ``address``, port 53, inside the namespace (empty: the test's own)."""
        udp, tcp = in_namespace(
            path, lambda: (_listen(address, socket.SOCK_DGRAM), _listen(address, socket.SOCK_STREAM))
        )
        for work in (
            lambda: self._datagrams(address, udp, handler),
            lambda: self._streams(address, tcp, handler),
        ):
            thread = threading.Thread(target=work)
            thread.start()
            self.closing.callback(thread.join)
        self.closing.callback(tcp.shutdown, socket.SHUT_RDWR)
        self.closing.callback(_wake, udp, path, address)

    def _answer(self, address: str, data: bytes, tcp: bool, handler: Handler) -> bytes | None:
        message = dns.message.from_wire(data)
        self.seen.append((address, message.question[0].name.to_text(), tcp))
        reply = handler(message, tcp)
        return reply.to_wire() if isinstance(reply, dns.message.Message) else reply

    def _datagrams(self, address: str, udp: socket.socket, handler: Handler) -> None:
        with udp:
            while (got := udp.recvfrom(4096))[0] != b"stop":
                if (reply := self._answer(address, got[0], False, handler)) is not None:
                    udp.sendto(reply, got[1])

    def _streams(self, address: str, tcp: socket.socket, handler: Handler) -> None:
        with tcp, contextlib.suppress(OSError):
            while True:
                connection, _ = tcp.accept()
                with connection:
                    size = int.from_bytes(connection.recv(2), "big")
                    reply = self._answer(address, connection.recv(size), True, handler)
                    if reply is not None:
                        connection.sendall(len(reply).to_bytes(2, "big") + reply)


@contextlib.contextmanager
def house() -> Iterator[House]:
    """A house; when it is left, no descriptor, thread or namespace of it is."""
    before, threads = descriptors(), set(threading.enumerate())
    loop = asyncio.new_event_loop()
    zones = Zones(loop)
    hand = ResolverHand(loop, lambda sandbox: zones[sandbox])
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with contextlib.ExitStack() as closing:
            yield House(hand, zones, closing)
    finally:
        hand.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    end = time.monotonic() + 3
    while (descriptors() > before or _further(threads)) and time.monotonic() < end:
        time.sleep(0.02)
    assert descriptors() <= before
    assert not _further(threads)


def _further(threads: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - threads


def ask(
    path: str, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 6, **more: object
) -> dns.message.Message:
    """One question from inside the sandbox, by dnspython, which checks id and question of the answer."""
    question = dns.message.make_query(name, kind, **more)  # type: ignore[arg-type]
    by = dns.query.tcp if tcp else dns.query.udp
    return in_namespace(path, lambda: by(question, RESOLVER_ADDRESS, timeout, RESOLVER_PORT))


def dig(path: str, *words: str) -> str:
    """What dig prints when run in the sandbox."""
    place = ("ip", "netns", "exec", os.path.basename(path))
    return run(*place, "dig", f"@{RESOLVER_ADDRESS}", "-p", str(RESOLVER_PORT), "+tries=1", "+time=6", *words)


def rdata(message: dns.message.Message) -> list[str]:
    return [str(item) for rrset in message.answer for item in rrset]


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20).stdout


def says(*addresses: str, rcode: int = dns.rcode.NOERROR) -> Handler:
    """An upstream that answers every question with these addresses."""

    def handler(message: dns.message.Message, _tcp: bool) -> dns.message.Message:
        reply = dns.message.make_response(message)
        reply.set_rcode(dns.rcode.Rcode(rcode))
        if addresses:
            reply.answer.append(dns.rrset.from_text(message.question[0].name, 60, "IN", "A", *addresses))
        return reply

    return handler


def silent(_message: dns.message.Message, _tcp: bool) -> None:
    """An upstream that is dead: it takes questions and never answers."""


def _listen(address: str, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 53))
    if kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock


def _wake(udp: socket.socket, path: str, address: str) -> None:
    def send() -> None:
        with socket.socket(udp.family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"stop", (address, 53))

    in_namespace(path, send)
