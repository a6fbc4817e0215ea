"""Ears: when somebody touches what is ours, and from time to time anyway, verify."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeAlias

from seaway.datapath import netns
from seaway.datapath.monitor import ROOMS, Monitor
from seaway.engine.settle import Settler

log = logging.getLogger(__name__)

Own: TypeAlias = Callable[[int, bytes], bool]

QUIET = 0.4
"""Seconds the hands must rest before an event is taken for somebody else's doing."""

PERIOD, SHARE = 4.0, 40.0
"""Seconds between full verifications, sandboxes included; and at least so many times what one takes."""

DEBT = 2.0
"""Seconds until what was refused is tried again."""

TICK = 0.5
"""Seconds between looks at whether something has happened."""


class Watch:
    """Turns kernel events and the passing of time into verifications."""

    def __init__(self, settler: Settler, own: Own = lambda _device, _entry: False) -> None:
        """``own`` tells whether a forwarding entry or neighbour was removed by us."""
        self._settler = settler
        self._dirty = False
        self._rooms_dirty = False
        self._rooms: dict[str, int] = {}
        self._monitor = Monitor(own=own)

    def _changed(self, what: str) -> None:
        self._dirty = True
        self._rooms_dirty = self._rooms_dirty or what == ROOMS

    def _listen(self) -> None:
        """Listen in the hidden namespaces that there are now; one that was made anew is another."""
        found = {}
        for path in self._settler.rooms():
            with contextlib.suppress(OSError):
                found[path] = netns.inode(path)
                if self._rooms.get(path) != found[path]:
                    self._monitor.watch(path)
        for path in self._rooms.keys() - found.keys():
            self._monitor.unwatch(path)
        self._rooms = found

    async def run(self) -> None:
        """Until cancelled."""
        self._monitor.start(asyncio.get_running_loop(), self._changed)
        full = time.monotonic() + PERIOD
        try:
            while True:
                await asyncio.sleep(TICK)
                self._listen()
                now = time.monotonic()
                rest = now - self._settler.last
                if now >= full:
                    self._dirty = self._rooms_dirty = False
                    await self._verify(everything=True)
                    ended = time.monotonic()
                    full = ended + max(PERIOD, SHARE * (ended - now))
                elif (self._dirty and rest >= QUIET) or (self._settler.owing and rest >= DEBT):
                    rooms, self._dirty, self._rooms_dirty = self._rooms_dirty, False, False
                    await self._verify(everything=False, rooms=rooms)
        finally:
            self._monitor.close()

    async def _verify(self, *, everything: bool, rooms: bool = False) -> None:
        try:
            await self._settler.verify(everything=everything, rooms=rooms)
        except Exception:
            log.exception("verification failed")
