"""Networks of the cluster: made and removed in its store, one at a time over all hosts."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from seaway.cluster import keys, reading
from seaway.cluster.session import Session
from seaway.engine.shared import Shared, network_items
from seaway.errors import Conflict, Failure, Forbidden, Newer, NotFound, StoreConflict, Unavailable
from seaway.model import Network, Remote
from seaway.model.codec import encode
from seaway.model.names import short
from seaway.store import LIMIT, Check, Delete, Item, Put, Write

log = logging.getLogger(__name__)

PATIENCE = 4.5
"""Seconds that making or removing a network may take while other hosts do the same."""

Propose = Callable[[Mapping[str, Network]], Network]
"""From the cluster's networks as they are to the one that shall be made. Raises what is wrong with it."""


@dataclass(slots=True)
class SharedNetworks:
    """Makes and removes networks of the cluster."""

    shared: Shared
    _under_way: set[str] = field(default_factory=set)

    async def create(self, propose: Propose) -> Network:
        """Make what ``propose`` says of the networks there are, anew as often as another host was quicker."""
        session = self.shared.need()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._create(session, propose)
        except TimeoutError:
            raise Unavailable(
                f"the cluster store {session.store.address} did not take the network within {PATIENCE} s"
            ) from None

    async def remove(self, network: Network) -> None:
        """Remove a network that nobody is on, on no host.

        It is marked first, so that nobody joins it meanwhile. Raises Forbidden naming who is on it.
        """
        session = self.shared.need()
        self._under_way.add(network.id)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._remove(session, network)
        except TimeoutError:
            raise Unavailable(
                f"the cluster store {session.store.address} did not let the network go within {PATIENCE} s"
            ) from None
        finally:
            self._under_way.discard(network.id)

    async def unmark(self) -> None:
        """Take back the marks of removals of ours that came to nothing: the store or we went away."""
        mirror, session = self.shared.mirror, self.shared.need()
        for network in mirror.networks.values():
            if network.removing == mirror.me and network.id not in self._under_way:
                log.info("removal taken back", extra={"network": network.name})
                with contextlib.suppress(NotFound):
                    await self._mark(session, network, "")

    # -- how

    async def _create(self, session: Session, propose: Propose) -> Network:
        while True:
            items = dict((await session.read(keys.NETWORKS)).items)
            guard = items.pop(keys.GUARD, None)
            network = propose(self._known(items))
            writes: list[Write] = [Put(keys.GUARD, network.id.encode())]
            writes += [Put(key, value) for key, value in network_items(network)]
            checks = [Check(keys.GUARD, _revision(guard)), Check(keys.network(network.id))]
            if len(checks) + len(writes) > LIMIT:
                raise Forbidden(f"network {network.name} has too many subnets and auxiliary addresses")
            try:
                revision = await session.commit(checks, writes)
            except StoreConflict:
                await asyncio.sleep(random.uniform(0, 0.02))
                continue
            await session.caught_up(revision)
            return network

    def _known(self, items: Mapping[str, Item]) -> Mapping[str, Network]:
        """The networks in a reading; one that cannot be understood is as it was when it could be.

        One that never could be is nobody's, unless a newer Seaway made it: it may hold what another one
        would be given. Raises Forbidden.
        """
        known = {}
        for key, item in items.items():
            try:
                network = reading.network(key, item.value)
            except Failure as error:
                before = self.shared.mirror.networks.get(key.removeprefix(keys.NETWORKS))
                if before is None and isinstance(error, Newer):
                    raise Forbidden(f"a newer Seaway has written {key} into the store: {error}") from error
                if before is None:
                    continue
                network = before
            known[network.id] = network
        return known

    async def _remove(self, session: Session, network: Network) -> None:
        key, me = keys.network(network.id), self.shared.mirror.me
        marked = await self._mark(session, network, me)
        users = _users((await session.read(keys.endpoints(network.id))).items)
        if users:
            await self._mark(session, network, "")
            raise Forbidden(self._used(network, users))
        while True:
            items = (await session.read(keys.NETWORKS)).items
            if key not in items:
                break
            guard = items.get(keys.GUARD)
            checks = [Check(keys.GUARD, _revision(guard)), Check(key, marked)]
            try:
                revision = await session.commit(checks, [Put(keys.GUARD, me.encode()), Delete(key)])
            except StoreConflict as conflict:
                if key in conflict.keys:
                    raise Conflict(f"network {network.name} is being changed by another host") from conflict
                continue
            await session.caught_up(revision)
            break
        await self._forget_the_rest(session, network.id)

    async def _mark(self, session: Session, network: Network, mark: str) -> int:
        """Write who is removing the network; empty: nobody any more. Returns the revision."""
        key = keys.network(network.id)
        while True:
            item = (await session.read(key)).items.get(key)
            if item is None:
                raise NotFound(f"network {network.name} not found")
            there = self._known({key: item}).get(network.id, network)
            now = msgspec.structs.replace(there, removing=mark)
            try:
                return await session.commit([Check(key, item.revision)], [Put(key, encode(now))])
            except StoreConflict:
                continue

    async def _forget_the_rest(self, session: Session, network_id: str) -> None:
        left = list((await session.read(keys.claims(network_id))).items)
        left += (await session.read(keys.endpoints(network_id))).items
        for start in range(0, len(left), LIMIT):
            await session.commit((), [Delete(key) for key in left[start : start + LIMIT]])

    def refuse_used(self, network: Network) -> None:
        """Raise Forbidden naming who is on a network, here and on other hosts, as far as is known here."""
        snapshot, me = self.shared.facts.snapshot(), self.shared.mirror.me
        here = [
            Remote(id=e.id, network_id=e.network_id, node=me, container_id="", name=e.name, mac="")
            for e in snapshot.endpoints_of_network(network.id)
        ]
        users = [*here, *snapshot.remotes(network.id).remotes.values()]
        if users:
            raise Forbidden(self._used(network, users))

    def _used(self, network: Network, users: list[Remote]) -> str:
        return (
            f"error while removing network: network {network.name} has active endpoints "
            f"({self._named(users)})"
        )

    def _named(self, users: list[Remote]) -> str:
        """Endpoints in the words of a refusal, each with its host."""
        members, alive = self.shared.mirror.members, self.shared.mirror.alive
        told = []
        for one in sorted(users, key=lambda u: (u.name, u.id)):
            member = members.get(one.node)
            host = member.name if member else one.node
            state = "" if one.node in alive or one.node == self.shared.mirror.me else ", which is down"
            told.append(f'name:"{one.name}" id:"{short(one.id)}" on host {host}{state}')
        return ", ".join(told)


def _users(items: Mapping[str, Item]) -> list[Remote]:
    """The endpoints in a reading. What is none holds no network; what a newer Seaway wrote raises Newer."""
    found = []
    for key, item in items.items():
        try:
            found.append(reading.endpoint(key, item.value))
        except Newer:
            raise
        except Failure:
            continue
    return found


def _revision(item: Item | None) -> int:
    return item.revision if item else 0
