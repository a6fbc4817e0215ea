"""The zone of a sandbox: every name that its processes can resolve, as an immutable table. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from types import MappingProxyType

from seaway.model import Endpoint, Network, Snapshot

NAMELESS_DRIVERS = frozenset({"host", "null", "none"})
"""Kinds of network without a resolver; the default bridge has none either."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The packed addresses of one name, in an order that does not change without the facts."""

    v4: tuple[bytes, ...] = ()
    v6: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    """What one sandbox can resolve.

    ``layers`` are looked up in order and the first that knows a name answers: the links of the sandbox,
    then its networks by interface name. Names are lower case, without the dot at the end. ``forward``
    False: nothing is asked outside. With ``ndots`` > 0 a name without a dot is not forwarded either.
    """

    layers: tuple[Mapping[str, Addresses], ...] = ()
    reverses: tuple[Mapping[bytes, str], ...] = ()
    forward: bool = False
    upstreams: tuple[str, ...] = ()
    ndots: int = 0

    def find(self, name: str) -> Addresses | None:
        """The addresses of a lower-case name; None when nobody has it."""
        for layer in self.layers:
            found = layer.get(name)
            if found is not None:
                return found
        return None

    def reverse(self, packed: bytes) -> str | None:
        """``name.network`` of a packed address."""
        for table in self.reverses:
            found = table.get(packed)
            if found is not None:
                return found
        return None


EMPTY = Zone()
"""Knows nothing and forwards nothing."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The names on one network, shared by the zones of all sandboxes on it."""

    network: Network
    endpoints: tuple[Endpoint, ...]
    names: Mapping[str, Addresses]
    reverse: Mapping[bytes, str]


@dataclass(frozen=True, slots=True)
class _Index:
    """A snapshot's endpoints by network and by sandbox, and the tables built so far."""

    snapshot: Snapshot
    by_network: Mapping[str, tuple[Endpoint, ...]]
    by_sandbox: Mapping[str, tuple[Endpoint, ...]]
    tables: dict[str, _Table] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    before: dict[str, Zone] = field(default_factory=dict)


_NO_INDEX = _Index(Snapshot(), {}, {})
_latest = [_NO_INDEX]
"""The index of the snapshot asked for last: a memory only, never part of a result."""


def zone(sandbox_id: str, snapshot: Snapshot) -> Zone:
    """The zone of a sandbox by these facts; an unknown sandbox gets an empty one.

    Tables are per network and shared; one is built anew only when an endpoint on its network changed.
    While nothing changed for a sandbox, the very same zone is given, so that ``is`` tells a change.
    """
    index = _index(snapshot)
    found = index.zones.get(sandbox_id)
    if found is None:
        found = _assemble(sandbox_id, index)
        before = index.before.get(sandbox_id)
        index.zones[sandbox_id] = found = before if before == found and before is not None else found
    return found


def _assemble(sandbox_id: str, index: _Index) -> Zone:
    snapshot = index.snapshot
    sandbox = snapshot.sandboxes.get(sandbox_id)
    if sandbox is None:
        return EMPTY
    links: dict[str, Addresses] = {}
    tables: list[_Table] = []
    outside = False
    for endpoint in index.by_sandbox.get(sandbox_id, ()):
        network = snapshot.networks.get(endpoint.network_id)
        if network is None or network.driver in NAMELESS_DRIVERS:
            continue
        outside = outside or not network.internal
        if not network.default_bridge:
            table = _table(network, index)
            tables.append(table)
            _add_links(links, endpoint, table)
    return Zone(
        layers=((MappingProxyType(links),) if links else ()) + tuple(t.names for t in tables),
        reverses=tuple(t.reverse for t in tables),
        forward=outside,
        upstreams=sandbox.upstreams,
        ndots=sandbox.ndots,
    )


def _index(snapshot: Snapshot) -> _Index:
    before = _latest[0]
    if _same(before.snapshot, snapshot):
        return before
    by_network: dict[str, list[Endpoint]] = {}
    by_sandbox: dict[str, list[Endpoint]] = {}
    for endpoint in snapshot.endpoints.values():
        by_network.setdefault(endpoint.network_id, []).append(endpoint)
        by_sandbox.setdefault(endpoint.sandbox_id, []).append(endpoint)
    index = _Index(
        snapshot,
        {key: tuple(sorted(found, key=lambda e: (e.name, e.id))) for key, found in by_network.items()},
        {
            key: tuple(sorted(found, key=lambda e: (len(e.ifname), e.ifname, e.id)))
            for key, found in by_sandbox.items()
        },
        before={k: z for k, z in (before.before | before.zones).items() if k in snapshot.sandboxes},
    )
    for key, table in before.tables.items():
        if snapshot.networks.get(key) == table.network and index.by_network.get(key) == table.endpoints:
            index.tables[key] = table
    _latest[0] = index
    return index


def _same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of the same facts: mappings are replaced by a change, never changed."""
    return one is other or (
        one.endpoints is other.endpoints
        and one.networks is other.networks
        and one.sandboxes is other.sandboxes
    )


def _table(network: Network, index: _Index) -> _Table:
    table = index.tables.get(network.id)
    if table is None:
        endpoints = index.by_network.get(network.id, ())
        table = index.tables[network.id] = _build(network, endpoints)
    return table


def _build(network: Network, endpoints: tuple[Endpoint, ...]) -> _Table:
    names: dict[str, Addresses] = {}
    reverse: dict[bytes, str] = {}
    for endpoint in endpoints:
        addresses = _addresses(endpoint.addresses)
        if not (addresses.v4 or addresses.v6):
            continue
        for name in _labels(endpoint.dns_names):
            _add(names, name, network, addresses)
        if endpoint.dns_names:
            for packed in addresses.v4 + addresses.v6:
                reverse[packed] = f"{endpoint.dns_names[0]}.{network.name}"
    return _Table(network, endpoints, MappingProxyType(names), MappingProxyType(reverse))


def _add_links(links: dict[str, Addresses], endpoint: Endpoint, table: _Table) -> None:
    for alias, target in endpoint.links.items():
        for other in table.endpoints:
            if _is(other, target):
                _add(links, alias.lower(), table.network, _addresses(other.addresses))


def _is(endpoint: Endpoint, target: str) -> bool:
    """Whether a link's target, a container's name or its full or shortened ID, means this endpoint."""
    wanted = target.removeprefix("/")
    named = wanted in (endpoint.name, *endpoint.dns_names[:1])
    return named or (len(wanted) >= 12 and endpoint.container_id.startswith(wanted))


def _add(names: dict[str, Addresses], name: str, network: Network, new: Addresses) -> None:
    for full in (name, f"{name}.{network.name.lower()}"):
        old = names.get(full)
        names[full] = new if old is None else Addresses(_union(old.v4, new.v4), _union(old.v6, new.v6))


def _labels(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names if name))


def _union(old: tuple[bytes, ...], new: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(old + new))


@lru_cache(maxsize=65536)
def _addresses(texts: tuple[str, ...]) -> Addresses:
    packed = [ip_address(text.partition("/")[0]).packed for text in texts]
    return Addresses(tuple(p for p in packed if len(p) == 4), tuple(p for p in packed if len(p) == 16))
