"""What we believe the kernel holds: resources by key, how sure that is, and what stands on what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Self

from seaway.datapath.reconcile import Change, Make, Operation, Remove
from seaway.datapath.resources import Key, Resource
from seaway.datapath.standing import SOFT, grounds, renewed, stands_on, unsteady


class Belief:
    """Resources by key. One that is not sure is there in some state or other, or not at all."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._held: dict[Key, Resource] = {}
        self._unsure: set[Key] = set()
        self._standing: defaultdict[Key, set[Key]] = defaultdict(set)
        for resource in resources:
            self.put(resource)

    def __contains__(self, key: Key) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __getitem__(self, key: Key) -> Resource:
        return self._held[key]

    def sure(self, key: Key) -> bool:
        """Whether it is held, and just as we say."""
        return key in self._held and key not in self._unsure

    def copy(self) -> Self:
        """Another one, equal and independent."""
        other = type(self)(self._held.values())
        other._unsure = set(self._unsure)
        return other

    def put(self, resource: Resource, *, sure: bool = True) -> None:
        """Hold a resource, instead of what had its key."""
        self.drop(resource.key)
        self._held[resource.key] = resource
        if not sure:
            self._unsure.add(resource.key)
        for ground in stands_on(resource):
            self._standing[ground].add(resource.key)

    def drop(self, key: Key) -> None:
        """Hold it no longer."""
        self._unsure.discard(key)
        resource = self._held.pop(key, None)
        for ground in stands_on(resource) if resource is not None else ():
            standing = self._standing[ground]
            standing.discard(key)
            if not standing:
                del self._standing[ground]

    def lost_by(self, operations: Iterable[Operation]) -> set[Key]:
        """What must be made again because the operations renew the ground it stands on, or that of that."""
        known = [self._as_known(operation) for operation in operations]
        gone, shaken = self._fall(renewed(known))
        return gone | shaken

    def _as_known(self, operation: Operation) -> Operation:
        """A making of what may be there in an older state is a change."""
        old = self._held.get(operation.resource.key)
        if isinstance(operation, Make) and old is not None and old != operation.resource:
            return Change(old, operation.resource)
        return operation

    def done(self, operation: Operation) -> None:
        """Note that an operation was carried out."""
        if not isinstance(operation, Remove):
            self.put(operation.resource)
            return
        gone, shaken = self._fall(grounds(operation.resource))
        for key in (*gone, operation.resource.key):
            self.drop(key)
        self._doubt(shaken)

    def failed(self, operation: Operation) -> None:
        """Note that an operation was refused: it may be done by half, and so may what it entails."""
        resource = operation.resource
        if not isinstance(operation, Remove) and resource.key not in self._held:
            self.put(resource)
        ground = renewed([operation]) if isinstance(operation, Change) else grounds(resource)
        gone, shaken = self._fall(ground)
        self._doubt({resource.key, *gone, *shaken})

    def _doubt(self, keys: set[Key]) -> None:
        self._unsure |= keys & self._held.keys()

    def _fall(self, ground: Iterable[Key]) -> tuple[set[Key], set[Key]]:
        """What is gone with these grounds, and what is only shaken."""
        gone: set[Key] = set()
        shaken: set[Key] = set()
        waiting = list(ground)
        while waiting:
            place = waiting.pop()
            standing = self._standing.get(place, set())
            if place[0] in SOFT:
                for key in standing - shaken:
                    shaken.add(key)
                    waiting += unsteady(self._held[key])
                continue
            for key in standing - gone:
                gone.add(key)
                waiting += grounds(self._held[key])
        return gone, shaken - gone
