"""The cluster's store in etcd, by the JSON gateway of its v3 API (etcd 3.4 and later)."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from seaway.errors import NotFound, SeawayError, StoreConflict, Unavailable
from seaway.store import etcd_wire as wire
from seaway.store.contract import Batch, Check, Event, Item, Reading, View, Write
from seaway.store.etcd_gateway import Gateway, Refused, lines
from seaway.store.lag import difference
from seaway.store.place import Place


class EtcdStore:
    """The Store contract over etcd. A revision is etcd's revision, an item's its ``mod_revision``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._gateway = Gateway(place)
        self._root = f"{place.prefix}/"

    @property
    def address(self) -> str:
        """The URL without user and password."""
        return self._place.address

    async def open(self) -> None:
        """See that a server answers, and that we may read."""
        self._gateway.start()
        await self._revision()

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, page by page as of one revision."""
        key = self._key(prefix)
        while True:
            try:
                return await self._read(key)
            except SeawayError as error:
                if not _compacted(error):
                    raise  # else history went while we turned its pages: begin again

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming every failed check.

        Raises NotFound when a write names a lease that has run out.
        """
        wish = wire.txn(self._root, checks, writes)
        answer = await self._gateway.ask("kv/txn", wish, wire.Txn, twice=False)
        if not answer.succeeded:
            raise StoreConflict(wire.failed(checks, answer))
        return answer.header.revision

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet; ends when the store closes."""
        try:
            since, begun = view.revision, view.revision > 0
            while True:
                now, server = await self._revision()
                if now < since:  # of another history: what the view has says nothing, and all is told
                    view.revision, view.revisions, begun = 0, dict.fromkeys(view.revisions, -1), False
                if not begun:
                    reading = await self.read(prefix)
                    since, begun = reading.revision, True
                    yield Batch(reading.revision, difference(view, reading))
                async with aclosing(self._stream(server, prefix, since)) as batches:
                    async for batch in batches:
                        yield batch
                begun = False
        except Unavailable:
            if self._gateway.open:
                raise

    async def lease(self, seconds: float) -> str:
        """A new lease: whole seconds, and etcd may make them more."""
        wish = {"TTL": str(max(1, math.ceil(seconds)))}
        return str((await self._gateway.ask("lease/grant", wish, wire.Lease)).id)

    async def renew(self, lease: str) -> bool:
        """Prolong a lease by its span. False when it has run out."""
        return (await self._gateway.ask("lease/keepalive", {"ID": lease}, wire.Kept)).result.ttl > 0

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys. Ending one that is gone succeeds."""
        try:
            await self._gateway.ask("lease/revoke", {"ID": lease}, wire.Done)
        except NotFound:
            return

    async def close(self) -> None:
        """Let go of the connections; running watches end."""
        await self._gateway.stop()

    def _key(self, prefix: str) -> bytes:
        return f"{self._root}{prefix}".encode("utf-8", "surrogateescape")

    async def _revision(self, server: str = "") -> tuple[int, str]:
        """The store's revision, agreed on by most of its servers, and the server that said so."""
        wish = {"key": self._key(""), "keys_only": True}
        found, base = await self._gateway.ask_one("kv/range", wish, wire.Range, only=server)
        return found.header.revision, base

    async def _read(self, key: bytes) -> Reading:
        items: dict[str, Item] = {}
        first, end, revision = key, wire.end_of(key), 0
        while True:
            found = await self._gateway.ask("kv/range", wire.page(first, end, revision), wire.Range)
            revision = revision or found.header.revision
            items |= wire.items(self._root, found.kvs)
            if not found.more or not found.kvs:
                return Reading(revision, items)
            first = found.kvs[-1].key + b"\0"

    async def _stream(self, server: str, prefix: str, since: int) -> AsyncGenerator[Batch, None]:
        """What one connection tells. It ends when the history after ``since`` is gone.

        A server that says nothing is asked, by another connection, whether it can still speak for the
        cluster; meanwhile the kernel looks after this one.
        """
        wish = wire.watch(self._key(prefix), since)
        async with self._gateway.stream(server, "watch", wish) as content:
            try:
                async for message in lines(content):
                    if message is None:
                        await self._revision(server)
                    elif message.compact_revision:
                        return
                    elif message.canceled:
                        raise Unavailable(f"{self.address}: the watch was ended: {message.cancel_reason}")
                    elif events := self._events(message):
                        yield Batch(events[-1].revision, events)
                    elif not message.created and message.header.revision > since:
                        yield Batch(message.header.revision)
            except EOFError:
                raise Unavailable(f"{self.address}: the watch was cut") from None

    def _events(self, message: wire.Watched) -> list[Event]:
        return [wire.event(self._root, change) for change in message.events]


def _compacted(error: SeawayError) -> bool:
    return isinstance(error.__cause__, Refused) and error.__cause__.code == 11
