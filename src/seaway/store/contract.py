"""The one contract of every store: read a prefix, commit with checks, watch on from what is known, lease.

Keys are ``/``-separated text without a leading or trailing slash; values are bytes of up to 512 KiB.
Revisions are integers that grow with every commit of the whole store; an item's revision is that of the
commit that last wrote it. One commit has at most ``LIMIT`` checks and writes together.

No clock of a client counts: leases run by the store's clock, and everything else has no times in it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

LIMIT = 60
"""Most checks and writes of one commit, together (Consul takes 64 operations, etcd 128)."""


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


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that lead a view to the state of the store at ``revision``. It may be empty."""

    revision: int
    events: Sequence[Event] = ()


@dataclass(slots=True)
class View:
    """What a watcher knows: the revision of each key below its prefix, as of one revision of the store.

    It belongs to the watcher, who applies every batch before asking for the next one. A store looks at
    it to find out what the watcher has missed.
    """

    revision: int = 0
    revisions: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, reading: Reading) -> "View":
        """The view of somebody who has just read."""
        return cls(reading.revision, {key: item.revision for key, item in reading.items.items()})

    def apply(self, batch: Batch) -> None:
        """Take the changes in."""
        for event in batch.events:
            if event.value is None:
                self.revisions.pop(event.key, None)
            else:
                self.revisions[event.key] = event.revision
        self.revision = max(self.revision, batch.revision)


class Store(Protocol):
    """The contract. Every method may raise Unavailable when the store does not answer in time.

    After an Unavailable nothing is broken: the next call tries again. A commit that ended so may have been
    done or not. Refusals that trying again cannot mend (wrong password, wrong certificate) are Forbidden.
    """

    @property
    def address(self) -> str:
        """Where it is, for messages: the URL without user and password."""
        ...

    async def open(self) -> None:
        """Get ready and see that the store answers. After Unavailable it may be called again."""
        ...

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, consistent as of one revision."""
        ...

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming failed checks."""
        ...

    def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet, then all that come, until closed.

        Applying them in order leads the view to the store's state at each batch's revision: nothing is
        missed, whatever happened to connection or history meanwhile. A key written several times may be
        told once, with its last value. Raises Unavailable when the connection is lost; calling it again with
        the same view goes on where it ended.
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
