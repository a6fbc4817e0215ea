"""Commits in Consul's words: what a put does to the lease that its key hangs on, and why a commit failed."""

from collections.abc import Mapping, Sequence

import pytest

from seaway.errors import Failure, Forbidden, NotFound, StoreConflict
from seaway.store import Check, Delete, Put
from seaway.store.consul_txn import Operation, Refusal, operations, refused
from seaway.store.contract import LIMIT, Write


def verbs(
    checks: Sequence[Check], writes: Sequence[Write], holders: Mapping[str, str] | None = None
) -> list[str]:
    return [f"{o['KV']['Verb']} {o['KV']['Key']}" for o in operations("r", checks, writes, holders)]


def test_a_key_that_may_hang_on_a_lease_is_deleted_first() -> None:
    assert verbs([], [Put("a", b"")]) == ["delete r/a", "set r/a"]
    assert verbs([], [Put("a", b"", "s")]) == ["delete r/a", "lock r/a"]
    assert verbs([Check("a", 7)], [Put("a", b"")]) == ["check-index r/a", "delete r/a", "set r/a"]


def test_a_new_key_hangs_on_no_lease() -> None:
    assert verbs([Check("a")], [Put("a", b"")]) == ["check-not-exists r/a", "set r/a"]
    assert verbs([Check("a")], [Put("a", b"", "s")]) == ["check-not-exists r/a", "lock r/a"]


def test_what_a_commit_did_is_known_to_its_later_writes() -> None:
    twice = [Put("a", b"", "s"), Put("a", b""), Put("a", b"", "s"), Delete("a"), Put("a", b"")]
    assert verbs([Check("a")], twice)[1:] == ["lock r/a", "unlock r/a", "lock r/a", "delete r/a", "set r/a"]


def test_a_known_holder_is_let_go_in_one_operation() -> None:
    assert verbs([], [Put("a", b"")], {"a": "s"}) == ["unlock r/a"]
    assert verbs([], [Put("a", b"", "s")], {"a": "s"}) == ["lock r/a"]
    assert verbs([], [Put("a", b"", "t")], {"a": "s"}) == ["delete r/a", "lock r/a"]
    assert verbs([], [Put("a", b"")], {"a": ""}) == ["set r/a"]
    full = [Put(f"{n}", b"") for n in range(LIMIT)]
    assert len(verbs([], full, {f"{n}": "s" for n in range(LIMIT)})) == LIMIT


def test_every_commit_gets_an_index() -> None:
    assert verbs([], []) == ["set r/"]
    assert verbs([Check("a", 1)], [Delete("a")]) == ["check-index r/a", "delete r/a", "set r/"]


CHECKS = [Check("a"), Check("b", 3), Check("b", 4)]
OPERATIONS: list[Operation] = operations("x/r", CHECKS, [Put("c", b"", "s"), Put("d/e", b"")])


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({1: "failed index check", 2: "failed index check", 4: "invalid session"}, StoreConflict, "b"),
        ({4: 'invalid session "s"'}, NotFound, "lease s has run out"),
        ({4: "failed session lookup: index error"}, NotFound, "lease s"),
        ({6: "failed to lock key, lock is already held"}, StoreConflict, "d/e"),
        ({0: 'key "a" exists', 3: "Permission denied"}, Forbidden, "Permission denied"),
        ({3: "something else"}, Failure, "something else"),
        ({}, Failure, "failed"),
    ],
)
def test_why_a_commit_failed(said: Mapping[int, str], error: type[Exception], words: str) -> None:
    found = refused("x/r", CHECKS, OPERATIONS, [Refusal(n, text) for n, text in said.items()])
    assert type(found) is error
    assert words in str(found)
    if isinstance(found, StoreConflict):
        assert found.keys == (words,)
