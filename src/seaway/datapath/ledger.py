"""The ledger: what each owner wants and what we believe is there, so that a join costs only its own steps.

``settle`` trusts the belief; ``verify`` reads the kernel back. Both end in the same difference, carried
out by the hands in batches.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, runtime_checkable

from seaway.datapath.belief import Belief
from seaway.datapath.hands import Hand, Refusal
from seaway.datapath.reconcile import Change, Make, Operation, Remove, difference
from seaway.datapath.resources import Key, Netns, Resource, Sysctl

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What a settle did: operations carried out, those refused, and how long it took.

    ``unread`` says which hands could not read the kernel back, and why.
    """

    operations: tuple[Operation, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    seconds: float = 0.0
    unread: tuple[str, ...] = ()


@runtime_checkable
class Looker(Protocol):
    """A hand that can look at one resource, where nothing in the kernel tells that it is ours."""

    def current(self, resource: Resource) -> Resource | None:
        """The resource as it is now, None when it is not there."""
        ...


class Ledger:
    """Wants by owner, and the belief. One thread at a time."""

    def __init__(self, hands: Mapping[type, Hand]) -> None:
        self._hands = hands
        self._belief = Belief()
        self._owned: dict[str, set[Key]] = {}
        self._wanted: dict[Key, dict[str, Resource]] = {}

    def settle(self, wants: Mapping[str, Sequence[Resource]]) -> Report:
        """Lead what these owners have to what they want; an owner who wants nothing has nothing left."""
        start = time.perf_counter()
        scope, clashes = self._enter(wants)
        done, refused = self._carry_out(self._operations(scope, self._belief))
        self._let_go(wants)
        return Report(tuple(done), (*clashes, *refused), time.perf_counter() - start)

    def verify(self, wants: Mapping[str, Sequence[Resource]], namespaces: Sequence[str]) -> Report:
        """Read these namespaces back and repair: ``wants`` are those of all owners there are.

        What is ours and nobody wants goes. What stands in other namespaces is believed to be there.
        """
        start = time.perf_counter()
        clashes = self._enter_all(wants)
        self._belief, unread = self._look(namespaces)
        scope = {*self._belief, *self._wanted}
        done, refused = self._carry_out(self._operations(scope, self._belief))
        self._let_go(wants)
        seconds = time.perf_counter() - start
        return Report(tuple(done), (*clashes, *refused), seconds, tuple(unread))

    def compare(self, wants: Mapping[str, Sequence[Resource]], namespaces: Sequence[str]) -> list[Operation]:
        """What ``verify`` would do. Nothing is done and nothing noted."""
        other = Ledger(self._hands)
        other._enter_all(wants)
        other._belief = self._belief.copy()
        belief, _unread = other._look(namespaces)
        return other._operations({*belief, *other._wanted}, belief)

    def forget(self) -> None:
        """Believe nothing any more: whatever is wanted next is made again."""
        self._belief = Belief()

    def _enter(self, wants: Mapping[str, Sequence[Resource]]) -> tuple[set[Key], list[Refusal]]:
        """Note what owners want now. Returns all keys that are their business, and what clashes."""
        scope: set[Key] = set()
        clashes: list[Refusal] = []
        for owner in wants:
            for key in self._owned.setdefault(owner, set()):
                self._unwant(key, owner)
        for owner, resources in wants.items():
            for resource in resources:
                users = self._wanted.setdefault(resource.key, {})
                other = next(iter(users.values()), resource)
                if other != resource:
                    clashes.append(Refusal(Make(resource), f"{resource!r} clashes with {other!r}"))
                else:
                    users[owner] = resource
                    self._owned[owner].add(resource.key)
            scope |= self._owned[owner]
        return scope, clashes

    def _enter_all(self, wants: Mapping[str, Sequence[Resource]]) -> list[Refusal]:
        self._owned.clear()
        self._wanted.clear()
        return self._enter(wants)[1]

    def _unwant(self, key: Key, owner: str) -> None:
        users = self._wanted.get(key)
        if users is not None:
            users.pop(owner, None)
            if not users:
                del self._wanted[key]

    def _let_go(self, owners: Iterable[str]) -> None:
        """Owners keep what they want, and what they no longer want but could not be removed.

        A parameter nobody wants keeps its value, but anybody may write it now: we believe nothing of it.
        """
        for owner in owners:
            for key in self._owned[owner]:
                if key not in self._wanted and key in self._belief and isinstance(self._belief[key], Sysctl):
                    self._belief.drop(key)
            kept = {k for k in self._owned[owner] if owner in self._wanted.get(k, ()) or self._stuck(k)}
            if kept:
                self._owned[owner] = kept
            else:
                del self._owned[owner]

    def _stuck(self, key: Key) -> bool:
        return key not in self._wanted and key in self._belief

    def _operations(self, scope: set[Key], belief: Belief) -> list[Operation]:
        want = {key: self._want(key) for key in scope if key in self._wanted}
        have = {key: belief[key] for key in scope if belief.sure(key) or (key in belief and key not in want)}
        operations = difference(want, have)
        lost = {key for key in belief.lost_by(operations) if key in self._wanted}
        if lost:
            want |= {key: self._want(key) for key in lost}
            have = {key: resource for key, resource in have.items() if key not in lost}
            operations = difference(want, have)
        return [step for operation in operations for step in self._split(operation)]

    def _want(self, key: Key) -> Resource:
        return next(iter(self._wanted[key].values()))

    def _split(self, operation: Operation) -> tuple[Operation, ...]:
        """A change from one hand's business to another's is a removal and a making."""
        if isinstance(operation, Change) and self._hand(operation.old) is not self._hand(operation.resource):
            return Remove(operation.old), Make(operation.resource)
        return (operation,)

    def _hand(self, resource: Resource) -> Hand | None:
        return self._hands.get(type(resource))

    def _carry_out(self, operations: Sequence[Operation]) -> tuple[list[Operation], list[Refusal]]:
        done: list[Operation] = []
        refused: list[Refusal] = []
        for _, batch in groupby(operations, key=lambda o: id(self._hand(o.resource))):
            group = list(batch)
            refusals = _apply(self._hand(group[0].resource), group)
            bad = {id(refusal.operation) for refusal in refusals}
            for operation in group:
                if id(operation) in bad:
                    self._belief.failed(operation)
                else:
                    self._belief.done(operation)
                    done.append(operation)
            refused += refusals
        return done, refused

    def _look(self, namespaces: Sequence[str]) -> tuple[Belief, list[str]]:
        """The belief as it is after reading: what was read, and the rest as believed."""
        seen = set(namespaces)
        unread: list[str] = []
        found: dict[Key, Resource] = {}
        blind: set[int] = set()
        for hand in {id(hand): hand for hand in self._hands.values()}.values():
            try:
                found |= {resource.key: resource for resource in hand.read(namespaces)}
            except Exception as error:
                log.exception("cannot read back")
                unread.append(f"{type(hand).__name__}: {error}")
                blind.add(id(hand))
        belief = Belief(found.values())
        hidden = [self._belief[key] for key in self._belief if key not in belief]
        for resource in sorted(hidden, key=lambda r: r.rank):
            unseen = id(self._hand(resource)) in blind or not _visible(resource, seen)
            home = ("netns", getattr(resource, "ns", ""))
            if unseen and (home in belief or home not in self._belief):
                belief.put(resource, sure=self._belief.sure(resource.key))
        for key in self._wanted.keys() - found.keys():
            wanted = self._want(key)
            looker = self._hand(wanted)
            if _visible(wanted, seen) and isinstance(looker, Looker):
                current = looker.current(wanted)
                if current is not None:
                    belief.put(current)
        return belief, unread


def _visible(resource: Resource, namespaces: set[str]) -> bool:
    return isinstance(resource, Netns) or getattr(resource, "ns", "") in namespaces


def _apply(hand: Hand | None, operations: Sequence[Operation]) -> list[Refusal]:
    if hand is None:
        return [Refusal(o, f"nobody can make {o.resource!r} here") for o in operations]
    try:
        return hand.apply(operations)
    except Exception as error:
        log.exception("a hand failed")
        return [Refusal(o, f"{type(hand).__name__} failed: {error}") for o in operations]
