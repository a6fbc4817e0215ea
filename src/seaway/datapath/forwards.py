"""The hand for forwarding entries and neighbours: where a MAC address is, and which one an address has.

Ten thousand of them come at once when a host joins a large network, so messages are packed by hand and
go many at a time.
"""

import errno
import socket
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from seaway.datapath import ndmsg
from seaway.datapath.announce import announce
from seaway.datapath.hands import Refusal
from seaway.datapath.ndmsg import Row
from seaway.datapath.reconcile import Change, Operation, Remove
from seaway.datapath.resources import Forward, Neighbour, Resource
from seaway.datapath.rtnetlink_links import Link, links
from seaway.datapath.rtnetlink_wire import Denied, Raw, Wire
from seaway.model.names import ROUTE_PROTOCOL

NEWS = 512
"""Neighbours announced in one batch, at most: changes first, as they are known with another address."""

MEMORY = 20_000
"""Removals remembered, so that the kernel's words about them are not taken for somebody else's doing."""

_GONE = (errno.ENOENT, errno.ENODEV, errno.ESRCH)
_NO_NAMESPACE = (errno.ENOENT, errno.EINVAL)
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT)


class ForwardHand:
    """The hand for Forward and Neighbour. ``host`` is the path that the host's ``ns`` means."""

    def __init__(self, host: str = "") -> None:
        self._host = host
        self._removed: set[tuple[int, bytes]] = set()
        self._removed_before: set[tuple[int, bytes]] = set()
        self._closers: list[threading.Thread] = []

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """Every entry on VXLAN devices of ours, and the permanent neighbours on bridges beside them.

        A forward that is not just as ours are (half of it, several destinations) leads to the empty
        string. Neighbours in the host's namespace are told when they wear our mark.
        """
        found: list[Resource] = []
        for ns in namespaces:
            try:
                with Wire(ns or self._host) as wire:
                    found += _entries(wire, ns)
            except OSError as error:
                if isinstance(error, Denied) or error.errno not in _NO_NAMESPACE:
                    raise
        return found

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Carry out the operations, those in one namespace together, and announce who is new."""
        refusals: list[Refusal] = []
        for ns, batch in groupby(operations, key=lambda o: str(o.resource.key[1])):
            refusals += self._in(ns, list(batch))
        return refusals

    def close(self) -> None:
        """Wait until what was used is closed."""
        for closer in self._closers:
            closer.join()
        self._closers.clear()

    def did(self, index: int, entry: bytes) -> bool:
        """Whether we have just removed this entry (a packed MAC or IP address) of the device with this
        number. May be asked by any thread."""
        key = (index, entry)
        return key in self._removed or key in self._removed_before

    def _in(self, ns: str, operations: Sequence[Operation]) -> list[Refusal]:
        try:
            with Wire(ns or self._host) as wire:
                refused = self._push(wire, operations)
        except OSError as error:
            gone = not isinstance(error, Denied) and error.errno in _NO_NAMESPACE
            words = f"network namespace {ns} does not exist" if gone else str(error)
            return [_refusal(o, words) for o in operations if not (gone and isinstance(o, Remove))]
        self._announce(ns, [o for n, o in enumerate(operations) if n not in refused])
        return [_refusal(operations[n], words) for n, words in sorted(refused.items())]

    def _push(self, wire: Wire, operations: Sequence[Operation]) -> dict[int, str]:
        """Which operations failed, and why."""
        refused: dict[int, str] = {}
        messages: list[Raw] = []
        owners: list[int] = []
        devices: dict[str, int] = {}
        for number, operation in enumerate(operations):
            device = str(operation.resource.key[2])
            if device not in devices:
                devices[device] = wire.index(device)
            try:
                packed = self._packed(operation, devices[device])
            except (OSError, ValueError) as error:
                refused[number] = str(error)
                continue
            messages += packed
            owners += [number] * len(packed)
        for place, denied in wire.push(messages).items() if messages else ():
            number = owners[place]
            vanishes = messages[place][0] == ndmsg.RTM_DELNEIGH
            if not (vanishes and denied.errno in _GONE):
                refused[number] = _words(denied, operations[number].resource)
        return refused

    def _packed(self, operation: Operation, index: int) -> Sequence[Raw]:
        resource, removes = operation.resource, isinstance(operation, Remove)
        if not index:
            if removes:
                return ()
            raise ValueError(f"device {resource.key[2]} does not exist")
        if isinstance(resource, Forward):
            mac = ndmsg.mac_bytes(resource.mac)
            self._remember(index, mac, removed=removes)
            if removes:
                return ndmsg.no_forward(index, mac)
            fresh = ndmsg.forward(index, mac, ndmsg.address_bytes(resource.to))
            return (*ndmsg.no_forward(index, mac)[:1], *fresh) if _odd(operation) else fresh
        if isinstance(resource, Neighbour):
            address = ndmsg.address_bytes(resource.address)
            self._remember(index, address, removed=removes)
            if removes:
                return (ndmsg.no_neighbour(index, address),)
            return (ndmsg.neighbour(index, address, ndmsg.mac_bytes(resource.mac)),)
        raise TypeError(f"no entry: {resource!r}")

    def _remember(self, index: int, entry: bytes, *, removed: bool) -> None:
        if not removed:
            self._removed.discard((index, entry))
            self._removed_before.discard((index, entry))
            return
        if len(self._removed) >= MEMORY:
            self._removed_before, self._removed = self._removed, set()
        self._removed.add((index, entry))

    def _announce(self, ns: str, done: Sequence[Operation]) -> None:
        fresh = [o for o in done if isinstance(o.resource, Neighbour) and not isinstance(o, Remove)]
        fresh.sort(key=lambda o: not isinstance(o, Change))
        told = [o.resource for o in fresh if isinstance(o.resource, Neighbour) and o.resource.announce]
        if told:
            doors = announce(ns or self._host, [(n.announce, n.address, n.mac) for n in told[:NEWS]])
            if doors:
                closer = threading.Thread(target=_close_all, args=(doors,), name="announce")
                closer.start()
                self._closers = [*(c for c in self._closers if c.is_alive()), closer]


def _close_all(doors: Iterable[socket.socket]) -> None:
    for door in doors:
        door.close()


def _odd(operation: Operation) -> bool:
    """Whether the entry has something that replacing would leave in place."""
    return isinstance(operation, Change) and isinstance(operation.old, Forward) and not operation.old.to


def _entries(wire: Wire, ns: str) -> Iterator[Resource]:
    tunnels = {i: one for i, one in links(wire, "vxlan").items() if one.ours}
    if not tunnels and not ns:
        return
    if tunnels:
        rows = ndmsg.read(wire.rows(ndmsg.RTM_GETNEIGH, ndmsg.question(ndmsg.BRIDGE)), tunnels)
        yield from _forwards(ns, rows, tunnels)
    bridges = {i: one for i, one in links(wire, "bridge").items() if one.ours}
    devices = {**tunnels, **bridges}
    for family in (socket.AF_INET, socket.AF_INET6) if devices else ():
        for row in ndmsg.read(_rows(wire, family), devices):
            if row.state & ndmsg.PERMANENT and (ns or row.protocol == ROUTE_PROTOCOL):
                one = devices[row.device]
                announced = bridges.get(one.master, one) if one.kind == "vxlan" else one
                said = announced.name if announced.kind == "bridge" else ""
                address, mac = ndmsg.address_text(row.address), ndmsg.mac_text(row.mac)
                yield Neighbour(ns, one.name, address, mac, said)


def _rows(wire: Wire, family: int) -> list[bytes]:
    try:
        return wire.rows(ndmsg.RTM_GETNEIGH, ndmsg.question(family))
    except Denied as denied:
        if denied.errno in _NO_FAMILY:
            return []
        raise


def _forwards(ns: str, rows: Iterable[Row], tunnels: Mapping[int, Link]) -> Iterator[Forward]:
    """The entries as their halves tell: the device's own, and the static one of its bridge."""
    own: defaultdict[tuple[int, bytes], list[Row]] = defaultdict(list)
    static: dict[tuple[int, bytes], bool] = {}
    for row in rows:
        key = (row.device, row.mac)
        if row.flags & ndmsg.SELF and row.address:
            own[key].append(row)
        elif not row.flags & ndmsg.SELF and row.state & (ndmsg.NOARP | ndmsg.PERMANENT) == ndmsg.NOARP:
            static[key] = True
    for index, mac in {**own, **static}:
        ours = own.get((index, mac), [])
        sound = len(ours) == 1 and ours[0].plain and ours[0].state & ndmsg.PERMANENT
        to = ndmsg.address_text(ours[0].address) if sound and (index, mac) in static else ""
        yield Forward(ns, tunnels[index].name, ndmsg.mac_text(mac), to)


def _words(denied: Denied, resource: Resource) -> str:
    if isinstance(resource, Forward) and denied.errno == errno.EAFNOSUPPORT:
        return f"{resource.to} is of the other family than the device's own address"
    return denied.strerror or str(denied)


def _refusal(operation: Operation, words: str) -> Refusal:
    verb = "remove" if isinstance(operation, Remove) else "make"
    match operation.resource:
        case Forward() as forward:
            what = f"the way to {forward.mac} by {forward.device} over {forward.to}"
        case Neighbour() as neighbour:
            what = f"neighbour {neighbour.address} with {neighbour.mac} on {neighbour.device}"
        case other:
            what = repr(other)
    return Refusal(operation, f"cannot {verb} {what}: {words}")
