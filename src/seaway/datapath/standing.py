"""What stands on what: which resources are lost when another goes or is made anew. Pure.

A *ground* is what a resource gives others to stand on: a namespace, a device, a table; a bridge's ports, a
device's addresses. What stood on a ground is gone when that goes; on the soft ones, the last two, it may
go on and be another: a port without its bridge, a route that lost its reason.
"""

from collections.abc import Iterable, Iterator

from seaway.datapath.reconcile import Change, Make, Operation
from seaway.datapath.resources import (
    Address,
    Bridge,
    Key,
    Netns,
    NftElement,
    NftTable,
    Resource,
    Route,
    Sysctl,
    VethPair,
)

SOFT = ("ports", "addresses")
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
        case VethPair():
            yield ("device", resource.ns, resource.name)
            yield ("device", resource.peer_ns, resource.peer)
        case Address():
            yield ("addresses", resource.ns, resource.device)
        case NftTable():
            yield ("table", resource.ns, resource.name)


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
        case Address():
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
        elif isinstance(operation, Make) != isinstance(resource, Address):
            yield from grounds(resource)


def _made_anew(old: Resource, new: Resource) -> bool:
    if isinstance(old, VethPair) and isinstance(new, VethPair):
        return (old.peer_ns, old.peer) != (new.peer_ns, new.peer)
    return type(old) is not type(new) or isinstance(new, NftTable)
