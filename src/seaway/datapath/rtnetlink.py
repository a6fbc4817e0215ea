"""The hand for links, addresses and routes: batches in, refusals in the kernel's own words out.

Marks tell ours from others': a link group on every link, a protocol number on every address and route,
and on a pair's host end an alias that names the peer. So all can be read back after a crash.
"""

import errno
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from seaway.datapath import rtnetlink_addresses as inet
from seaway.datapath import rtnetlink_links as link
from seaway.datapath import rtnetlink_vxlan as vxlan
from seaway.datapath.hands import Refusal
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import Address, Bridge, Resource, Route, VethPair, Vxlan
from seaway.datapath.rtnetlink_wire import Denied, Wire

FEW = 4
"""More links than this that go at once go as a group."""

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL)


class RtnetlinkHand:
    """The hand for links, addresses and routes. ``host`` is the path that the host's ``ns`` means."""

    def __init__(self, host: str = "") -> None:
        self._host = host
        self._wires: dict[str, Wire] = {}

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """Everything of ours in these namespaces.

        A link that is down is told with an MTU of 0, so that it differs from what any plan wants. A
        peer in a namespace that is not among these is believed to be as its alias says.
        """
        found: list[Resource] = []
        views: dict[str, dict[int, link.Link]] = {}
        try:
            for ns in namespaces:
                try:
                    wire = self._wire(ns)
                    views[ns] = link.links(wire)
                    names = {i: one.name for i, one in views[ns].items()}
                    found += inet.addresses(wire, ns, names)
                    found += inet.routes(wire, ns, names)
                except OSError as error:
                    self._drop(ns)
                    if not _missing(error):
                        raise
                finally:
                    self._leave()
            for ns in views:
                found += self._links(ns, views)
        finally:
            self._leave()
        return found

    def current(self, resource: Resource) -> Resource | None:
        """The resource, if it stands although it is not ours: a user's bridge, an address on it, a route."""
        try:
            wire = self._wire(resource.key[1])
            return resource if _STANDS[type(resource)](wire, resource) else None
        except OSError:
            return None
        finally:
            self._leave()

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Carry out the operations; links that go, many at a time, go together."""
        refusals: list[Refusal] = []
        try:
            for ns, batch in groupby(operations, key=_bulk):
                group = list(batch)
                if ns is not None and len(group) > FEW:
                    refusals += self._remove_links(ns, group)
                else:
                    refusals += [refusal for o in group if (refusal := self._try(o)) is not None]
        finally:
            self._leave()
        return refusals

    def close(self) -> None:
        """Close the sockets."""
        for path in list(self._wires):
            self._wires.pop(path).close()

    def _path(self, ns: str | int) -> str:
        return str(ns) or self._host

    def _wire(self, ns: str | int) -> Wire:
        path = self._path(ns)
        if path not in self._wires:
            self._wires[path] = Wire(path)
        return self._wires[path]

    def _drop(self, ns: str | int) -> None:
        wire = self._wires.pop(self._path(ns), None)
        if wire is not None:
            wire.close()

    def _leave(self) -> None:
        """Close all sockets but the host's: an open one would keep a namespace alive."""
        for path in [p for p in self._wires if p != self._host]:
            self._wires.pop(path).close()

    def _try(self, operation: Operation) -> Refusal | None:
        resource = operation.resource
        verb = "remove" if isinstance(operation, Remove) else "make"
        try:
            act: Callable[[RtnetlinkHand, Any], None] = _ACTS[verb, type(resource)]
            act(self, resource)
        except OSError as error:
            if not isinstance(error, Denied):
                self._drop(resource.key[1])
            if verb == "remove" and _missing(error):
                return None
            return Refusal(operation, f"cannot {verb} {_name(resource)}: {_words(error)}")
        return None

    def _mac(self, bridge: Bridge) -> str:
        return bridge.mac or link.steady_mac(self._path(bridge.ns), bridge.name)

    def _make_bridge(self, bridge: Bridge) -> None:
        wire = self._wire(bridge.ns)
        if not bridge.ours:
            self._use_bridge(wire, bridge)
            return
        mac = self._mac(bridge)
        make, *rest = link.new_bridge(bridge, mac)
        (denied,) = wire.send([make])
        if denied is None:
            wire.do(*rest)
            return
        now = _taken(wire, bridge.name, denied)
        if now.kind == "bridge":
            wire.do(*link.alter_bridge(bridge, mac, now))
        else:
            wire.do(link.delete(now.index), make, *rest)

    def _use_bridge(self, wire: Wire, bridge: Bridge) -> None:
        now = link.link(wire, bridge.name)
        if now is None or now.kind != "bridge":
            what = "does not exist" if now is None else "is not a bridge"
            raise Denied(errno.ENODEV, f"device {bridge.name} {what}, and shall be used as it is")
        wire.do(*link.alter(now, ()))

    def _make_veth(self, pair: VethPair) -> None:
        wire = self._wire(pair.ns)
        master = wire.index(pair.master) if pair.master else 0
        if pair.master and not master:
            raise Denied(errno.ENODEV, f"bridge {pair.master} does not exist")
        denied = self._new_veth(wire, pair, master)
        if denied is None:
            return
        now = _taken(wire, pair.name, denied)
        if now.kind == "veth" and self._alter_veth(wire, pair, master, now):
            return
        wire.do(link.delete(now.index))
        denied = self._new_veth(wire, pair, master)
        if denied is not None:
            raise denied

    def _new_veth(self, wire: Wire, pair: VethPair, master: int) -> Denied | None:
        namespace = os.open(self._path(pair.peer_ns) or "/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            (denied,) = wire.send([link.new_veth(pair, namespace, master)])
        finally:
            os.close(namespace)
        if denied is None:
            first, *rest = wire.send(link.dress_veth(pair, quiet=True))
            if first is not None and first.errno in _NO_IPV6:
                wire.do(*link.dress_veth(pair, quiet=False))
            elif wrong := next((a for a in (first, *rest) if a is not None), None):
                raise wrong
            self._wire(pair.peer_ns).do(link.set_up(pair.peer))
        return denied

    def _alter_veth(self, wire: Wire, pair: VethPair, master: int, now: link.Link) -> bool:
        """Lead an existing pair to how it shall be. False when its peer is not where it shall be."""
        there = self._wire(pair.peer_ns)
        peer = link.link(there, pair.peer)
        if peer is None or (peer.index, peer.partner) != (now.partner, now.index):
            return False
        there.do(*link.alter_peer(pair, peer))
        wire.do(*link.alter_veth(pair, master, now))
        return True

    def _make_vxlan(self, device: Vxlan) -> None:
        vxlan.make(self._wire, self._path(device.ns), device)

    def _make_address(self, address: Address) -> None:
        inet.make_address(self._wire(address.ns), address)

    def _remove_address(self, address: Address) -> None:
        inet.remove_address(self._wire(address.ns), address)

    def _make_route(self, route: Route) -> None:
        inet.make_route(self._wire(route.ns), route)

    def _remove_route(self, route: Route) -> None:
        inet.remove_route(self._wire(route.ns), route)

    def _remove_link(self, resource: Bridge | Vxlan | VethPair) -> None:
        wire = self._wire(resource.ns)
        now = link.link(wire, resource.name)
        if now is not None and _goes(resource, now):
            (denied,) = wire.send([link.delete(now.index)])
            if denied is not None and denied.errno != errno.ENODEV:
                raise denied

    def _remove_links(self, ns: str, operations: Sequence[Operation]) -> list[Refusal]:
        """Gather links in a group of their own and delete the group; one by one where that fails."""
        try:
            wire = self._wire(ns)
            views = link.links(wire)
            named = {one.name: one for one in views.values()}
            goes = [o for o in operations if _goes(o.resource, named.get(_device(o.resource)))]
            used = {one.group for one in views.values()}
            group = next(g for g in _groups() if g not in used)
            moved = wire.send([link.regroup(named[_device(o.resource)].index, group) for o in goes])
            if all(answer is None for answer in [*moved, *wire.send([link.delete_group(group)])]):
                return []
        except OSError:
            self._drop(ns)
        return [refusal for o in operations if (refusal := self._try(o)) is not None]

    def _links(self, ns: str, views: Mapping[str, Mapping[int, link.Link]]) -> Iterator[Resource]:
        view = views[ns]
        partners = {one.partner for one in view.values() if (p := link.peer_of(one)) and p[2] == ns}
        for one in view.values():
            if not one.ours:
                continue
            if one.kind == "bridge":
                asked = one.mac if one.mac != link.steady_mac(self._path(ns), one.name) else ""
                yield Bridge(ns, one.name, one.mtu if one.up else 0, asked)
            elif one.kind == "vxlan":
                yield vxlan.read(ns, one, view)
            elif one.kind == "veth" and one.index not in partners and (link.peer_of(one) or not ns):
                yield _pair(ns, one, views)


def _pair(ns: str, one: link.Link, views: Mapping[str, Mapping[int, link.Link]]) -> VethPair:
    """A pair as its host end, and the peer where that can be seen, tell."""
    peer, mac, peer_ns = link.peer_of(one) or ("", "", "")
    mtu = one.mtu if one.up else 0
    if peer_ns in views:
        there = views[peer_ns].get(one.partner)
        if there is None or there.partner != one.index:
            peer, mac = "", ""
        else:
            peer, mac = there.name, there.mac
            mtu = mtu if there.up and there.mtu == mtu else 0
    master = views[ns].get(one.master)
    return VethPair(
        ns, one.name, peer_ns, peer, mtu, mac, master.name if master else "", one.hairpin, one.isolated
    )


def _goes(resource: Resource, now: link.Link | None) -> bool:
    """Whether this link is the one that shall go: ours, and of that kind."""
    kind = _KINDS.get(type(resource))
    return now is not None and now.ours and now.kind == kind and getattr(resource, "ours", True)


def _taken(wire: Wire, name: str, denied: Denied) -> link.Link:
    """The link of ours that stands where one was to be made. Raises Denied when that was not the reason."""
    now = link.link(wire, name) if denied.errno == errno.EEXIST else None
    if now is None:
        raise denied
    if not now.ours:
        raise Denied(errno.EEXIST, f"device {name} exists already and is not ours")
    return now


def _bulk(operation: Operation) -> str | None:
    resource = operation.resource
    removes = isinstance(operation, Remove) and type(resource) in _KINDS
    return str(resource.key[1]) if removes else None


def _device(resource: Resource) -> str:
    return str(resource.key[2])


def _groups() -> Iterator[int]:
    while True:
        yield link.DOOMED_GROUPS << 16 | random.randrange(1 << 16)


def _missing(error: OSError) -> bool:
    """Whether it says that there is no such namespace."""
    return not isinstance(error, Denied) and error.errno in (errno.ENOENT, errno.EINVAL)


def _words(error: OSError) -> str:
    if _missing(error) and error.filename:
        return f"network namespace {error.filename} does not exist"
    return error.strerror or str(error)


def _name(resource: Resource) -> str:
    match resource:
        case Bridge():
            return f"bridge {resource.name}"
        case Vxlan():
            return f"VXLAN device {resource.name}"
        case VethPair():
            return f"veth pair {resource.name}/{resource.peer}"
        case Address():
            return f"address {resource.cidr} on {resource.device}"
        case Route():
            via = f" via {resource.via}" if resource.via else ""
            return f"route to {resource.destination}{via} on {resource.device}"
    return repr(resource)


_KINDS: Mapping[type[Resource], str] = {Bridge: "bridge", Vxlan: "vxlan", VethPair: "veth"}

_ACTS: Mapping[tuple[str, type[Resource]], Callable[[RtnetlinkHand, Any], None]] = {
    ("make", Bridge): RtnetlinkHand._make_bridge,
    ("make", Vxlan): RtnetlinkHand._make_vxlan,
    ("make", VethPair): RtnetlinkHand._make_veth,
    ("make", Address): RtnetlinkHand._make_address,
    ("make", Route): RtnetlinkHand._make_route,
    ("remove", Bridge): RtnetlinkHand._remove_link,
    ("remove", Vxlan): RtnetlinkHand._remove_link,
    ("remove", VethPair): RtnetlinkHand._remove_link,
    ("remove", Address): RtnetlinkHand._remove_address,
    ("remove", Route): RtnetlinkHand._remove_route,
}


def _bridge_stands(wire: Wire, bridge: Bridge) -> bool:
    now = None if bridge.ours else link.link(wire, bridge.name)
    return now is not None and now.kind == "bridge" and now.up


_STANDS: Mapping[type[Resource], Callable[[Wire, Any], bool]] = {
    Bridge: _bridge_stands,
    Vxlan: lambda _wire, _vxlan: False,
    VethPair: lambda _wire, _pair: False,
    Address: inet.has_address,
    Route: inet.has_route,
}
