"""The hand for nftables: one transaction for each batch in each namespace, read back element by element.

When a transaction is refused, the commands it was refused for are left out and the others go through.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from seaway.datapath import nft_listing
from seaway.datapath.hands import Refusal
from seaway.datapath.nft_library import Fault, Nft
from seaway.datapath.reconcile import Change, Make, Operation, Remove
from seaway.datapath.resources import HOST, NftElement, NftTable, Resource
from seaway.model.names import TABLE

T = TypeVar("T")

FAMILY = "inet"
"""Family of a table of which nothing is known but its name."""

_ROUNDS = 16
_EXISTS = "File exists"
_MISSING = ("No such file or directory", "element does not exist")


@dataclass(slots=True)
class _Step:
    """One operation and the commands for it; ``ways`` are other commands, should these be refused."""

    operation: Operation
    commands: str
    ways: dict[str, str] = field(default_factory=dict)


class NftHand:
    """The hand for NftTable and NftElement. ``host`` is the path that the host's ``ns`` means.

    ``table`` is the name of the table that is ours in every namespace.
    """

    def __init__(self, host: str = "", table: str = TABLE) -> None:
        self._host = host
        self._table = table
        self._here: Nft | None = None
        self._written: dict[tuple[str, str, str], tuple[str, NftTable]] = {}
        self._spelling: dict[NftElement, NftElement] = {}

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """Our tables and their elements. A table that is not as this hand wrote it has an empty text."""
        found: list[Resource] = []
        for ns in namespaces:
            try:
                found += self._visit(ns, partial(self._read, ns))
            except OSError:
                continue
        return found

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """One transaction for each namespace; narrowed to what can be done where that is refused."""
        refusals: list[Refusal] = []
        batches: dict[str, list[Operation]] = {}
        for operation in operations:
            batches.setdefault(str(operation.resource.key[1]), []).append(operation)
        for ns, batch in batches.items():
            try:
                refusals += self._visit(ns, partial(self._write, batch))
            except OSError as error:
                words = f"network namespace {ns}: {error.strerror or error}"
                refusals += [Refusal(o, words) for o in batch if not isinstance(o, Remove)]
        return refusals

    def close(self) -> None:
        """Free the context."""
        if self._here is not None:
            self._here.close()
            self._here = None

    def _visit(self, ns: str, act: Callable[[Nft], Iterable[T]]) -> list[T]:
        if not ns:
            self._here = self._here or Nft(self._host)
            return list(act(self._here))
        nft = Nft(ns)
        try:
            return list(act(nft))
        finally:
            nft.close()

    def _read(self, ns: str, nft: Nft) -> Iterator[Resource]:
        listed = nft.listing("tables", elements=False)
        for family, name in nft_listing.tables(listed) if listed else ():
            if not self._ours(ns, family, name):
                continue
            listing = nft.listing(f"table {family} {name}", elements=True)
            if listing is None:
                continue
            known, table = self._written.get((ns, family, name), ("", None))
            as_written = table is not None and known == nft_listing.fingerprint(listing)
            yield table if table and as_written else NftTable(ns, family, name, "")
            for element in nft_listing.elements(listing, ns):
                yield self._spelling.get(element, element)

    def _ours(self, ns: str, family: str, name: str) -> bool:
        """Our name is ours everywhere, and in sandboxes also what begins with it."""
        known = name == self._table or (ns, family, name) in self._written
        return known or (ns != HOST and name.startswith(f"{TABLE}-"))

    def _write(self, operations: Sequence[Operation], nft: Nft) -> list[Refusal]:
        tables = [o.resource for o in operations if isinstance(o.resource, NftTable)]
        families = {(ns, name): family for ns, family, name in self._written}
        families |= {(t.ns, t.name): t.family for t in tables}
        emptied = {(t.ns, t.name) for t in tables}
        refusals = _transact(nft, [_step(o, families, emptied) for o in operations])
        self._remember(nft, operations, {id(r.operation) for r in refusals})
        return refusals

    def _remember(self, nft: Nft, operations: Sequence[Operation], refused: set[int]) -> None:
        for operation in operations:
            resource = operation.resource
            if isinstance(resource, NftElement):
                usual = nft_listing.canonical(resource)
                if isinstance(operation, Remove):
                    self._spelling.pop(usual, None)
                elif usual != resource:
                    self._spelling[usual] = resource
            elif isinstance(resource, NftTable) and id(operation) not in refused:
                place = (resource.ns, resource.family, resource.name)
                self._written.pop(place, None)
                if not isinstance(operation, Remove):
                    listing = nft.listing(f"table {resource.family} {resource.name}", elements=False)
                    if listing is not None:
                        self._written[place] = (nft_listing.fingerprint(listing), resource)


def _transact(nft: Nft, steps: list[_Step]) -> list[Refusal]:
    """Run the steps as one transaction, without those that are refused. In halves when that is not told."""
    refusals: list[Refusal] = []
    for _ in range(_ROUNDS):
        if not steps:
            return refusals
        faults = nft.run("\n".join(step.commands for step in steps))
        if not faults:
            return refusals
        blamed = _blamed(steps, faults)
        if not blamed:
            break
        steps = [
            other
            for i, step in enumerate(steps)
            if (other := _another_way(step, blamed.get(i), refusals)) is not None
        ]
    if len(steps) <= 1:
        return refusals + [_refusal(step, faults[0].words) for step in steps]
    half = len(steps) // 2
    return refusals + _transact(nft, steps[:half]) + _transact(nft, steps[half:])


def _blamed(steps: Sequence[_Step], faults: Sequence[Fault]) -> dict[int, str]:
    """Steps by number that a transaction was refused for; a table before the elements that lack it."""
    lines: list[int] = []
    for number, step in enumerate(steps):
        lines += [number] * (step.commands.count("\n") + 1)
    found: dict[int, str] = {}
    for fault in faults:
        if 0 < fault.line <= len(lines):
            found.setdefault(lines[fault.line - 1], fault.words)
    first = {n: w for n, w in found.items() if isinstance(steps[n].operation.resource, NftTable)}
    return first or found


def _another_way(step: _Step, words: str | None, refusals: list[Refusal]) -> _Step | None:
    """The step itself when it was not blamed, its other way when it has one, else nothing."""
    if words is None:
        return step
    for complaint, commands in step.ways.items():
        if complaint in words:
            return _Step(step.operation, commands) if commands else None
    refusals.append(_refusal(step, words))
    return None


def _refusal(step: _Step, words: str) -> Refusal:
    resource = step.operation.resource
    verb = "remove" if isinstance(step.operation, Remove) else "make"
    if isinstance(resource, NftElement):
        what = f"element {resource.element} of {resource.set} in table {resource.table}"
    else:
        what = " ".join(str(part) for part in resource.key if part)
    return Refusal(step.operation, f"cannot {verb} {what}: {words}")


def _step(
    operation: Operation, families: Mapping[tuple[str, str], str], emptied: set[tuple[str, str]]
) -> _Step:
    """The commands for an operation. ``emptied`` are the tables that lose all elements before."""
    resource = operation.resource
    if isinstance(resource, NftTable):
        return _table_step(operation, resource)
    if not isinstance(resource, NftElement):
        raise TypeError(f"no business of nft: {resource!r}")
    place = (resource.ns, resource.table)
    head = f"element {families.get(place, FAMILY)} {resource.table} {resource.set}"
    pair = f"{resource.element} : {resource.value}" if resource.value else resource.element
    add, delete = f"add {head} {{ {pair} }}", f"delete {head} {{ {resource.element} }}"
    if isinstance(operation, Remove):
        return _Step(operation, delete, dict.fromkeys(_MISSING, ""))
    if isinstance(operation, Change) and place not in emptied:
        return _Step(operation, f"{delete}\n{add}", dict.fromkeys(_MISSING, add))
    return _Step(operation, add, {_EXISTS: f"{delete}\n{add}"})


def _table_step(operation: Operation, table: NftTable) -> _Step:
    """A table is made, removed or replaced. To delete it, it is added first: so it need not be there.

    A new one is not made by replacing: after a deletion the kernel lets go of a context slowly (12 ms).
    """
    name = f"table {table.family} {table.name}"
    clear, text = f"add {name}\ndelete {name}", f"{name} {{\n{table.text}\n}}"
    if isinstance(operation, Remove):
        return _Step(operation, clear)
    if isinstance(operation, Make):
        return _Step(operation, f"create {name}\n{text}", {_EXISTS: f"{clear}\n{text}"})
    return _Step(operation, f"{clear}\n{text}")
