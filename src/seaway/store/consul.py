"""The Consul store: keys below a root of its KV store, over HTTP. Revisions are Consul's indexes.

A key's revision is its ModifyIndex. A commit that puts nothing writes the root (the prefix and a slash: a key
that nobody else can have), so that it has an index, too. A lease is a session; its keys are locked by it.
"""

import asyncio
import os.path
import re
from collections.abc import AsyncIterator, Collection, Sequence
from urllib.parse import quote
from uuid import UUID

import msgspec

from seaway.errors import InvalidInput, StoreConflict, Unavailable
from seaway.store.consul_http import Agents
from seaway.store.consul_txn import OPERATIONS, Outcome, Row, operations, refused
from seaway.store.contract import Batch, Check, Item, Put, Reading, View, Write
from seaway.store.lag import difference
from seaway.store.place import Place

WAIT = 5.0
"""Seconds that the server may hold a watch's question back. With the time-out, it bounds how long a server
that fell silent goes unnoticed."""

PAUSES = (0.05, 1.0)
"""Least and most seconds between two answers of a watch. Each carries the whole prefix, so a burst of
commits is told at once, and the larger the prefix, the longer the pause."""

SHORTEST = 10.0
"""The shortest TTL of a session."""

LARGEST = 512 << 10
"""Bytes of a transaction that servers take, unless told otherwise. A value alone may be as large."""

LATE = 2
"""Consul ends a session only so many times its TTL after it was last renewed."""

_ROWS = msgspec.json.Decoder(list[Row])
_DONE = msgspec.json.Decoder(bool)
_OUTCOME = msgspec.json.Decoder(Outcome)
_UNTIDY = re.compile(r"(?<=/)[/.]")


class _Session(msgspec.Struct):
    id: str = msgspec.field(name="ID")


_SESSION = msgspec.json.Decoder(_Session)


