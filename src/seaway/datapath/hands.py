"""What a hand is: one door to the machine that can read back what is there and apply a batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from seaway.datapath.reconcile import Operation
from seaway.datapath.resources import Resource


@dataclass(frozen=True, slots=True)
class Refusal:
    """One operation that failed, and why, in words for the user."""

    operation: Operation
    reason: str


class Hand(Protocol):
    """One door to the machine. Called by one thread at a time, never by the event loop's."""

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """Everything of ours that stands in these namespaces (missing ones are skipped).

        What is returned equals what a plan would have written, if nobody has touched it.
        """
        ...

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Carry the operations out in order, all of them even when some fail.

        Making what already is so, and removing what is gone, succeed. Raises nothing.
        """
        ...
