"""Want minus have: the ordered operations that lead from one to the other. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from seaway.datapath.resources import Key, Netns, Resource, Sysctl, VethPair


@dataclass(frozen=True, slots=True)
class Make:
    """Bring a resource into being."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Change:
    """Lead a resource from one state to another; a hand that cannot do it in place remakes it."""

    old: Resource
    resource: Resource


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a resource away."""

    resource: Resource


Operation: TypeAlias = Make | Change | Remove


def difference(want: Mapping[Key, Resource], have: Mapping[Key, Resource]) -> list[Operation]:
    """Operations in the order to carry them out: removals from the top down, then the rest bottom up.

    What stands in a namespace that goes away itself goes with it and is not removed one by one;
    a veth pair is, because its other end would outlive the call, and so is a VXLAN device, because a
    namespace dies some time later and holds the device's number until then.
    """
    gone = [r for key, r in have.items() if key not in want and not isinstance(r, Sysctl)]
    doomed = {r.path for r in gone if isinstance(r, Netns)}
    operations: list[Operation] = [
        Remove(r) for r in sorted(gone, key=_order, reverse=True) if not _swept(r, doomed)
    ]
    fresh: list[Operation] = []
    for key, resource in want.items():
        old = have.get(key)
        if old is None:
            fresh.append(Make(resource))
        elif old != resource:
            fresh.append(Change(old, resource))
    return operations + sorted(fresh, key=lambda o: _order(o.resource))


def keyed(resources: Iterable[Resource]) -> dict[Key, Resource]:
    """Resources by key. Two equal ones are one; two different ones with one key are a defect of a plan."""
    found: dict[Key, Resource] = {}
    for resource in resources:
        other = found.setdefault(resource.key, resource)
        if other != resource:
            raise ValueError(f"plan wants {other!r} and {resource!r} at once")
    return found


def _order(resource: Resource) -> tuple[int, tuple[str, int, str], str]:
    """By rank. Pairs by their peer, so that a container's devices are listed as they are numbered.

    Parameters that new devices take are set before there are devices.
    """
    rank, peer = resource.rank, ("", 0, "")
    if isinstance(resource, VethPair):
        peer = (resource.peer_ns, len(resource.peer), resource.peer)
    if isinstance(resource, Sysctl) and ".conf.default." in resource.name:
        rank = Netns.rank + 1
    return rank, peer, repr(resource.key)


def _swept(resource: Resource, doomed: set[str]) -> bool:
    if isinstance(resource, Netns) or resource.key[0] in ("link", "resolver"):
        return False
    return getattr(resource, "ns", "") in doomed
