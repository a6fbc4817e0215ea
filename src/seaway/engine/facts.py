"""All facts this daemon knows: a mirror of the store in memory, changed only by commits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

from seaway.model import Abroad, Container, Endpoint, Member, Network, Node, Sandbox, Snapshot
from seaway.model.codec import decode, encode
from seaway.model.volume import Volume
from seaway.runtime.unbroken import unbroken
from seaway.store import Check, Delete, Put, Store

Fact: TypeAlias = Network | Endpoint | Sandbox | Container | Volume

KINDS: Mapping[str, type[Any]] = {
    kind.PREFIX: kind for kind in (Network, Endpoint, Sandbox, Container, Volume)
}
"""Which kind of fact stands below which key."""

CLAIMS = "claims/"
NAMES = "names/"


@dataclass(slots=True)
class Change:
    """What one commit shall do: facts to write and remove, names and addresses to claim and free."""

    puts: dict[str, Any] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)

    def put(self, *facts: Fact) -> "Change":
        """Write facts, new or not."""
        for fact in facts:
            self.puts[fact.PREFIX + fact.id] = fact
        return self

    def remove(self, *facts: Fact) -> "Change":
        """Remove facts."""
        for fact in facts:
            self.deletes.add(fact.PREFIX + fact.id)
        return self

    def claim(self, key: str, owner: str) -> "Change":
        """Take a key that nobody holds; the commit fails when somebody does."""
        self.puts[key] = owner
        self.fresh.add(key)
        return self

    def take(self, key: str, owner: str) -> "Change":
        """Write a claim, whoever held it before."""
        self.puts[key] = owner
        return self

    def free(self, *keys: str) -> "Change":
        """Give keys back."""
        self.deletes.update(keys)
        return self


def name_key(kind: str, name: str) -> str:
    """The key that makes a name unique among networks or containers."""
    return f"{NAMES}{kind}/{quote(name, safe='')}"


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """What the cluster's store holds, as the session mirrors it."""

    networks: Mapping[str, Network] = field(default_factory=dict)
    abroad: Mapping[str, Abroad] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    alive: frozenset[str] = frozenset()
    claims: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Facts:
    """The mirror. Mappings are replaced, never changed in place, so a snapshot costs nothing.

    This host's facts are in its own store; the cluster's are shown as they were told to ``adopt``.
    ``changed`` is called after every commit.
    """

    def __init__(self, store: Store, node: Node) -> None:
        self.store = store
        self.node = node
        self._tables: dict[str, Mapping[str, Any]] = {prefix: {} for prefix in KINDS}
        self._claims: Mapping[str, Mapping[str, str]] = {}
        self._names: Mapping[str, str] = {}
        self._shared = SharedFacts()
        self._networks: Mapping[str, Network] = {}
        self._present: tuple[object, frozenset[str]] = (None, frozenset())
        self.changed: Callable[[], None] = lambda: None

    def adopt(self, shared: SharedFacts) -> None:
        """Show these facts of the cluster from now on."""
        self._shared = shared
        self._networks = {**shared.networks, **self._tables[Network.PREFIX]}

    @property
    def networks(self) -> Mapping[str, Network]:
        """Networks by ID: this host's and the cluster's."""
        return self._networks

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Endpoints by ID."""
        return self._tables[Endpoint.PREFIX]

    @property
    def sandboxes(self) -> Mapping[str, Sandbox]:
        """Sandboxes by ID."""
        return self._tables[Sandbox.PREFIX]

    @property
    def containers(self) -> Mapping[str, Container]:
        """Containers by ID."""
        return self._tables[Container.PREFIX]

    @property
    def volumes(self) -> Mapping[str, Volume]:
        """Volumes by name."""
        return self._tables[Volume.PREFIX]

    def claims(self, network_id: str) -> Mapping[str, str]:
        """Claimed addresses of a network: address → owner. What other hosts hold is ``node owner``.

        Of an address that two say is theirs, the cluster's store is the judge.
        """
        own = self._claims.get(network_id, {})
        others = self._shared.claims.get(network_id)
        if not others:
            return own
        mark = f"{self.node.id} "
        return {**others, **{a: o for a, o in own.items() if others.get(a, mark).startswith(mark)}}

    def own_claims(self, network_id: str) -> Mapping[str, str]:
        """Addresses of a network that this host holds: address → owner."""
        return self._claims.get(network_id, {})

    def claimed_networks(self) -> list[str]:
        """IDs of the networks that have claims, whether they still exist or not."""
        return list(self._claims)

    def snapshot(self) -> Snapshot:
        """Everything as of now."""
        shared, endpoints = self._shared, self.endpoints
        if self._present[0] is not endpoints:
            self._present = (endpoints, frozenset(e.network_id for e in endpoints.values()))
        return Snapshot(
            self.node,
            self.networks,
            endpoints,
            self.sandboxes,
            shared.abroad,
            shared.members,
            shared.alive,
            self._present[1],
        )

    async def load(self) -> None:
        """Read everything from the store."""
        for prefix in (*KINDS, CLAIMS, NAMES):  # and not all there is: the cluster's copy lies beside
            kind = KINDS.get(prefix)
            for key, item in (await self.store.read(prefix)).items.items():
                self._set(key, decode(item.value, kind) if kind is not None else item.value.decode())
        self.adopt(self._shared)

    async def commit(self, change: Change) -> None:
        """Carry a change out, in the store first. Raises StoreConflict when a fresh key is taken."""
        checks = [Check(key) for key in sorted(change.fresh)]
        writes: list[Put | Delete] = [Delete(key) for key in change.deletes if key not in change.puts]
        writes += [Put(key, _bytes(value)) for key, value in change.puts.items()]
        await unbroken(self._write(checks, writes, change))

    async def _write(self, checks: list[Check], writes: list[Put | Delete], change: Change) -> None:
        await self.store.commit(checks, writes)
        self._apply(change)

    def _apply(self, change: Change) -> None:
        touched = [*change.deletes, *change.puts]
        for prefix in {key.partition("/")[0] + "/" for key in touched} & set(KINDS):
            self._tables[prefix] = dict(self._tables[prefix])
        for key in change.deletes - set(change.puts):
            self._drop(key)
        for key, value in change.puts.items():
            self._set(key, value)
        if any(key.startswith(Network.PREFIX) for key in touched):
            self.adopt(self._shared)
        self.changed()

    def _set(self, key: str, value: Any) -> None:
        room, _, rest = key.partition("/")
        table = self._tables.get(room + "/")
        if table is not None:
            table[rest] = value  # type: ignore[index]
        elif room + "/" == CLAIMS:
            network, _, address = rest.partition("/")
            self._claims = {**self._claims, network: {**self._claims.get(network, {}), address: value}}
        else:
            self._names = {**self._names, rest: value}

    def _drop(self, key: str) -> None:
        room, _, rest = key.partition("/")
        table = self._tables.get(room + "/")
        if table is not None:
            table.pop(rest, None)  # type: ignore[attr-defined]
        elif room + "/" == CLAIMS:
            network, _, address = rest.partition("/")
            left = {a: o for a, o in self._claims.get(network, {}).items() if a != address}
            self._claims = {**self._claims, network: left}
        else:
            self._names = {n: o for n, o in self._names.items() if n != rest}


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else encode(value)