class ConsulStore:
    """The Store contract over a Consul cluster. Its token is ``kv.token``, or the URL's password."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._agents = Agents(place)

    @property
    def address(self) -> str:
        """Where it is, for messages: the URL without user and password."""
        return self._place.address

    async def open(self) -> None:
        """Get ready, and see that the store takes writes: what a token must not read merely looks empty."""
        await self._agents.open()
        await self.commit((), ())

    async def read(self, prefix: str) -> Reading:
        """All items whose key starts with ``prefix``, consistent as of one revision."""
        index, rows = await self._rows(prefix)
        return self._reading(index, rows)

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """All writes or none. Returns the new revision; raises StoreConflict naming failed checks.

        Raises NotFound when a write names a lease that has run out.
        """
        root = self._place.prefix
        found = operations(root, checks, writes)
        if len(found) > OPERATIONS:
            found = operations(root, checks, writes, await self._holders(writes))
        if len(found) > OPERATIONS:
            raise InvalidInput(f"one commit has at most {OPERATIONS} operations in Consul, not {len(found)}")
        wish = msgspec.json.encode(found)
        if len(wish) > LARGEST and (put := _alone(checks, writes)):
            return await self._put(checks, put)
        answer = await self._agents.ask("PUT", "txn", None, wish, once=True)
        outcome = answer.read(_OUTCOME)
        if outcome.errors:
            raise refused(root, checks, found, outcome.errors)
        return outcome.revision

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """Batches of changes below ``prefix`` that are not in ``view`` yet; ends when the store closes.

        It waits by a query that answers with a few names only, and reads the prefix when its index moved.
        An index that goes back is that of a store which was restored or begun anew: all of it is told.
        """
        loop = asyncio.get_running_loop()
        last = view.revision
        try:
            while not self._agents.closed:
                begun = loop.time()
                index, rows = await self._rows(prefix)
                known = view if index >= last else View(0, dict.fromkeys(view.revisions, -1))
                yield Batch(index, difference(known, self._reading(index, rows)))
                last = index
                least, most = PAUSES
                await asyncio.sleep(min(max(least, 4 * (loop.time() - begun)), most))
                await self._moved(prefix, last)
        except Unavailable:
            if not self._agents.closed:
                raise

    async def lease(self, seconds: float) -> str:
        """A new lease: a session that ends about so many seconds after its last renewal, 20 at least."""
        body = {
            "Name": "seaway",
            "TTL": f"{max(seconds / LATE, SHORTEST):.3f}s",
            "Behavior": "delete",
            "LockDelay": "0s",
            "Checks": [],
            "NodeChecks": [],
        }
        answer = await self._agents.ask("PUT", "session/create", None, msgspec.json.encode(body))
        return answer.read(_SESSION).id

    async def renew(self, lease: str) -> bool:
        """Prolong a lease. False when it has run out: its keys are gone."""
        if not _is_session(lease):
            return False
        return (await self._agents.ask("PUT", f"session/renew/{lease}")).status == 200

    async def revoke(self, lease: str) -> None:
        """End a lease and remove its keys now."""
        if _is_session(lease):
            await self._agents.ask("PUT", f"session/destroy/{lease}")

    async def close(self) -> None:
        """Let go of everything; running watches end."""
        await self._agents.close()

    async def _put(self, checks: Sequence[Check], put: Put) -> int:
        """Write a value that is too large for a transaction: alone, with a check of its key at most.

        The answer has no index, so it is read. Where others have written since, it is one below theirs.
        """
        key = f"{self._place.prefix}/{put.key}"
        held = (await self._holders([put]))[put.key]
        if put.lease or held or len(checks) > 1 or _tidy(key) != key:
            raise InvalidInput(f"the value of {put.key} is too large to be written together with more")
        cas = {"cas": f"{checks[0].revision}"} if checks else None
        if not (await self._agents.ask("PUT", f"kv/{quote(key)}", cas, put.value, once=True)).read(_DONE):
            raise StoreConflict([put.key])
        index, rows = await self._rows(put.key)
        found = (row.modify_index - (row.value != put.value) for row in rows if row.key == key)
        return next(found, index)

    async def _rows(self, prefix: str) -> tuple[int, list[Row]]:
        """The index, and all below the prefix. What servers do not take in a path is looked for here."""
        whole = f"{self._place.prefix}/{prefix}"
        path = f"kv/{quote(_tidy(whole))}"
        answer = await self._agents.ask("GET", path, {"recurse": "", "consistent": ""})
        rows = answer.read(_ROWS) if answer.status == 200 else []
        return max(answer.index, 1), [row for row in rows if row.key.startswith(whole)]

    def _reading(self, index: int, rows: Collection[Row]) -> Reading:
        root = f"{self._place.prefix}/"
        named = ((row.key.removeprefix(root), row) for row in rows)
        return Reading(index, {key: Item(row.value or b"", row.modify_index) for key, row in named if key})

    async def _moved(self, prefix: str, index: int) -> None:
        """Wait until the prefix's index is another one."""
        path = f"kv/{quote(_tidy(f'{self._place.prefix}/{prefix}'))}"
        question = {"keys": "", "separator": "/", "consistent": "", "wait": f"{WAIT:g}s", "index": f"{index}"}
        now = index
        while now == index and not self._agents.closed:
            now = (await self._agents.ask("GET", path, question, once=True, wait=WAIT)).index

    async def _holders(self, writes: Sequence[Write]) -> dict[str, str]:
        """The leases that keys to put hang on, "" for none: for commits with no room to make sure."""
        keys = {write.key for write in writes if isinstance(write, Put)}
        _, rows = await self._rows(os.path.commonprefix(sorted(keys)))  # noqa: RUF071 - text, not folders
        root = f"{self._place.prefix}/"
        return dict.fromkeys(keys, "") | {row.key.removeprefix(root): row.session for row in rows}


def _tidy(path: str) -> str:
    """As much of a path as a server takes: it cleans folders up, and refuses what cannot be printed."""
    tidy = _UNTIDY.split(path)[0]
    return next((tidy[:at] for at, letter in enumerate(tidy) if not letter.isprintable()), tidy)


def _alone(checks: Sequence[Check], writes: Sequence[Write]) -> Put | None:
    """The put that is all of a commit, but for checks of its key."""
    match writes:
        case [Put(key=key) as put] if all(check.key == key for check in checks):
            return put
    return None


def _is_session(lease: str) -> bool:
    try:
        return str(UUID(lease)) == lease
    except ValueError:
        return False
