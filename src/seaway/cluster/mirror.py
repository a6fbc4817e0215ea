"""The mirror: what the store holds, decoded, as of the last batch of its watch. No I/O.

Tables are replaced, never changed in place, so that a snapshot costs nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from seaway.cluster import keys, reading
from seaway.cluster.reading import Record
from seaway.errors import Failure
from seaway.model import Abroad, Member, Network, Remote
from seaway.model.codec import encode
from seaway.store import Batch, Event, Reading, View
from seaway.store.lag import difference

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class News:
    """What a batch changed: networks by ID, remote endpoints as (network, endpoint), members, own keys."""

    networks: set[str] = field(default_factory=set)
    peers: set[tuple[str, str]] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    alive: bool = False
    mine: bool = False
    raw: dict[str, bytes | None] = field(default_factory=dict)
    """Every key that changed, with its new value; but not what the host's own copy says already."""


@dataclass(slots=True)
class _Segment:
    """A network's remote endpoints while a batch is applied, and who has which address."""

    remotes: dict[str, Remote] = field(default_factory=dict)
    by_address: dict[str, Remote] = field(default_factory=dict)
    by_mac: dict[str, Remote] = field(default_factory=dict)
    rivals: dict[str, set[str]] = field(default_factory=dict)
    """Of addresses and MAC addresses that several endpoints have: those endpoints."""


