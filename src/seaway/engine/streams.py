"""What flows out of and into containers: attachments, logs, statistics, process lists."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from seaway.engine.core import Core
from seaway.engine.lifecycle import Lifecycle, attributes
from seaway.engine.waiting import Late, Waiter
from seaway.errors import Conflict, Failure
from seaway.model import Container
from seaway.runtime.contract import Console
from seaway.runtime.logs import read_logs
from seaway.runtime.stats import read_stats
from seaway.runtime.top import top

log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between two samples of a running ``stats``."""


@dataclass(slots=True)
class Streams:
    """Streams of this daemon's containers."""

    core: Core
    life: Lifecycle

    async def wait(self, reference: str, condition: str) -> Waiter:
        """Validate at once, wait later: the answer's headers go out in between."""
        return self.life.waiters.wait(self.life.find(reference), condition)

    async def attach(
        self, reference: str, *, stdin: bool, stdout: bool, stderr: bool, stream: bool, logs: bool
    ) -> Console:
        """A console of a container; of one that has not started, it waits for the start."""
        container = self.life.find(reference)
        if container.state.status == "paused":
            raise Conflict(f"container {container.id} is paused, unpause the container before attach")
        if container.state.status == "restarting":
            raise Conflict(f"container {container.id} is restarting, wait until the container is running")
        source = await self._console(container) if stream else None
        past = self.logs(reference, follow=False, stdout=stdout, stderr=stderr, since=0, until=0, tail=None,
                         timestamps=False) if logs else None  # fmt: skip
        self.core.events.publish("container", "attach", container.id, attributes(container))
        config = container.config
        once = config.stdin_once and not config.tty
        return Tap(source, past, _wanted(stdout, stderr), stdin=stdin, once=once)

    async def _console(self, container: Container) -> Console:
        if container.state.running:
            return await self.core.runtime.attach(container.id)
        late = Late()
        self.life.births.late[container.id].append(late)
        return late

    async def logs(
        self,
        reference: str,
        *,
        follow: bool,
        stdout: bool,
        stderr: bool,
        since: float,
        until: float,
        tail: int | None,
        timestamps: bool,
    ) -> AsyncIterator[tuple[int, bytes]]:
        """A container's output so far, and to come with ``follow``; times in Unix seconds, 0 for none."""
        container = self.life.find(reference)
        kind = container.host.log_config.type
        if kind == "none":
            raise Failure("configured logging driver does not support reading")
        pieces = read_logs(
            self.log_path(container),
            follow=follow,
            stdout=stdout,
            stderr=stderr,
            since=round(since * 1e9),
            until=round(until * 1e9),
            tail=tail,
            timestamps=timestamps,
            running=lambda: self._runs(container.id),
        )
        async with aclosing(cast("Any", pieces)) as found:
            async for piece in found:
                yield piece

    def log_path(self, container: Container) -> Path:
        """The file a container's output is kept in."""
        return self.core.runtime.log_path(container.id)

    async def top(self, reference: str, ps_args: str) -> dict[str, Any]:
        """The processes of a container, as ps(1) shows them."""
        container = self._running(reference)
        return await top(container.state.pid, ps_args)

    async def stats(self, reference: str, *, stream: bool, one_shot: bool) -> AsyncIterator[dict[str, Any]]:
        """Docker's statistics, once or every second; the first has its predecessor unless ``one_shot``."""
        container = self.life.find(reference)
        before: dict[str, Any] = {}
        if not one_shot and not stream and container.state.running:
            before = await self._sample(container, {})
            await asyncio.sleep(PERIOD)
        while True:
            container = self.core.facts.containers.get(container.id, container)
            before = await self._sample(container, before)
            yield before
            if not stream or container.id not in self.core.facts.containers:
                return
            await asyncio.sleep(PERIOD)

    async def resize(self, reference: str, height: int, width: int) -> None:
        """Set the size of a container's terminal, in characters."""
        container = self._running(reference)
        await self.core.runtime.resize(container.id, height, width)
        self.core.events.publish("container", "resize", container.id, attributes(container))

    async def rotate(self) -> None:
        """Rotate logs that have grown past their limits. Runs until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            for container in list(self.core.facts.containers.values()):
                if container.state.running and container.host.log_config.config:
                    try:
                        await self.core.runtime.rotate_due(container.id)
                    except (OSError, Failure):
                        log.exception("cannot rotate", extra={"container": container.name})

    async def _sample(self, container: Container, before: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(
            read_stats,
            container.id,
            container.state.pid if container.state.running else 0,
            name=container.name,
            networks=container.host.network_mode != "host",
            previous=before or None,
        )

    def _runs(self, container_id: str) -> bool:
        container = self.core.facts.containers.get(container_id)
        return container is not None and (container.state.running or container.state.status == "restarting")

    def _running(self, reference: str) -> Container:
        container = self.life.find(reference)
        if not container.state.running:
            raise Conflict(f"container {container.id} is not running")
        return container


def _wanted(stdout: bool, stderr: bool) -> frozenset[int]:
    return frozenset(n for n, on in ((1, stdout), (2, stderr)) if on)


class Tap:
    """A console that shows the past first, then the streams that were asked for."""

    def __init__(
        self,
        source: Console | None,
        past: AsyncIterator[tuple[int, bytes]] | None,
        wanted: frozenset[int],
        *,
        stdin: bool,
        once: bool,
    ) -> None:
        self._source, self._past, self._wanted = source, past, wanted
        self._stdin, self._once = stdin, once

    async def read(self) -> tuple[int, bytes] | None:
        """As Console.read."""
        if self._past is not None:
            async for piece in self._past:
                return piece
            self._past = None
        while self._source is not None:
            piece_now = await self._source.read()
            if piece_now is None or piece_now[0] in self._wanted:
                return piece_now
        return None

    async def write(self, data: bytes) -> None:
        """As Console.write; without stdin asked for, nothing is fed."""
        if self._source is not None and self._stdin:
            await self._source.write(data)

    async def close_input(self) -> None:
        """As Console.close_input; only if input is for one client (``StdinOnce``), as in Docker."""
        if self._source is not None and self._stdin and self._once:
            await self._source.close_input()

    def close(self) -> None:
        """As Console.close."""
        if self._source is not None:
            self._source.close()
