"""Commits over ZooKeeper: look at the keys, propose one multi, and look again when somebody was faster.

Nothing is locked and no two commits are in each other's way, unless they touch the same keys. A multi can
check a znode's version, but a key that went and came again begins anew at version 0. So each removal moves a
counter on (the key's grave), and who checks a key checks its counter too.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.serialization import CheckVersion, Create, Delete, SetData

from seaway.errors import Failure, Forbidden, InvalidInput, NotFound, StoreConflict, Unavailable
from seaway.store import contract
from seaway.store.contract import Check, Put, Write
from seaway.store.place import Place
from seaway.store.zookeeper_calls import exists, get, make, sync
from seaway.store.zookeeper_layout import Layout, pack, pack_entry, pack_keys, unpack_keys
from seaway.store.zookeeper_lease import Ticket
from seaway.store.zookeeper_session import Session, refusal, rights

ROOM = 1_000_000
"""Bytes of one multi: servers hang up on larger ones (jute.maxbuffer)."""

ANY = -1
"""Any version."""

_SEQUENCE = 2
_RACES = (BadVersionError, NodeExistsError, NoNodeError, NotEmptyError)


@dataclass(slots=True)
class _Sight:
    """What was seen of the znodes that a commit is about; ``stats`` has None for a key that is not there."""

    stats: dict[str, Any] = field(default_factory=dict)
    graves: dict[str, int] = field(default_factory=dict)
    leases: dict[str, tuple[list[str], int] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a commit wants. ``extra`` are operations besides; a failure among them is a conflict of no key."""

    checks: Sequence[Check]
    writes: Mapping[str, Write]
    extra: Sequence[Any] = ()

    @property
    def leases(self) -> set[str]:
        """The leases that are written under."""
        return {write.lease for write in self.writes.values() if isinstance(write, Put) and write.lease}

    @property
    def absent(self) -> set[str]:
        """Keys that may not be there."""
        return {check.key for check in self.checks if not check.revision}

    @property
    def checked(self) -> set[str]:
        """Keys that must be there as they were."""
        return {check.key for check in self.checks if check.revision}

    @property
    def keys(self) -> list[str]:
        """Every key, once."""
        return list(dict.fromkeys([*(check.key for check in self.checks), *self.writes]))


