"""Entering a cluster: whose store it is, which address is ours, and the lease that says we live."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seaway.cluster import keys, reading
from seaway.cluster.mirror import Mirror
from seaway.cluster.reading import Record
from seaway.errors import Conflict, Failure, NotFound, StoreConflict, Unavailable
from seaway.model import Member
from seaway.model.codec import encode
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
    ``incarnation`` is another one for each boot of this host: it tells it from a copy that has its ID.
    ``epoch`` is the record's, as of the last ``enter``.
    """

    store: Store
    member: Member
    ttl: float
    cluster_id: str
    vxlan_port: int
    remember: Callable[[str], None]
    incarnation: str = field(default_factory=lambda: uuid.uuid4().hex)
    epoch: str = ""
    _lease: str = ""

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
        item = (await self.store.read(keys.RECORD)).items.get(keys.RECORD)
        if item is None:
            # The record comes last: whoever sees it finds all that was known before.
            await self.bring_back(remembered)
            identity, epoch = self.cluster_id or str(uuid.uuid4()), uuid.uuid4().hex
            found = Record(id=identity, vxlan_port=self.vxlan_port, epoch=epoch)
            await self.store.commit([Check(keys.RECORD)], [Put(keys.RECORD, encode(found))])
        else:
            found = self._read_record(item.value)
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

    def _read_record(self, value: bytes) -> Record:
        try:
            return reading.record(value)
        except Failure as error:
            raise Refused(
                f"what stands under {keys.RECORD} in the store {self.store.address} is no cluster of this "
                f"Seaway's: {error}"
            ) from error

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
        known = await self.store.read(keys.NODES)
        self._refuse_family(known, living)
        checks = [Check(address, _revision(held, address))]
        holder = held.items[address].value.decode(errors="replace") if address in held.items else me.id
        sign = living.items.get(keys.alive(holder))
        if holder != me.id and sign is not None and sign.value != self.incarnation.encode():
            other = await self._name(holder)
            raise Refused(
                f"{me.address} is already advertised by {other}, which is alive: "
                "each host advertises an address of its own"
            )
        writes: list[Write] = [Put(address, me.id.encode()), Put(keys.node(me.id), encode(me))]
        before = _member(known, me.id)
        if before is not None and before.address != me.address:
            self._refuse_copy(before, living)
            writes += await self._give_up(keys.advertise(before.address), checks)
        lease = await self.store.lease(self.ttl)
        writes.append(Put(keys.alive(me.id), self.incarnation.encode(), lease))
        assert len(checks) + len(writes) <= LIMIT
        try:
            await self.store.commit(checks, writes)
        except NotFound as error:
            raise Unavailable(f"the lease ran out while it was used: {error.message}") from error
        self._lease = lease

    def _refuse_family(self, known: Reading, living: Reading) -> None:
        """Refuse an address of another family than those of the hosts that live: no packet would pass."""
        members = (_member(known, key.removeprefix(keys.NODES)) for key in known.items)
        for other in members:
            if other is None or other.id == self.member.id or keys.alive(other.id) not in living.items:
                continue
            if (":" in other.address) != (":" in self.member.address):
                raise Refused(
                    f"host {other.name} advertises {other.address}, this one {self.member.address}: VXLAN "
                    "packets do not pass between IPv4 and IPv6. Advertise one family on all hosts"
                )

    def _refuse_copy(self, before: Member, living: Reading) -> None:
        """Refuse when a host with our ID lives at another address, and it was not us since this boot."""
        sign = living.items.get(keys.alive(self.member.id))
        if sign is not None and sign.value != self.incarnation.encode():
            raise Refused(
                f"host {before.name} at {before.address} is alive and has this host's ID {before.id}. If "
                "this host is a copy of it, remove the file 'engine-id' from its data root. If it was this "
                "host before its address changed, it is let in when that sign of life has run out"
            )

    async def _give_up(self, address: str, checks: list[Check]) -> list[Write]:
        """What lets an address go that was advertised before, unless another host has taken it since."""
        held = await self.store.read(address)
        if address not in held.items or held.items[address].value != self.member.id.encode():
            return []
        checks.append(Check(address, _revision(held, address)))
        return [Delete(address)]

    async def _name(self, node_id: str) -> str:
        member = _member(await self.store.read(keys.node(node_id)), node_id)
        return f"node {member.name} ({node_id})" if member else f"node {node_id}"


def _member(there: Reading, node_id: str) -> Member | None:
    """The member of that ID; None when it is not there, or cannot be understood."""
    key = keys.node(node_id)
    try:
        return reading.member(key, there.items[key].value) if key in there.items else None
    except Failure:
        return None


def _revision(there: Reading, key: str) -> int:
    item = there.items.get(key)
    return item.revision if item else 0
