"""The zone of a sandbox: every name that its processes can resolve, as an immutable table. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from math import inf
from types import MappingProxyType
from typing import TypeAlias

from seaway.model import Endpoint, Network, Remote, Snapshot

Place: TypeAlias = Endpoint | Remote
"""Somebody with a name on a network: a container here, or one on another host."""

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
    """The names on one network, shared by the zones of all sandboxes on it.

    ``remotes`` are all that other hosts have on it, on ``nodes``; ``places`` only those of hosts ``alive``.
    """

    network: Network
    endpoints: tuple[Endpoint, ...]
    remotes: Mapping[str, Remote]
    nodes: frozenset[str]
    alive: frozenset[str]
    places: tuple[Place, ...]
    names: Mapping[str, Addresses]
    reverse: Mapping[bytes, str]

    def holds(self, endpoints: tuple[Endpoint, ...] | None, snapshot: Snapshot, same_alive: bool) -> bool:
        """Whether it is what would be built of these facts. Mappings are replaced by a change."""
        known = snapshot.networks.get(self.network.id)
        if (known is not self.network and known != self.network) or endpoints != self.endpoints:
            return False
        if snapshot.remotes(self.network.id).remotes is not self.remotes:
            return False
        return same_alive or snapshot.alive & self.nodes == self.alive


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

    Tables are per network and shared; one is built anew only when an endpoint on its network changed, here
    or elsewhere, or a host that has one came to life or died: its names go with it.
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
    if before.snapshot.endpoints is snapshot.endpoints:
        by_network, by_sandbox = before.by_network, before.by_sandbox
    else:
        by_network, by_sandbox = _grouped(snapshot.endpoints.values())
    index = _Index(
        snapshot,
        by_network,
        by_sandbox,
        before={k: z for k, z in (before.before | before.zones).items() if k in snapshot.sandboxes},
    )
    same_alive = before.snapshot.alive is snapshot.alive or before.snapshot.alive == snapshot.alive
    for key, table in before.tables.items():
        if table.holds(index.by_network.get(key), snapshot, same_alive):
            index.tables[key] = table
    _latest[0] = index
    return index


_Groups: TypeAlias = Mapping[str, tuple[Endpoint, ...]]


def _grouped(endpoints: Iterable[Endpoint]) -> tuple[_Groups, _Groups]:
    """Endpoints by network, in the order of names, and by sandbox, in that of interfaces."""
    by_network: dict[str, list[Endpoint]] = {}
    by_sandbox: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_network.setdefault(endpoint.network_id, []).append(endpoint)
        by_sandbox.setdefault(endpoint.sandbox_id, []).append(endpoint)
    return (
        {key: tuple(sorted(found, key=lambda e: (e.name, e.id))) for key, found in by_network.items()},
        {
            key: tuple(sorted(found, key=lambda e: (len(e.ifname), e.ifname, e.id)))
            for key, found in by_sandbox.items()
        },
    )


def _same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of the same facts: mappings are replaced by a change, never changed."""
    return one is other or (
        one.endpoints is other.endpoints
        and one.networks is other.networks
        and one.sandboxes is other.sandboxes
        and one.abroad is other.abroad
        and (one.alive is other.alive or one.alive == other.alive)
    )


def _table(network: Network, index: _Index) -> _Table:
    table = index.tables.get(network.id)
    if table is None:
        endpoints = index.by_network.get(network.id, ())
        table = index.tables[network.id] = _build(network, endpoints, index.snapshot)
    return table


def _build(network: Network, endpoints: tuple[Endpoint, ...], snapshot: Snapshot) -> _Table:
    remotes = snapshot.remotes(network.id).remotes
    nodes = frozenset(remote.node for remote in remotes.values())
    alive = snapshot.alive & nodes
    places: tuple[Place, ...] = endpoints
    if alive:
        living = (remote for remote in remotes.values() if remote.node in alive)
        places = tuple(sorted((*endpoints, *living), key=_by_name))
    names, reverse = MappingProxyType(_names(places, network)), MappingProxyType(_reverse(places, network))
    return _Table(network, endpoints, remotes, nodes, alive, places, names, reverse)


def _by_name(place: Place) -> tuple[str, str]:
    return place.name, place.id


def _names(places: Iterable[Place], network: Network) -> dict[str, Addresses]:
    """The addresses of each name, as it is and with the network's behind it."""
    found: dict[str, list[Addresses]] = {}
    for place in places:
        addresses = _addresses(place.addresses)
        if addresses.v4 or addresses.v6:
            for label in _labels(place.dns_names):
                if label in found:
                    found[label].append(addresses)
                else:
                    found[label] = [addresses]
    names = {label: several[0] if len(several) == 1 else _union(several) for label, several in found.items()}
    suffix = "." + network.name.lower()
    full = {label + suffix: addresses for label, addresses in names.items()}
    both = {name: _union([names[name], full[name]]) for name in names.keys() & full.keys()}
    return names | full | both


def _reverse(places: Iterable[Place], network: Network) -> dict[bytes, str]:
    """``name.network`` by address; of several with one address that here, or the one published last."""
    found: dict[bytes, Place] = {}
    for place in places:
        if place.dns_names:
            addresses = _addresses(place.addresses)
            for packed in addresses.v4 + addresses.v6:
                if packed not in found or _age(place) >= _age(found[packed]):
                    found[packed] = place
    return {packed: f"{place.dns_names[0]}.{network.name}" for packed, place in found.items()}


def _age(place: Place) -> float:
    return place.revision if isinstance(place, Remote) else inf


def _add_links(links: dict[str, Addresses], endpoint: Endpoint, table: _Table) -> None:
    for alias, target in endpoint.links.items():
        for other in table.places:
            if _is(other, target):
                _add(links, alias.lower(), table.network, _addresses(other.addresses))


def _is(place: Place, target: str) -> bool:
    """Whether a link's target, a container's name or its full or shortened ID, means this one."""
    wanted = target.removeprefix("/")
    named = wanted in (place.name, *place.dns_names[:1])
    return named or (len(wanted) >= 12 and place.container_id.startswith(wanted))


def _add(names: dict[str, Addresses], name: str, network: Network, new: Addresses) -> None:
    for full in (name, f"{name}.{network.name.lower()}"):
        old = names.get(full)
        names[full] = new if old is None else _union([old, new])


@lru_cache(maxsize=65536)
def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names if name))


def _union(several: Sequence[Addresses]) -> Addresses:
    """All of them, each once."""
    return Addresses(
        tuple(dict.fromkeys(packed for one in several for packed in one.v4)),
        tuple(dict.fromkeys(packed for one in several for packed in one.v6)),
    )


@lru_cache(maxsize=65536)
def _addresses(texts: tuple[str, ...]) -> Addresses:
    packed = [ip_address(text.partition("/")[0]).packed for text in texts]
    return Addresses(tuple(p for p in packed if len(p) == 4), tuple(p for p in packed if len(p) == 16))
