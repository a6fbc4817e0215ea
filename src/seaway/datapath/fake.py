"""A kernel made of a dict, for tests: it drops what loses its ground, and fails when told to.

A call that is made to fail may have done its work all the same, as with a real kernel.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from seaway.datapath.hands import Hand, Refusal
from seaway.datapath.reconcile import Change, Make, Operation, Remove
from seaway.datapath.resources import HOST, Bridge, Key, Netns, Resource, Sysctl, VethPair, Vxlan
from seaway.datapath.standing import grounds, renewed, stands_on, unsteady

Fault = Callable[[Operation], str | None]
"""Why an operation shall fail; None lets it pass."""


class FakeKernel:
    """The hand for everything. ``state`` is what is there; ``calls`` are the batches it was given.

    ``probability`` of failure for each operation, ``seed`` for the dice; ``fault`` may fail chosen ones.
    """

    def __init__(self, *, probability: float = 0.0, seed: int = 0, fault: Fault | None = None) -> None:
        self.state = _State()
        self.calls: list[tuple[Operation, ...]] = []
        self.probability = probability
        self.fault = fault
        self._dice = random.Random(seed)
        self._once: dict[Key, str] = {}

    def hands(self) -> Mapping[type, Hand]:
        """The table of hands: this one for every kind of resource."""
        return dict.fromkeys(get_args(Resource), self)

    def fail_once(self, key: Key, reason: str = "told to fail") -> None:
        """Refuse the next operation on a key."""
        self._once[key] = reason

    def vanish(self, key: Key) -> None:
        """Somebody removes a resource behind our back, and what stands on it falls."""
        resource = self.state.pop(key)
        self._fall(grounds(resource))

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """What stands in these namespaces; parameters and others' bridges wear no mark and are not told."""
        seen = set(namespaces)
        return [
            r
            for r in self.state.values()
            if not _unmarked(r) and (isinstance(r, Netns) or getattr(r, "ns", HOST) in seen)
        ]

    def current(self, resource: Resource) -> Resource | None:
        """One of those that are not told."""
        return self.state.get(resource.key) if _unmarked(resource) else None

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Carry out operations, or fail."""
        self.calls.append(tuple(operations))
        refusals = []
        for operation in operations:
            reason = self._fails(operation)
            half = reason is not None and self._dice.random() < 0.5
            if reason is None or half:
                wrong = self._act(operation)
                reason = reason or wrong
            if reason is not None:
                refusals.append(Refusal(operation, reason))
        return refusals

    def _fails(self, operation: Operation) -> str | None:
        told = self._once.pop(operation.resource.key, None)
        if told is None and self.fault is not None:
            told = self.fault(operation)
        if told is None and self._dice.random() < self.probability:
            told = "the dice said no"
        return told

    def _act(self, operation: Operation) -> str | None:
        resource = operation.resource
        old = self.state.get(resource.key)
        if isinstance(operation, Remove):
            if old is not None and not _unmarked(old):
                self.vanish(resource.key)
            return None
        missing = {g for g in stands_on(resource) if not self.state.grounds[g]} - set(_soft(resource))
        if missing:
            return f"{resource!r} lacks {missing}"
        if old is None or type(old) is not type(resource):
            self._fall(renewed([Make(resource)]))
        elif old != resource or resource.key[0] == "nft-table":
            self._fall([*_difference(old, resource)])
        self.state[resource.key] = resource
        return None

    def _fall(self, lost: Iterable[Key]) -> None:
        waiting = set(lost)
        while waiting:
            gone, waiting = waiting, set()
            for key in dict.fromkeys(k for ground in sorted(gone) for k in self.state.standing[ground]):
                resource = self.state[key]
                reasons = gone & set(stands_on(resource))
                if isinstance(resource, VethPair | Vxlan) and {r[0] for r in reasons} == {"ports"}:
                    self.state[resource.key] = replace(resource, master="")
                    waiting |= set(unsteady(resource))
                elif reasons:
                    del self.state[resource.key]
                    waiting |= set(grounds(resource))


class _State(dict[Key, Resource]):
    """What is there, by key, and how often each ground, and who stands on it: for many thousands."""

    def __init__(self) -> None:
        super().__init__()
        self.grounds: Counter[Key] = Counter()
        self.standing: defaultdict[Key, dict[Key, None]] = defaultdict(dict)

    def __setitem__(self, key: Key, resource: Resource) -> None:
        if key in self:
            self._forget(key)
        self.grounds.update(grounds(resource))
        for ground in stands_on(resource):
            self.standing[ground][key] = None
        super().__setitem__(key, resource)

    def __delitem__(self, key: Key) -> None:
        self._forget(key)
        super().__delitem__(key)

    def pop(self, key: Key) -> Resource:  # type: ignore[override]
        resource = self[key]
        del self[key]
        return resource

    def clear(self) -> None:
        super().clear()
        self.grounds.clear()
        self.standing.clear()

    def _forget(self, key: Key) -> None:
        resource = self[key]
        self.grounds.subtract(grounds(resource))
        for ground in stands_on(resource):
            self.standing[ground].pop(key, None)


def _difference(old: Resource, new: Resource) -> Iterable[Key]:
    yield from renewed([Change(old, new)])
    yield from set(grounds(old)) - set(grounds(new))


def _soft(resource: Resource) -> Iterable[Key]:
    """Grounds that something stands on but can be made without."""
    return (g for g in stands_on(resource) if g[0] == "addresses")


def _unmarked(resource: Resource) -> bool:
    return isinstance(resource, Sysctl) or (isinstance(resource, Bridge) and not resource.ours)
