"""Entering a cluster: whose store it is, which address is ours, and the lease that says we live."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seaway.cluster import keys
from seaway.cluster.mirror import Mirror, Record
from seaway.errors import Conflict, NotFound, StoreConflict, Unavailable
from seaway.model import Member
from seaway.model.codec import decode, encode
from seaway.store import LIMIT, Check, Delete, Put, Reading, Store, Write

log = logging.getLogger(__name__)

TRIES = 10
"""How often entering is tried while others write the same keys."""


class Refused(Conflict):
    """The cluster does not take this node as it is; somebody has to change something."""


@dataclass(slots=True)
class Entry:
    """This node's way in. ``member`` is what it says of itself; ``ttl`` is the lease in seconds.

    ``cluster_id`` is the cluster this host belongs to, empty before the first time; ``remember`` keeps it.
    ``epoch`` is the record's, as of the last ``enter``.
    """

    store: Store
    member: Member
    ttl: float
    cluster_id: str
    vxlan_port: int
    remember: Callable[[str], None]
    epoch: str = ""
    _lease: str = ""
    _incarnation: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def enter(self, remembered: Mapping[str, bytes]) -> None:
        """Check the cluster's record, hold the advertised address, be alive. Raises Refused, Unavailable.

        ``remembered`` are keys that a store without a record is given back.
        """
        for _ in range(TRIES):
            try:
                await self._record(remembered)
                await self._register()
                return
            except StoreConflict:
                continue
        raise Unavailable(f"the cluster store {self.store.address} is too busy to enter the cluster")

    async def renew(self, mirror: Mirror) -> None:
        """Prolong the lease; when it has run out, or our sign of life is gone, begin a new one."""
        kept = bool(self._lease) and await self.store.renew(self._lease)
        if not kept or not mirror.revision(keys.alive(self.member.id)):
            await self._register()

    async def leave(self) -> None:
        """Say that we are going: the sign of life goes now."""
        lease, self._lease = self._lease, ""
        if lease:
            await self.store.revoke(lease)

    # -- how

    async def _record(self, remembered: Mapping[str, bytes]) -> None:
        reading = await self.store.read(keys.RECORD)
        item = reading.items.get(keys.RECORD)
        if item is None:
            # The record comes last: whoever sees it finds all that was known before.
            await self.bring_back(remembered)
            identity, epoch = self.cluster_id or str(uuid.uuid4()), uuid.uuid4().hex
            found = Record(id=identity, vxlan_port=self.vxlan_port, epoch=epoch)
            await self.store.commit([Check(keys.RECORD)], [Put(keys.RECORD, encode(found))])
        else:
            found = decode(item.value, Record)
        if self.cluster_id and found.id != self.cluster_id:
            raise Refused(
                f"the store {self.store.address} holds cluster {found.id}, and this host belongs to cluster "
                f"{self.cluster_id}: two clusters cannot share a prefix. Give the right --cluster-store, or "
                "remove the file 'cluster' from this host's data root to leave the old cluster"
            )
        if found.vxlan_port != self.vxlan_port:
            raise Refused(
                f"the cluster's VXLAN packets go to UDP port {found.vxlan_port}, and this host was told "
                f"{self.vxlan_port}: start it with --data-path-port {found.vxlan_port}"
            )
        if not self.cluster_id:
            self.cluster_id = found.id
            self.remember(found.id)
        self.epoch = found.epoch

    async def bring_back(self, remembered: Mapping[str, bytes]) -> None:
        """The store has lost something, or is another one that is empty: give it what we know."""
        if remembered:
            log.warning("the store is told again what it has lost", extra={"keys": len(remembered)})
        items = list(remembered.items())
        for start in range(0, len(items), LIMIT // 2):
            await self._write_missing(items[start : start + LIMIT // 2])

    async def _write_missing(self, items: Sequence[tuple[str, bytes]]) -> None:
        try:
            await self.store.commit([Check(k) for k, _ in items], [Put(k, v) for k, v in items])
        except StoreConflict as conflict:  # it is there, or another host does the same
            there = set(conflict.keys)
            if rest := [item for item in items if item[0] not in there]:
                await self._write_missing(rest)

    async def _register(self) -> None:
        me = self.member
        address = keys.advertise(me.address)
        held = await self.store.read(address)
        living = await self.store.read(keys.ALIVE)
        known = await self.store.read(keys.node(me.id))
        checks = [Check(address, _revision(held, address))]
        holder = held.items[address].value.decode() if address in held.items else me.id
        if holder != me.id and keys.alive(holder) in living.items:
            other = await self._name(holder)
            raise Refused(
                f"{me.address} is already advertised by {other}, which is alive: "
                "each host advertises an address of its own"
            )
        writes: list[Write] = [Put(address, me.id.encode()), Put(keys.node(me.id), encode(me))]
        if keys.node(me.id) in known.items:
            before = decode(known.items[keys.node(me.id)].value, Member)
            if before.address != me.address:
                writes.append(Delete(keys.advertise(before.address)))
        lease = await self.store.lease(self.ttl)
        sign = Put(keys.alive(me.id), self._incarnation.encode(), lease)
        assert len(checks) + len(writes) < LIMIT
        try:
            await self.store.commit(checks, [*writes, sign])
        except NotFound as error:
            raise Unavailable(f"the lease ran out while it was used: {error.message}") from error
        self._lease = lease

    async def _name(self, node_id: str) -> str:
        found = (await self.store.read(keys.node(node_id))).items.get(keys.node(node_id))
        if found is None:
            return f"node {node_id}"
        member = decode(found.value, Member)
        return f"node {member.name} ({node_id})"


def _revision(reading: Reading, key: str) -> int:
    item = reading.items.get(key)
    return item.revision if item else 0
