"""Ears: when somebody touches what is ours, and from time to time anyway, verify."""

import asyncio
import logging
import time

from seaway.datapath.monitor import Monitor
from seaway.engine.settle import Settler

log = logging.getLogger(__name__)

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

    def __init__(self, settler: Settler) -> None:
        self._settler = settler
        self._dirty = False
        self._monitor = Monitor()

    def _changed(self, _what: str) -> None:
        self._dirty = True

    async def run(self) -> None:
        """Until cancelled."""
        self._monitor.start(asyncio.get_running_loop(), self._changed)
        full = time.monotonic() + PERIOD
        try:
            while True:
                await asyncio.sleep(TICK)
                now = time.monotonic()
                rest = now - self._settler.last
                if now >= full:
                    self._dirty = False
                    await self._verify(everything=True)
                    ended = time.monotonic()
                    full = ended + max(PERIOD, SHARE * (ended - now))
                elif (self._dirty and rest >= QUIET) or (self._settler.owing and rest >= DEBT):
                    self._dirty = False
                    await self._verify(everything=False)
        finally:
            self._monitor.close()

    async def _verify(self, *, everything: bool) -> None:
        try:
            await self._settler.verify(everything=everything)
        except Exception:
            log.exception("verification failed")
