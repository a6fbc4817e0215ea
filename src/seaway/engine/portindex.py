"""Which host ports are held by whom: an index that follows the facts by what changed, not by counting all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seaway.engine.facts import Facts
from seaway.model import Binding
from seaway.model.names import short
from seaway.ports.choose import PortTable


@dataclass(slots=True)
class PortIndex:
    """The ports of all sandboxes. Bringing it up to date costs the sandboxes, not their ports."""

    _table: PortTable = field(default_factory=PortTable)
    _known: dict[str, tuple[tuple[Binding, ...], str]] = field(default_factory=dict)

    def current(self, facts: Facts) -> PortTable:
        """The table as of now; not to be changed by the caller."""
        wanted = {
            box.id: (box.bindings, _holder(facts, box.container_id)) for box in facts.sandboxes.values()
        }
        for identity, (bindings, name) in list(self._known.items()):
            fresh = wanted.get(identity)
            if fresh is None or fresh[0] is not bindings or fresh[1] != name:
                del self._known[identity]
                for binding in bindings:
                    self._table.leave(binding, name)
        self._enter({i: held for i, held in wanted.items() if i not in self._known})
        return self._table

    def _enter(self, fresh: Mapping[str, tuple[tuple[Binding, ...], str]]) -> None:
        for identity, (bindings, name) in fresh.items():
            self._known[identity] = bindings, name
            for binding in bindings:
                self._table.enter(binding, name)


def _holder(facts: Facts, container_id: str) -> str:
    owner = facts.containers.get(container_id)
    return owner.name if owner else short(container_id)
