"""The cluster as the engine has it: shared facts shown, own facts published, addresses claimed."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from seaway.cluster import keys
from seaway.cluster.mirror import Mirror, News
from seaway.cluster.session import Session
from seaway.engine import endpoints
from seaway.engine.clock import identity
from seaway.engine.cluster_cache import Cache
from seaway.engine.endpoints import Choice, Given
from seaway.engine.facts import Change, Facts, SharedFacts
from seaway.engine.settle import Settler, of_endpoint, of_network, of_peer, of_sandbox
from seaway.engine.tasks import Tasks
from seaway.errors import Forbidden, NotFound, StoreConflict, Unavailable
from seaway.ipam.claims import COOLING, GATEWAY, by_aux, by_container, by_cooling, by_endpoint, claim_key
from seaway.model import Attachment, Container, Endpoint, Network, Remote
from seaway.model.codec import encode
from seaway.store import Check, Put

log = logging.getLogger(__name__)

TRIES = 60
"""How often an address is proposed while others take just that one."""

MOVING = 0.7
"""Seconds within which an address that another host just gave back is heard of."""

NO_CLUSTER = (
    "this daemon has no cluster store: networks over several hosts need one. "
    "Start it with --cluster-store etcd://HOST:2379 (or consul://, zk://) and --cluster-advertise ADDRESS"
)


class Mender(Protocol):
    """What must be done to containers when the cluster has decided otherwise."""

    async def readdress(self, endpoint: Endpoint) -> None:
        """The endpoint's address is another's: give it a new one."""
        ...

    async def abandon(self, endpoint: Endpoint) -> None:
        """The endpoint's network is gone: take it away."""
        ...


