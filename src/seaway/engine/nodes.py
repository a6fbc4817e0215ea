"""The verbs of a cluster's nodes: list, inspect, forget one that is gone."""

import builtins
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from seaway.cluster import keys
from seaway.engine.cluster_views import NO_CLUSTER, ClusterView, EndpointView, NodeView, State
from seaway.engine.shared import Shared
from seaway.errors import Conflict, Forbidden, InvalidInput, NotFound, StoreConflict, Unavailable
from seaway.model import Endpoint, Member, Remote
from seaway.store import LIMIT, Check, Delete

log = logging.getLogger(__name__)

TRIES = 5
"""How often keys are deleted that change meanwhile: a lease may run out, another host may do the same."""

WORDS: Mapping[str, State] = {"connected": "connected", "joining": "joining"}
"""States of the session as the users see them; all others are ``away``."""


@dataclass(slots=True)
class ClusterNodes:
    """Nodes of the cluster."""

    shared: Shared
    advertise: str = ""

    def view(self) -> ClusterView:
        """How it is with the cluster. Raises Unavailable when there is none."""
        session = self.shared.session
        if session is None:
            raise Unavailable(NO_CLUSTER)
        mirror = self.shared.mirror
        return ClusterView(
            advertise=self.advertise,
            state=WORDS.get(session.state.word, "away"),
            since=time.time() - (time.monotonic() - session.state.since),
            nodes=len(mirror.members),
            down=len(mirror.members.keys() - mirror.alive),
        )

    def list(self) -> builtins.list[NodeView]:
        """All nodes by name."""
        if not self.shared.configured:
            raise Unavailable(NO_CLUSTER)
        members = self.shared.mirror.members.values()
        return [self._shown(m) for m in sorted(members, key=lambda m: (m.name, m.id))]

    def inspect(self, ref: str) -> NodeView:
        """One node by ID, beginning of an ID, name or address."""
        return self._shown(self._find(ref))

    async def remove(self, ref: str, force: bool) -> NodeView:
        """Forget a node: its endpoints, the addresses it held, its registration.

        When it comes back it enters anew, and its containers get addresses that are free then.
        """
        member, mirror = self._find(ref), self.shared.mirror
        if member.id == mirror.me:
            raise Conflict(f"{member.name} is this node: ask another one to forget it, once it is down")
        if member.id in mirror.alive and not force:
            raise Conflict(f"node {member.name} is alive: stop its daemon first, or use force")
        last = self._shown(member)
        await forget(self.shared, member.id, force=force)
        return last

    # -- how

    def _find(self, ref: str) -> Member:
        if not self.shared.configured:
            raise Unavailable(NO_CLUSTER)
        members = self.shared.mirror.members
        if ref in members:
            return members[ref]
        named = [m for m in members.values() if ref in (m.name, m.address)]
        found = named or [m for m in members.values() if ref and m.id.startswith(ref)]
        if len(found) > 1:
            raise InvalidInput(f"node {ref} is ambiguous ({len(found)} matches): give its ID or its address")
        if not found:
            raise NotFound(f"node {ref} not found")
        return found[0]

    def _shown(self, member: Member) -> NodeView:
        mirror, mine = self.shared.mirror, member.id == self.shared.mirror.me
        facts = self.shared.facts
        remotes: builtins.list[Remote | Endpoint] = [
            r for there in mirror.abroad.values() for r in there.remotes.values() if r.node == member.id
        ]
        own: builtins.list[Remote | Endpoint] = [
            e for e in facts.endpoints.values() if mine and e.network_id in mirror.networks
        ]
        endpoints = [
            EndpointView(
                network=mirror.networks[e.network_id].name if e.network_id in mirror.networks else "",
                name=e.name,
                addresses=e.addresses,
                mac=e.mac,
                id=e.id,
                container_id=e.container_id,
            )
            for e in [*remotes, *own]
        ]
        session = self.shared.session
        alive = session is not None and session.connected if mine else member.id in mirror.alive
        return NodeView(
            id=member.id,
            name=member.name,
            address=member.address,
            version=member.version,
            alive=alive,
            self=mine,
            endpoints=tuple(sorted(endpoints, key=lambda e: (e.network, e.name, e.id))),
        )


async def forget(shared: Shared, node_id: str, *, whole: bool = True, force: bool = False) -> int:
    """Remove all that stands in the store in a node's name. Returns how many keys went.

    ``whole`` False: only endpoints and claims; the node stays listed as one that is down.
    """
    mirror = shared.mirror
    gone = [
        keys.endpoint(network_id, remote.id)
        for network_id, there in mirror.abroad.items()
        for remote in there.remotes.values()
        if remote.node == node_id
    ]
    gone += [
        keys.claim(network_id, address)
        for network_id, claims in mirror.claims.items()
        for address, value in claims.items()
        if keys.holder(value)[0] == node_id
    ]
    member = mirror.members.get(node_id)
    if whole and member is not None:
        gone += [keys.node(node_id), keys.alive(node_id), keys.advertise(member.address)]
    return await _delete(shared, gone, "" if force else node_id)


async def forget_endpoint(shared: Shared, remote: Remote) -> None:
    """Remove the endpoint of a node that is down, and free its addresses. Raises Forbidden when it lives."""
    mirror = shared.mirror
    shared.need()
    if remote.node in mirror.alive:
        member = mirror.members.get(remote.node)
        where = f"{member.name} ({member.address})" if member else remote.node
        raise Forbidden(f"endpoint {remote.name} is on host {where}, which is alive: disconnect it there")
    claims = mirror.claims.get(remote.network_id, {})
    gone = [keys.endpoint(remote.network_id, remote.id)]
    for cidr in remote.addresses:
        address = cidr.partition("/")[0]
        if keys.holder(claims.get(address, ""))[0] == remote.node:
            gone.append(keys.claim(remote.network_id, address))
    await _delete(shared, gone, remote.node)


async def _delete(shared: Shared, gone: builtins.list[str], dead: str) -> int:
    """Delete keys, as they are by now; but nothing when the node that must be dead has come back."""
    session, revision = shared.need(), 0
    for start in range(0, len(gone), LIMIT // 2):
        revision = await _delete_part(shared, gone[start : start + LIMIT // 2], dead)
    await session.caught_up(revision)
    return len(gone)


async def _delete_part(shared: Shared, part: builtins.list[str], dead: str) -> int:
    session, mirror, changed = shared.need(), shared.mirror, ""
    for _ in range(TRIES):
        if dead and mirror.revision(keys.alive(dead)):
            break
        checks = [Check(key, mirror.revision(key)) for key in part]
        if dead and keys.alive(dead) not in part:
            checks.append(Check(keys.alive(dead)))
        try:
            return await session.commit(checks, [Delete(key) for key in part])
        except StoreConflict as conflict:
            changed = conflict.keys[0]
            await session.caught_up((await session.read(changed)).revision)
    raise Unavailable(
        f"the node's facts change meanwhile ({changed or keys.alive(dead)}): is it alive after all? Try again"
    )
