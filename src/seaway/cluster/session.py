"""The session with the store: connect, register, follow, stay alive, publish; and again after every loss.

Liveness is a lease. Nothing here compares clocks, and nothing is given up for good: what the store refuses
now is tried again later, with the reason in ``state``.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from seaway.cluster import keys
from seaway.cluster.entry import Entry, Refused
from seaway.cluster.house import House
from seaway.cluster.mirror import Mirror, News
from seaway.cluster.publish import Publisher
from seaway.errors import Forbidden, InvalidInput, SeawayError, Unavailable
from seaway.store import Check, Reading, Store, Write

log = logging.getLogger(__name__)

PAUSES = (0.1, 0.2, 0.5, 1.0)
"""Seconds before the store is tried again after a loss; the last one from then on."""

REFUSED_PAUSE = 3.0
"""Seconds before a refusal is tried again: somebody has to mend something first."""

GRACE = 1.0
"""Seconds that a verb waits for a connection that was lost only just now."""

PATIENCE = 2.0
"""Seconds that a verb waits until the mirror shows what it has written."""


@dataclass(slots=True)
class State:
    """``connected``, ``joining``, ``away`` or ``refused``; why, and since when by the monotonic clock."""

    word: str = "joining"
    reason: str = ""
    since: float = field(default_factory=time.monotonic)


class Session:
    """One daemon's session. ``run`` it in a task; it ends only when cancelled."""

    def __init__(self, store: Store, mirror: Mirror, entry: Entry, house: House, heartbeat: float) -> None:
        self.store = store
        self.mirror = mirror
        self.state = State()
        self._entry = entry
        self._house = house
        self._heartbeat = heartbeat
        self._publisher = Publisher(store, mirror, house)
        self._moved = asyncio.Event()
        self._written = 0
        self._turned = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the store answers and we are registered."""
        return self.state.word == "connected"

    def kick(self) -> None:
        """Local facts have changed: publish."""
        self._publisher.kick()

    async def first(self, seconds: float) -> None:
        """Wait for the first success, refusal or loss. Raises Refused; a store that is away is no error."""
        await self._until(lambda: self.state.word != "joining", seconds)
        if self.state.word == "refused":
            raise Refused(self.state.reason)

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """Commit to the store. Raises Unavailable with what it means, StoreConflict as the store does."""
        await self._insist()
        revision = await self.store.commit(checks, writes)
        self._written = max(self._written, revision)
        return revision

    async def read(self, prefix: str) -> Reading:
        """Read the store itself, not the mirror."""
        await self._insist()
        return await self.store.read(prefix)

    async def caught_up(self, revision: int, seconds: float = PATIENCE) -> bool:
        """Wait until the mirror shows a revision. False when that takes too long."""
        try:
            async with asyncio.timeout(seconds):
                while self.mirror.view.revision < revision:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Until cancelled. Endpoints stay, and names for as long as the lease runs: containers go on."""
        losses = 0
        try:
            while True:
                pause = PAUSES[min(losses, len(PAUSES) - 1)]
                try:
                    await self._live()
                except Exception as error:
                    losses = 1 if self.connected else losses + 1
                    pause = self._ended(error, pause)
                await asyncio.sleep(pause * random.uniform(0.7, 1.3))
        finally:
            await self._sign_off()

    # -- how

    def _ended(self, error: Exception, pause: float) -> float:
        """Note why a connection ended. Returns the seconds to wait."""
        if isinstance(error, Refused | Forbidden | InvalidInput):
            self._set("refused", str(error))
            return REFUSED_PAUSE
        if not isinstance(error, SeawayError):
            log.error("the session with the store failed", exc_info=error)
        self._set("away", str(error))
        return pause

    async def _until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until the state is such. False when that takes too long."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    self._turned.clear()
                    await self._turned.wait()
        except TimeoutError:
            return False
        return True

    async def _insist(self) -> None:
        """Be connected. A loss of only just now is waited for: it is as a rule mended within that time."""
        if not await self._until(lambda: self.connected, GRACE - (time.monotonic() - self.state.since)):
            raise Unavailable(
                f"the cluster store {self.store.address} cannot be used now: "
                f"{self.state.reason or 'not connected yet'}. Networks of this host go on; "
                "those of the cluster cannot be changed until it answers"
            )

    def _set(self, word: str, reason: str = "") -> None:
        if (word, reason) != (self.state.word, self.state.reason):
            extra = {"store": self.store.address, "reason": reason}
            log.log(logging.INFO if word == "connected" else logging.WARNING, f"cluster: {word}", extra=extra)
        since = self.state.since if word == self.state.word else time.monotonic()
        self.state = State(word, reason, since)
        self._turned.set()

    async def _live(self) -> None:
        """One connection's life. Raises what ended it."""
        await self.store.open()
        known = self.mirror.view.revision
        if (await self.store.read(keys.RECORD)).revision < known:
            log.warning("the store has gone back in time", extra={"store": self.store.address})
            await self._entry.bring_back(self._house.remembered())
            self.mirror.rewind()
        before = self._entry.epoch
        await self._entry.enter(self._house.remembered())
        if before not in ("", self._entry.epoch):
            log.warning("the store was begun anew meanwhile", extra={"store": self.store.address})
            self.mirror.rewind()
        if not self.mirror.view.revision:
            self._written = 0
            self._take(self.mirror.read(await self.store.read("")))
        await self._together(self._follow, self._keep_alive, self._publish)

    async def _together(self, *works: Callable[[], Awaitable[None]]) -> None:
        """Do all of it until one fails, and raise that failure.

        The group itself is told of no failure: it would forget that it was cancelled meanwhile.
        """
        failure: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_told(work, failure)) for work in works]
            error = await failure
            for task in tasks:
                task.cancel()
        raise error

    async def _follow(self) -> None:
        self._set("connected")
        self._publisher.kick()
        async for batch in self.store.watch("", self.mirror.view):
            if any(event.key == keys.RECORD and event.value is None for event in batch.events):
                raise Unavailable("the store has lost the cluster's record")  # and what else? We enter anew
            self._take(self.mirror.apply(batch))
        raise Unavailable("the watch has ended")

    def _take(self, news: News) -> None:
        self._moved.set()
        self._house.news(news)
        if news.mine or news.networks:
            self._publisher.kick()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat * random.uniform(0.8, 1.0))
            await self._entry.renew(self.mirror)

    async def _publish(self) -> None:
        while True:
            await self._publisher.wait()
            if not await self.caught_up(self._written):
                self._publisher.kick()
                continue  # the mirror is behind what we wrote ourselves: it cannot be judged by
            self._written = max(self._written, await self._publisher.publish())

    async def _sign_off(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                if not self.mirror.mine:
                    await self._entry.leave()
        except (SeawayError, TimeoutError, OSError) as error:
            log.debug("not signed off", extra={"reason": str(error)})
        await self.store.close()


async def _told(work: Callable[[], Awaitable[None]], failure: "asyncio.Future[Exception]") -> None:
    try:
        await work()
    except Exception as error:
        if not failure.done():
            failure.set_result(error)