class Shared:
    """The cluster, or its absence (``session`` None)."""

    def __init__(self, facts: Facts, settler: Settler, tasks: Tasks, mirror: Mirror) -> None:
        self.facts = facts
        self.mirror = mirror
        self.session: Session | None = None
        self.mender: Mender | None = None
        self._settler = settler
        self._tasks = tasks
        self._cache = Cache(facts.store)
        self._pending: set[str] = set()
        self._dirty: set[str] = set()
        self._bell = asyncio.Event()
        self._house_stands = asyncio.Event()

    @property
    def configured(self) -> bool:
        """Whether there is a cluster store."""
        return self.session is not None

    def need(self) -> Session:
        """The session. Raises Forbidden when there is no cluster store."""
        if self.session is None:
            raise Forbidden(NO_CLUSTER)
        return self.session

    # -- what the session asks

    def desired(self) -> Mapping[str, bytes]:
        """Own endpoints and claims on networks of the cluster, as they shall stand in the store."""
        facts, me = self.facts, self.mirror.me
        shared = {n.id for n in facts.networks.values() if n.shared}
        found = {
            keys.endpoint(e.network_id, e.id): published(e, me)
            for e in facts.endpoints.values()
            if e.network_id in shared
        }
        for network_id in shared.intersection(facts.claimed_networks()):
            for address, owner in facts.own_claims(network_id).items():
                found[keys.claim(network_id, address)] = keys.owner(me, owner).encode()
        return found

    def pending(self) -> frozenset[str]:
        """Keys that a start is about to make its own."""
        return frozenset(self._pending)

    def news(self, news: News) -> None:
        """Show the mirror's tables, and settle what they change on this host."""
        mirror = self.mirror
        self._show()
        self._cache.note(news.raw)
        present = self.facts.snapshot().present
        self._dirty |= {of_peer(n, e) for n, e in news.peers if n in present}
        for network_id in news.networks & present:
            self._dirty.add(of_network(network_id))
            for place in self.facts.snapshot().endpoints_of_network(network_id):
                self._dirty |= {of_endpoint(place.id), of_sandbox(place.sandbox_id)}
        for network_id in present if news.members else ():
            there = mirror.abroad.get(network_id)
            remotes = there.remotes.values() if there else ()
            self._dirty |= {of_peer(network_id, r.id) for r in remotes if r.node in news.members}
        for network_id in (news.networks & present) - mirror.networks.keys():
            self._repair_all(network_id)
        self._bell.set()

    def lost(self, lost: Sequence[str]) -> None:
        """Claims that are another's by the store: nothing is kept for later, and endpoints move on."""
        for key in lost:
            _, network_id, address = key.split("/", 2)
            owner = self.facts.own_claims(network_id).get(address, "")
            place = self.facts.endpoints.get(owner.removeprefix("endpoint:"))
            log.warning("address lost to another host", extra={"address": address, "owner": owner})
            if place is not None and self.mender is not None:
                self._tasks.spawn(self._mend(self.mender.readdress, place), f"readdress {place.name}")
            elif owner:
                free = self.facts.commit(Change().free(claim_key(network_id, address)))
                self._tasks.spawn(free, f"give up {address}")

    def remembered(self) -> Mapping[str, bytes]:
        """All that is known here, for a store that has lost everything."""
        found: dict[str, bytes] = {}
        for network in self.mirror.networks.values():
            found |= dict(network_items(network))
        return found | self.mirror.memory()

    # -- work of its own

    async def load(self) -> None:
        """Show what was known when the daemon last ran."""
        self.mirror.known(await self._cache.load())
        self._show()

    def _show(self) -> None:
        mirror = self.mirror
        self.facts.adopt(
            SharedFacts(mirror.networks, mirror.abroad, mirror.members, mirror.alive, mirror.claims)
        )

    def start(self, session: Session, mender: Mender) -> None:
        """Begin the session, and settle what it tells."""
        self.session, self.mender = session, mender
        self.facts.changed = session.kick
        self._tasks.spawn(self._cache.run(), "cache of the cluster's facts")
        self._tasks.spawn(self.settle(), "settling the cluster's news")
        self._tasks.spawn(session.run(), "session with the cluster store")

    def house_stands(self) -> None:
        """What an earlier run left has been swept and all is settled: news may be settled from now on."""
        self._house_stands.set()

    async def close(self) -> None:
        """Write down what is known of the cluster."""
        await self._cache.flush()

    async def settle(self) -> None:
        """Settle what the news made dirty, until cancelled. Not before the whole house has been."""
        await self._house_stands.wait()
        while True:
            await self._bell.wait()
            self._bell.clear()
            scope, self._dirty = self._dirty, set()
            if scope:
                await self._settler.tidy(*scope)

    def reach(self, places: Iterable[Endpoint]) -> set[str]:
        """Owners besides the endpoints themselves that must be settled when these came or went."""
        snapshot = self.facts.snapshot()
        owners: set[str] = set()
        for network_id in {e.network_id for e in places}:
            network = snapshot.networks.get(network_id)
            if network is None or not network.shared:
                continue
            these = [e for e in places if e.network_id == network_id]
            others = sum(e.network_id == network_id for e in snapshot.endpoints.values()) - sum(
                e.id in snapshot.endpoints for e in these
            )
            abroad = snapshot.remotes(network_id)
            if not others:
                owners.add(of_network(network_id))
                owners |= {of_peer(network_id, eid) for eid in abroad.remotes}
                continue
            marks = {a.partition("/")[0] for e in these for a in e.addresses} | {e.mac for e in these}
            holders = [abroad.by_address.get(mark) or abroad.by_mac.get(mark) for mark in marks]
            owners |= {of_peer(network_id, holder.id) for holder in holders if holder is not None}
        return owners

    # -- addresses

    @asynccontextmanager
    async def joining(
        self, container: Container, wanted: Iterable[tuple[Network, Attachment]]
    ) -> AsyncIterator[Mapping[str, Given]]:
        """What the cluster gives a container, by network; inside, the caller writes it down as its own.

        What was not written down when this ends is given back.
        """
        given: dict[str, Given] = {}
        held: set[str] = set()
        try:
            for network, attachment in wanted:
                if network.shared:
                    given[network.id] = await self._claim(container, network.id, attachment, held)
            yield given
        finally:
            self._pending -= held
            if self.session is not None:
                self.session.kick()

    async def _claim(
        self, container: Container, network_id: str, attachment: Attachment, held: set[str]
    ) -> Given:
        session, eid = self.need(), identity()
        fresh: dict[str, str] = {}
        revisions: Mapping[str, int] = self.mirror.view.revisions
        patient = time.monotonic() + MOVING
        for _ in range(TRIES):
            network = self._joinable(network_id)
            claims = {**self.facts.claims(network_id), **fresh, **self._promised(network_id)}
            try:
                choices = self._choose(network, container, attachment, claims)
            except Forbidden:
                if time.monotonic() > patient or not session.connected:
                    raise
                fresh, revisions = {}, self.mirror.view.revisions
                await asyncio.sleep(0.1)  # another host may have given it back just now: we hear of it soon
                continue
            given = Given(eid, tuple(f"{c.address}/{c.prefix}" for c in choices))
            place = {keys.claim(network_id, c.address): c for c in choices}
            mine = {*place, keys.endpoint(network_id, eid)}
            held |= mine
            self._pending |= mine
            try:
                await session.commit(
                    [Check(keys.network(network_id), self.mirror.revision(keys.network(network_id))),
                     *(Check(k, revisions.get(k, 0)) for k in place)],
                    self._writes(container, network, attachment, given, place),
                )  # fmt: skip
                return given
            except Unavailable:
                if choices and all(self._still_ours(network_id, container, c) for c in choices):
                    return given  # the store hears of it when it is back
                raise
            except StoreConflict:
                self._pending -= mine
                held -= mine  # from here on another start may promise itself just these
            reading = await session.read(keys.claims(network_id))
            revisions = {key: item.revision for key, item in reading.items.items()}
            fresh = self._others({key: item.value.decode() for key, item in reading.items.items()})
            await session.caught_up(reading.revision, 0.5)
        raise Unavailable(f"network {network_id[:12]} is too busy: no address could be claimed")

    def _still_ours(self, network_id: str, container: Container, choice: Choice) -> bool:
        """Whether an address is the container's by the store's last word too, and not only by our wish."""
        told = self.mirror.claims.get(network_id, {}).get(choice.address, "")
        return choice.holder in _own(container) and keys.holder(told)[0] == self.mirror.me

    def _others(self, claims: Mapping[str, str]) -> dict[str, str]:
        """Of claims by key, others' by address. Of our own the local facts know more than the store."""
        return {
            key.rpartition("/")[2]: value
            for key, value in claims.items()
            if keys.holder(value)[0] != self.mirror.me
        }

    def _joinable(self, network_id: str) -> Network:
        network = self.facts.networks.get(network_id)
        if network is None:
            raise NotFound(f"network {network_id} not found")
        if network.removing in self.mirror.alive:
            raise Forbidden(f"network {network.name} is being removed")
        return network

    def _choose(
        self, network: Network, container: Container, attachment: Attachment, claims: Mapping[str, str]
    ) -> list[Choice]:
        try:
            return endpoints.choose_addresses(network, container, attachment, claims)
        except Unavailable:
            # Better an address that others may still connect with somebody else than none.
            warm = {a: o for a, o in claims.items() if o.startswith(COOLING) and not keys.holder(o)[0]}
            cold = {a: o for a, o in claims.items() if a not in warm}
            found = endpoints.choose_addresses(network, container, attachment, cold)
            return [Choice(c.address, c.prefix, c.holder or warm.get(c.address, "")) for c in found]

    def _promised(self, network_id: str) -> dict[str, str]:
        """Addresses that other starts are about to claim."""
        prefix = keys.claims(network_id)
        return {key.removeprefix(prefix): "promised" for key in self._pending if key.startswith(prefix)}

    def _writes(
        self,
        container: Container,
        network: Network,
        attachment: Attachment,
        given: Given,
        claims: Mapping[str, Choice],
    ) -> list[Put]:
        me = self.mirror.me
        endpoint = Endpoint(
            id=given.id,
            network_id=network.id,
            container_id=container.id,
            sandbox_id="",
            name=container.name,
            mac=endpoints.mac_for(container, network, attachment, given.addresses, given.id),
            addresses=given.addresses,
            dns_names=endpoints.dns_names(container, attachment),
        )
        owner = keys.owner(me, by_endpoint(given.id)).encode()
        return [
            *(Put(key, owner) for key in claims),
            Put(keys.endpoint(network.id, given.id), published(endpoint, me)),
        ]

    def _repair_all(self, network_id: str) -> None:
        for place in self.facts.snapshot().endpoints_of_network(network_id):
            if self.mender is not None:
                self._tasks.spawn(self._mend(self.mender.abandon, place), f"abandon {place.name}")

    async def _mend(self, work: Callable[[Endpoint], Awaitable[None]], place: Endpoint) -> None:
        await self._house_stands.wait()
        await work(place)


def network_items(network: Network) -> list[tuple[str, bytes]]:
    """What stands in the store because a network exists: the network, its gateways, what it keeps free."""
    found = [(keys.network(network.id), encode(network))]
    for pool in network.pools:
        if pool.gateway:
            found.append((keys.claim(network.id, pool.gateway), GATEWAY.encode()))
        found += [(keys.claim(network.id, a), by_aux(name).encode()) for name, a in pool.aux.items()]
    return found


def published(endpoint: Endpoint, node_id: str) -> bytes:
    """An endpoint as the other hosts are told of it."""
    return encode(
        Remote(
            id=endpoint.id,
            network_id=endpoint.network_id,
            node=node_id,
            container_id=endpoint.container_id,
            name=endpoint.name,
            mac=endpoint.mac,
            addresses=endpoint.addresses,
            dns_names=endpoint.dns_names,
        )
    )


def _own(container: Container) -> tuple[str, str]:
    return by_container(container.id), by_cooling(container.id)