class Committer:
    """Commits within one session."""

    def __init__(self, place: Place, layout: Layout, session: Session) -> None:
        self._place, self._layout, self._session = place, layout, session
        self._acl = rights(place)

    async def lay(self, paths: Sequence[str] = ()) -> None:
        """Make some znodes where they are not there: those that every store has, unless told which."""
        paths = paths or self._layout.skeleton()
        there = await self._session.ask([exists(path) for path in paths])
        missing = [path for path, stat in zip(paths, there, strict=True) if stat is None]
        for answer in await self._session.ask([make(path) for path in missing]):
            if isinstance(answer, Exception) and not isinstance(answer, NodeExistsError):
                if not isinstance(answer, NoNodeError) or paths == self._layout.skeleton():
                    self._fail(answer)
                await self.lay()  # the store's own are gone

    async def commit(self, proposal: Proposal) -> tuple[int, int]:
        """All writes or none: the new revision and the guard's version.

        Raises StoreConflict naming the failed checks, NotFound for a lease that has run out, and Unavailable
        when others are faster again and again.
        """
        clock = asyncio.get_running_loop().time
        end, rounds = clock() + self._place.timeout, 0
        while True:
            sight = await self._look(proposal, bold=not rounds)
            if not rounds and not _holds(proposal, sight):
                sight = await self._look(proposal, bold=False)  # our server may lag behind
            self._judge(proposal, sight)
            operations = self._operations(proposal, sight)
            answers = await self._multi(operations)
            trouble = _trouble(answers)
            if trouble is None:
                guard = next(n for n, wish in enumerate(operations) if wish.path == self._layout.log)
                return answers[guard].mzxid, answers[guard].version
            self._blame(*trouble, proposal)
            if isinstance(trouble[1], NoNodeError):
                await self.lay(sorted({self._layout.directory(k) for k in proposal.keys}))
            rounds += 1
            if clock() > end:
                raise Unavailable(
                    f"store {self._place.address} is too busy: others were faster {rounds} times"
                )
            if rounds > 2:
                await asyncio.sleep(random.uniform(0, 0.002 * min(rounds, 10)))

    async def _look(self, proposal: Proposal, *, bold: bool) -> _Sight:
        """See the keys. The bold take it that keys which may not be there are not: the multi will tell."""
        layout, sight = self._layout, _Sight()
        graves = sorted({layout.grave(key) for key in proposal.checked})
        keys = [key for key in proposal.keys if not bold or key not in proposal.absent]
        leases = sorted(proposal.leases)
        marks = {lease: Ticket.of(lease) for lease in leases}
        names = {lease: mark.name if mark else "none" for lease, mark in marks.items()}
        answers = iter(
            await self._session.ask(
                [
                    *([] if bold else [sync(layout.log)]),
                    *(exists(path) for path in graves),
                    *(exists(layout.key(key)) for key in keys),
                    *(get(layout.lease(names[lease])) for lease in leases),
                    *(exists(layout.mark(names[lease])) for lease in leases),
                ]
            )
        )
        if not bold:
            next(answers)
        for path in graves:
            stat = next(answers)
            sight.graves[path] = stat.version if stat is not None else 0
        sight.stats = dict.fromkeys(proposal.absent)
        sight.stats |= {key: next(answers) for key in keys}
        lists = {lease: next(answers) for lease in leases}
        for lease in leases:
            alive, found = next(answers), lists[lease]
            there = alive is not None and not isinstance(found, Exception)
            sight.leases[lease] = (unpack_keys(found[0]), found[1].version) if there else None
        return sight

    def _judge(self, proposal: Proposal, sight: _Sight) -> None:
        for key, write in proposal.writes.items():
            if isinstance(write, Put) and write.lease and sight.leases[write.lease] is None:
                raise NotFound(f"lease of {key} has run out")
        failed = _failed(proposal, sight)
        if failed:
            raise StoreConflict(failed)

    def _operations(self, proposal: Proposal, sight: _Sight) -> list[Any]:
        layout, stats = self._layout, sight.stats
        entry = pack_entry(proposal.writes)
        graves = sorted({layout.grave(k) for k in proposal.checked})
        gone = [k for k, write in proposal.writes.items() if not isinstance(write, Put) and stats[k]]
        unborn = [k for k in proposal.keys if not stats[k] and not isinstance(proposal.writes.get(k), Put)]
        return [
            *proposal.extra,
            *self._lease_operations(proposal, sight),
            *(CheckVersion(layout.key(key), stats[key].version) for key in sorted(proposal.checked)),
            *(CheckVersion(path, sight.graves[path]) for path in graves),
            *(operation for key in unborn for operation in self._absence(key)),
            SetData(layout.log, entry, ANY),
            Create(f"{layout.log}/e", entry, self._acl, _SEQUENCE),
            *(Delete(layout.key(key), ANY) for key in gone),
            *(SetData(path, b"", ANY) for path in sorted({layout.grave(key) for key in gone})),
            *(self._put(w, stats[key]) for key, w in proposal.writes.items() if isinstance(w, Put)),
        ]

    def _lease_operations(self, proposal: Proposal, sight: _Sight) -> list[Any]:
        """Each lease runs, and its list has its keys before they are there."""
        operations: list[Any] = []
        for lease in sorted(proposal.leases):
            listed, version = sight.leases[lease] or ([], ANY)
            name = _lease_name(lease)
            new = [k for k, w in proposal.writes.items() if isinstance(w, Put) and w.lease == lease]
            operations += [
                CheckVersion(self._layout.mark(name), ANY),
                SetData(self._layout.lease(name), pack_keys(dict.fromkeys([*listed, *new])), version),
            ]
        return operations

    def _absence(self, key: str) -> list[Any]:
        """A check that a key is not there: that it could be made."""
        path = self._layout.key(key)
        return [Create(path, b"", self._acl, 0), Delete(path, ANY)]

    def _put(self, write: Put, stat: Any) -> Any:
        path = self._layout.key(write.key)
        data = pack(write.value, _lease_name(write.lease) if write.lease else "")
        return SetData(path, data, ANY) if stat else Create(path, data, self._acl, 0)

    async def _multi(self, operations: Sequence[Any]) -> list[Any]:
        size = sum(len(operation.serialize()) + 9 for operation in operations)
        if size > ROOM:
            raise InvalidInput(f"a commit of {size} bytes is too large for ZooKeeper: it takes {ROOM}")

        def send(client: Any) -> Any:
            transaction = client.transaction()
            transaction.operations.extend(operations)
            return transaction.commit_async()

        (answers,) = await self._session.ask([send])
        if isinstance(answers, Exception):
            raise Failure(f"store {self._place.address}: {type(answers).__name__} {answers}") from answers
        found: list[Any] = answers
        return found

    def _blame(self, number: int, error: Exception, proposal: Proposal) -> None:
        """Raise what another look would not mend."""
        if isinstance(error, NoAuthError):
            raise Forbidden(refusal(self._place)) from error
        if number < len(proposal.extra):
            raise StoreConflict(()) from error
        if not isinstance(error, _RACES):
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        raise Failure(f"store {self._place.address}: {type(error).__name__} {error}") from error


def proposal(checks: Sequence[Check], writes: Sequence[Write], extra: Sequence[Any] = ()) -> Proposal:
    """A commit's wish; the last write to a key counts."""
    return Proposal(tuple(checks), {write.key: write for write in writes}, tuple(extra))


def removals(keys: Mapping[str, int]) -> tuple[list[Check], list[Write]]:
    """Checks and writes that remove keys which still stand at these revisions."""
    return [Check(k, revision) for k, revision in keys.items()], [contract.Delete(k) for k in keys]


def _failed(proposal: Proposal, sight: _Sight) -> list[str]:
    """The keys whose checks do not hold."""
    stands = {key: stat.mzxid if stat is not None else 0 for key, stat in sight.stats.items()}
    return list(dict.fromkeys(c.key for c in proposal.checks if stands[c.key] != c.revision))


def _holds(proposal: Proposal, sight: _Sight) -> bool:
    return not _failed(proposal, sight) and None not in sight.leases.values()


def _lease_name(lease: str) -> str:
    ticket = Ticket.of(lease)
    return ticket.name if ticket else "none"


def _trouble(answers: Sequence[Any]) -> tuple[int, KazooException] | None:
    """The operation that failed, by number; the others only went with it."""
    for number, answer in enumerate(answers):
        if isinstance(answer, KazooException) and not isinstance(
            answer, RolledBackError | RuntimeInconsistency
        ):
            return number, answer
    return None
