"""Consul's words for a commit: checks and writes as operations, its answers as errors. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from seaway.errors import Failure, Forbidden, NotFound, SeawayError, StoreConflict
from seaway.store.contract import Check, Put, Write

OPERATIONS = 64
"""Most operations of one transaction."""

Operation: TypeAlias = dict[str, dict[str, Any]]


class Row(msgspec.Struct, rename="pascal"):
    """A key as Consul tells it. ``session`` is the lease that it hangs on."""

    key: str
    modify_index: int
    value: bytes | None = None
    session: str = ""


class _Result(msgspec.Struct):
    row: Row = msgspec.field(name="KV")


class Refusal(msgspec.Struct, rename="pascal"):
    """Why an operation made the transaction fail."""

    op_index: int
    what: str


class Outcome(msgspec.Struct, rename="pascal"):
    """The answer to a transaction."""

    results: list[_Result] | None
    errors: list[Refusal] | None = None

    @property
    def revision(self) -> int:
        """The index that its writes got."""
        return max((result.row.modify_index for result in self.results or ()), default=0)


def operations(
    root: str, checks: Sequence[Check], writes: Sequence[Write], holders: Mapping[str, str] | None = None
) -> list[Operation]:
    """The transaction. ``holders`` are the leases that keys are known to hang on, "" for none.

    A ``set`` leaves a key on its lease and a ``lock`` does not take it from another one. So a key whose
    holder is not known is deleted first; watchers see one change, as both have the same index. A commit that
    puts nothing writes the root, so that every commit gets an index.
    """
    found = [_check(root, check) for check in checks]
    held = {**(holders or {}), **{check.key: "" for check in checks if check.revision == 0}}
    for write in writes:
        if isinstance(write, Put):
            found += _put(root, write, held.get(write.key))
            held[write.key] = write.lease
        else:
            found.append(_operation("delete", root, write.key))
            held[write.key] = ""
    if not any(isinstance(write, Put) for write in writes):
        found.append(_operation("set", root, "", Value=""))
    return found


def refused(
    root: str, checks: Sequence[Check], found: Sequence[Operation], errors: Sequence[Refusal]
) -> SeawayError:
    """The error that says why a transaction failed: failed checks before leases that have run out."""
    for error in errors:
        if "ermission denied" in error.what:
            return Forbidden(f"cluster store: {error.what}")
    failed = [checks[error.op_index].key for error in errors if error.op_index < len(checks)]
    if failed:
        return StoreConflict(list(dict.fromkeys(failed)))
    return next(_unwritten(root, found, errors), Failure("cluster store: the transaction failed"))


def _unwritten(root: str, found: Sequence[Operation], errors: Sequence[Refusal]) -> Iterator[SeawayError]:
    for error in errors:
        operation = found[error.op_index]["KV"]
        if "invalid session" in error.what or "session lookup" in error.what:
            yield NotFound(f"lease {operation.get('Session')} has run out")
        elif "held" in error.what:
            yield StoreConflict([operation["Key"].removeprefix(f"{root}/")])
        else:
            yield Failure(f"cluster store: {error.what}")


def _check(root: str, check: Check) -> Operation:
    if check.revision == 0:
        return _operation("check-not-exists", root, check.key)
    return _operation("check-index", root, check.key, Index=check.revision)


def _put(root: str, put: Put, holder: str | None) -> list[Operation]:
    """Write a key that hangs on ``holder``; None: nobody knows."""
    if holder and not put.lease:
        return [_operation("unlock", root, put.key, Value=put.value, Session=holder)]
    anew = [_operation("delete", root, put.key)] if holder not in ("", put.lease) else []
    if put.lease:
        return [*anew, _operation("lock", root, put.key, Value=put.value, Session=put.lease)]
    return [*anew, _operation("set", root, put.key, Value=put.value)]


def _operation(verb: str, root: str, key: str, **more: Any) -> Operation:
    return {"KV": {"Verb": verb, "Key": f"{root}/{key}", **more}}