class Mirror:
    """All shared facts. ``me`` is this node's ID: its own endpoints are not abroad, but ``mine``."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.view = View()
        self.record: Record | None = None
        self.networks: Mapping[str, Network] = {}
        self.members: Mapping[str, Member] = {}
        self.alive: frozenset[str] = frozenset()
        self.abroad: Mapping[str, Abroad] = {}
        self.claims: dict[str, dict[str, str]] = {}
        self.mine: dict[str, bytes] = {}
        self._segments: dict[str, _Segment] = {}
        self._copied: Mapping[str, bytes] = {}

    def known(self, items: Mapping[str, bytes]) -> News:
        """Take in what was known when the daemon last ran. Any reading of the store is newer."""
        events = [Event(key, value, 0) for key, value in items.items()]
        news = self._take(events)
        self.view.revisions = dict.fromkeys(items, 0)
        self._copied = items
        return news

    def rewind(self) -> None:
        """The store is another one, or as it was some time ago: whatever it says next is newer."""
        self.view = View(0, dict.fromkeys(self.view.revisions, 0))

    def read(self, whole: Reading) -> News:
        """Take a whole reading of the store in."""
        news = self.apply(Batch(whole.revision, difference(self.view, whole)))
        self._copied = {}
        return news

    def apply(self, batch: Batch) -> News:
        """Take a batch of the watch in."""
        news = self._take(event for event in batch.events if self._admit(event))
        self.view.revision = max(self.view.revision, batch.revision)
        return news

    def memory(self) -> dict[str, bytes]:
        """All that a store which has lost everything must be told; of our own, publishing takes care."""
        found = {keys.network(n.id): encode(n) for n in self.networks.values()}
        for member in self.members.values():
            found[keys.node(member.id)] = encode(member)
            found[keys.advertise(member.address)] = member.id.encode()
        for network_id, claims in self.claims.items():
            found |= {keys.claim(network_id, a): owner.encode() for a, owner in claims.items()}
        for network_id, there in self.abroad.items():
            for remote in there.remotes.values():
                bare = msgspec.structs.replace(remote, revision=0)
                found[keys.endpoint(network_id, remote.id)] = encode(bare)
        return found | self.mine

    def foreign(self, network_id: str, address: str) -> bool:
        """Whether an address is claimed by somebody else than this node."""
        value = self.claims.get(network_id, {}).get(address)
        return value is not None and keys.holder(value)[0] != self.me

    def revision(self, key: str) -> int:
        """The revision at which a key stands; 0 when it does not."""
        return self.view.revisions.get(key, 0)

    def _admit(self, event: Event) -> bool:
        """Whether an event tells something new, which is then known: a batch may tell of a key twice."""
        revisions = self.view.revisions
        known = revisions.get(event.key)
        if event.value is None:
            if known is None or known > event.revision:
                return False
            del revisions[event.key]
        else:
            if known is not None and known >= event.revision:
                return False
            revisions[event.key] = event.revision
        return True

    def _take(self, events: Iterable[Event]) -> News:
        news = News()
        networks, members, alive = dict(self.networks), dict(self.members), set(self.alive)
        touched: set[str] = set()
        for event in events:
            room, _, rest = event.key.partition("/")
            try:
                match room:
                    case "cluster":
                        self.record = reading.record(event.value) if event.value else None
                    case "networks" if event.key != keys.GUARD:
                        _put(networks, rest, event, reading.network)
                        news.networks.add(rest)
                    case "nodes":
                        before = members.get(rest)
                        _put(members, rest, event, reading.member)
                        if members.get(rest) != before:
                            news.members.add(rest)
                    case "alive":
                        (alive.discard if event.value is None else alive.add)(rest)
                        news.alive = True
                    case "claims":
                        self._claim(rest, event, news)
                    case "endpoints":
                        touched |= self._endpoint(rest, event, news)
            except Failure as error:
                # What stood there before goes on to hold: a newer Seaway may have written it anew.
                log.warning("not understood", extra={"key": event.key, "reason": error.message})
                self._note_mine(event, False, news)
                continue
            if event.value is None or self._copied.get(event.key) != event.value:
                news.raw[event.key] = event.value
        if news.networks:
            self.networks = networks
        if news.members:
            self.members = members
        if news.alive:
            self.alive = frozenset(alive)
        if touched:
            self._expose(touched)
        return news

    def _claim(self, rest: str, event: Event, news: News) -> None:
        network_id, _, address = rest.partition("/")
        owner = None if event.value is None else reading.owner(event.key, event.value)
        table = self.claims.setdefault(network_id, {})
        if owner is None:
            table.pop(address, None)
            if not table:
                del self.claims[network_id]
        else:
            table[address] = owner
        ours = owner is not None and keys.holder(owner)[0] == self.me
        self._note_mine(event, ours, news)

    def _endpoint(self, rest: str, event: Event, news: News) -> set[str]:
        """Returns the network when something abroad changed."""
        network_id, _, identity = rest.partition("/")
        new = None
        if event.value is not None:
            found = reading.endpoint(event.key, event.value)
            new = msgspec.structs.replace(found, revision=event.revision)
        segment = self._segments.setdefault(network_id, _Segment())
        old = segment.remotes.pop(identity, None)
        ours = new is not None and new.node == self.me
        self._note_mine(event, ours, news)
        if new is not None and not ours:
            segment.remotes[identity] = new
        else:
            new = None
        if old is None and new is None:
            return set()
        marks = {*_marks(old), *_marks(new)}
        for mark in marks:
            news.peers |= {(network_id, other) for other in _claimants(segment, mark, identity, old, new)}
        news.peers.add((network_id, identity))
        return {network_id}

    def _note_mine(self, event: Event, ours: bool, news: News) -> None:
        if ours and event.value is not None:
            news.mine = True
            self.mine[event.key] = event.value
        elif self.mine.pop(event.key, None) is not None:
            news.mine = True

    def _expose(self, touched: set[str]) -> None:
        abroad = dict(self.abroad)
        for network_id in touched:
            segment = self._segments[network_id]
            if segment.remotes:
                abroad[network_id] = Abroad(
                    dict(segment.remotes), dict(segment.by_address), dict(segment.by_mac)
                )
            else:
                abroad.pop(network_id, None)
                del self._segments[network_id]
        self.abroad = abroad


def _put(table: dict[str, T], name: str, event: Event, read: Callable[[str, bytes], T]) -> None:
    if event.value is None:
        table.pop(name, None)
    else:
        table[name] = read(event.key, event.value)


def _marks(remote: Remote | None) -> list[str]:
    """What an endpoint says is its own: addresses without prefix, and ``mac `` before its MAC address."""
    if remote is None:
        return []
    return [*(a.partition("/")[0] for a in remote.addresses), f"mac {remote.mac}"]


def _claimants(
    segment: _Segment, mark: str, identity: str, old: Remote | None, new: Remote | None
) -> set[str]:
    """Bring the holder of one mark up to date. Returns all who say, or said, that it is theirs."""
    word, _, mac = mark.partition(" ")
    table, key = (segment.by_mac, mac) if mac else (segment.by_address, word)
    said = segment.rivals.pop(mark, None) or ({table[key].id} if key in table else set())
    if mark in _marks(new):
        said.add(identity)
    else:
        said.discard(identity)
    if said:
        table[key] = max((segment.remotes[i] for i in said), key=lambda r: (r.revision, r.id))
        if len(said) > 1:
            segment.rivals[mark] = said
    else:
        table.pop(key, None)
    return said | {identity}
