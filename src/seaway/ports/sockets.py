"""The hand for host ports: each is held by a bound socket, so that no other process can take it.

The sockets do not listen: what reaches a published port is translated before it gets here. They are
bound with SO_REUSEADDR, because connections of an earlier server may still be waiting to end there;
then the flag is taken back, so that nobody else can listen on the port.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from seaway.datapath.hands import Refusal
from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import HostPort, Key, Relay, Resource

IPPROTO_SCTP = 132
KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, IPPROTO_SCTP),
}
TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}


class Closing(Protocol):
    """Something that holds a port until it is closed."""

    def close(self) -> None:
        """Let go of the port."""
        ...


class Held:
    """Which port is held by what; the hands of HostPort and Relay share it, as they share their keys."""

    def __init__(self) -> None:
        self._held: dict[Key, tuple[Resource, Closing]] = {}

    def get(self, resource: Resource) -> Closing | None:
        """What holds exactly this resource."""
        found = self._held.get(resource.key)
        return found[1] if found and found[0] == resource else None

    def put(self, resource: Resource, holder: Closing) -> None:
        """Remember a holder."""
        self._held[resource.key] = resource, holder

    def free(self, key: Key) -> None:
        """Close whatever holds the key."""
        found = self._held.pop(key, None)
        if found:
            found[1].close()

    def all(self, kind: type[HostPort] | type[Relay], namespaces: Sequence[str]) -> list[Resource]:
        """Every resource of a kind that is held."""
        return [r for r, _ in self._held.values() if isinstance(r, kind) and r.ns in namespaces]


class HostPortHand:
    """``host`` is the path of the namespace that stands for the host; empty for the daemon's own."""

    def __init__(self, host: str = "", held: Held | None = None) -> None:
        self._host = host
        self._held = held or Held()

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """The ports held by this process; a daemon that has just started holds none."""
        return self._held.all(HostPort, namespaces)

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Bind and close, all in one visit to the namespace."""
        return in_namespace(self._host, lambda: [r for o in operations if (r := self._one(o)) is not None])

    def _one(self, operation: Operation) -> Refusal | None:
        resource = operation.resource
        if not isinstance(resource, HostPort):
            return Refusal(operation, f"not a host port: {resource!r}")
        if isinstance(operation, Remove):
            self._held.free(resource.key)
            return None
        if self._held.get(resource) is not None:
            return None
        self._held.free(resource.key)
        try:
            self._held.put(resource, bind(resource))
        except OSError as error:
            return Refusal(operation, refusal(resource, error))
        return None


def bind(resource: HostPort | Relay, prepare: Callable[[socket.socket], None] | None = None) -> socket.socket:
    """A socket that holds the port in the namespace of the calling thread. Raises OSError.

    ``prepare`` is called before binding. A relay's keeps SO_REUSEADDR: it will listen, which keeps
    others away as well.
    """
    kind, number = KINDS[resource.proto]
    family = socket.AF_INET6 if ":" in resource.host_ip else socket.AF_INET
    made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, number)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if prepare:
            prepare(made)
        # UDP has no state that lingers, and there the flag would let two processes share the port.
        reuse = resource.proto != "udp"
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((resource.host_ip, resource.host_port))
        if reuse and isinstance(resource, HostPort):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        made.close()
        raise
    return made


def refusal(resource: HostPort | Relay, error: OSError) -> str:
    """Why a port could not be had, in Docker's words; with the process that holds it, if it can be found."""
    host = f"[{resource.host_ip}]" if ":" in resource.host_ip else resource.host_ip
    where = f"{host}:{resource.host_port}/{resource.proto}"
    if resource.proto == "sctp" and error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
        return f"failed to bind host port {where}: this kernel has no SCTP (the module sctp is not there)"
    words = os.strerror(error.errno or 0)
    text = f"failed to bind host port {where}: {words[:1].lower()}{words[1:]}"
    holder = process_of(resource.proto, resource.host_port) if error.errno == errno.EADDRINUSE else ""
    return f"{text} (by {holder})" if holder else text


def process_of(proto: str, port: int) -> str:
    """``name, pid N`` of a process with a socket at this port, in the calling thread's namespace; or empty.

    Looks through every process: only for use in an error message.
    """
    sockets = {f"socket:[{inode}]" for name in TABLES.get(proto, ()) for inode in _inodes(name, port)}
    if not sockets:
        return ""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                for link in (process / "fd").iterdir():
                    if os.readlink(link) in sockets:
                        return f"{(process / 'comm').read_text().strip()}, pid {process.name}"
    return ""


def _inodes(table: str, port: int) -> Iterable[str]:
    with suppress(OSError):
        for line in Path("/proc/thread-self/net", table).read_text().splitlines()[1:]:
            words = line.split()
            # Connections that merely have the port at their end (state 01) do not hold it.
            if int(words[1].rpartition(":")[2], 16) == port and words[3] != "01":
                yield words[9]
