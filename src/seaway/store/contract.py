"""The one contract of every store: read a prefix, commit with checks, watch from a revision, lease.

Keys are ``/``-separated text without a leading slash; values are bytes. Revisions are integers that
grow with every commit of the whole store; an item's revision is that of the commit that last wrote it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Item:
    """A stored value and the revision of the commit that wrote it."""

    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All items below a prefix, as of one revision of the store."""

    revision: int
    items: Mapping[str, Item]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition of a commit: the key stands at exactly this revision; 0 means it does not exist."""

    key: str
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value. With a lease, the key goes when the lease runs out."""

    key: str
    value: bytes
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key; removing a key that is not there succeeds."""

    key: str


Write: TypeAlias = Put | Delete


@dataclass(frozen=True, slots=True)
class Event:
    """One change seen by a watch; ``value`` is None for a removal."""

    key: str
    value: bytes | None
    revision: int


class Store(Protocol):
    """The contract. Every method may raise Unavailable when the store does not answer."""

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, consistent as of one revision."""
        ...

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming failed checks."""
        ...

    def watch(self, prefix: str, since: int) -> AsyncIterator[Sequence[Event]]:
        """Batches of changes below ``prefix`` later than revision ``since``, in order, without gaps.

        Raises StoreConflict when history before now has been compacted away: read again, then watch.
        """
        ...

    async def lease(self, seconds: float) -> str:
        """A new lease; keep it alive with ``renew`` well within ``seconds``."""
        ...

    async def renew(self, lease: str) -> bool:
        """Prolong a lease. False when it has run out: its keys are gone."""
        ...

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys now."""
        ...

    async def close(self) -> None:
        """Let go of everything; running watches end."""
        ...
