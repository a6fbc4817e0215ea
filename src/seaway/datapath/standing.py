"""What stands on what: which resources are lost when another goes or is made anew. Pure.

A *ground* is what a resource gives others to stand on: a namespace, a device, a table; a bridge's ports, a
device's addresses. What stood on a ground is gone when that goes; on the soft ones, the last two, it may
go on and be another: a port without its bridge, a route that lost its reason. A VXLAN device that is no
longer its bridge's port has lost its place there, and with it the bridge's entries that lead to it.
"""

from collections.abc import Iterable, Iterator

from seaway.datapath.reconcile import Change, Make, Operation
from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    Key,
    Neighbour,
    Netns,
    NftElement,
    NftTable,
    Resource,
    Route,
    Sysctl,
    VethPair,
    Vxlan,
)

SOFT = ("ports", "place", "addresses")
"""Kinds of ground whose loss shakes what stands on them, and need not fell it."""

_PER_DEVICE = ("conf", "neigh")
_ALWAYS_THERE = ("all", "default", "lo")
_DOTS = str.maketrans("/", ".")


def grounds(resource: Resource) -> Iterator[Key]:
    """What the resource gives others to stand on."""
    match resource:
        case Netns():
            yield ("netns", resource.path)
        case Bridge():
            yield ("device", resource.ns, resource.name)
            yield ("ports", resource.ns, resource.name)
        case Vxlan():
            yield ("device", resource.ns, resource.name)
            yield from unsteady(resource)
        case VethPair():
            yield ("device", resource.ns, resource.name)
            yield ("device", resource.peer_ns, resource.peer)
        case Address():
            yield ("addresses", resource.ns, resource.device)
        case NftTable():
            yield ("table", resource.ns, resource.name)


def unsteady(resource: Resource) -> Iterator[Key]:
    """Of the grounds that the resource gives, those that are lost as soon as it is shaken itself."""
    if isinstance(resource, Vxlan):
        yield ("place", resource.ns, resource.name)


def stands_on(resource: Resource) -> Iterator[Key]:
    """The grounds that the resource needs."""
    ns = getattr(resource, "ns", "")
    if ns:
        yield ("netns", ns)
    match resource:
        case VethPair():
            if resource.peer_ns:
                yield ("netns", resource.peer_ns)
            if resource.master:
                yield ("ports", ns, resource.master)
        case Vxlan():
            yield ("ports", ns, resource.master)
        case Forward():
            yield ("device", ns, resource.device)
            yield ("place", ns, resource.device)
        case Neighbour() | Address():
            yield ("device", ns, resource.device)
        case Route():
            yield ("device", ns, resource.device)
            yield ("addresses", ns, resource.device)
        case Sysctl():
            parts = resource.name.split(".")
            if len(parts) > 4 and parts[2] in _PER_DEVICE and parts[3] not in _ALWAYS_THERE:
                yield ("device", ns, parts[3].translate(_DOTS))
        case NftElement():
            yield ("table", ns, resource.table)


def renewed(operations: Iterable[Operation]) -> Iterator[Key]:
    """The grounds that are not the same after the operations: what stood there must be made again.

    Taking one of a device's addresses away may take routes with it.
    """
    for operation in operations:
        resource = operation.resource
        if isinstance(operation, Change):
            if _made_anew(operation.old, resource):
                yield from grounds(operation.old)
                yield from grounds(resource)
            elif _replaced(operation.old, resource):
                yield from unsteady(resource)
        elif isinstance(operation, Make) != isinstance(resource, Address):
            yield from grounds(resource)


def _made_anew(old: Resource, new: Resource) -> bool:
    if isinstance(old, VethPair) and isinstance(new, VethPair):
        return (old.peer_ns, old.peer) != (new.peer_ns, new.peer)
    if isinstance(old, Vxlan) and isinstance(new, Vxlan):
        return (old.vni, old.local, old.port) != (new.vni, new.local, new.port)
    return type(old) is not type(new) or isinstance(new, NftTable)


def _replaced(old: Resource, new: Resource) -> bool:
    return isinstance(old, Vxlan) and isinstance(new, Vxlan) and old.master != new.master
