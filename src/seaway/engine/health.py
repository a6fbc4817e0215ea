"""Health checks: a command in the container every so often, and what its results say of the container."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from seaway.engine.clock import identity, seconds, stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.errors import SeawayError
from seaway.model import Container
from seaway.model.container import Health
from seaway.runtime.contract import Console, ExecSpec

log = logging.getLogger(__name__)

NONE, STARTING, HEALTHY, UNHEALTHY = "none", "starting", "healthy", "unhealthy"

SECOND = 1_000_000_000
INTERVAL, TIMEOUT, START_INTERVAL, RETRIES = 30.0, 30.0, 5.0, 3
"""Seconds and number that hold where the check does not say (Docker's)."""

KEPT, OUTPUT = 5, 4096
"""Results kept for each container, and bytes of output kept of each."""

NO_ANSWER = -1
"""Exit status of a probe that did not end in time or could not be run."""


@dataclass(frozen=True, slots=True)
class Result:
    """One probe: RFC 3339 times, exit status, the beginning of its output."""

    start: str
    end: str
    code: int
    output: str


@dataclass(frozen=True, slots=True)
class View:
    """How a container is by its checks: failures in a row, and the last results."""

    status: str = STARTING
    streak: int = 0
    results: tuple[Result, ...] = ()

    def after(self, result: Result, check: Health, age: float) -> "View":
        """With one more result, of a probe that began ``age`` seconds after the container's start."""
        kept = (*self.results, result)[-KEPT:]
        if result.code == 0:
            return View(HEALTHY, 0, kept)
        if self.status == STARTING and age < check.start_period / SECOND:
            return replace(self, results=kept)
        streak = self.streak + 1
        return View(UNHEALTHY if streak >= (check.retries or RETRIES) else self.status, streak, kept)

    def pause(self, check: Health, age: float) -> float:
        """Seconds until the next probe."""
        if self.status == STARTING and age < check.start_period / SECOND:
            return check.start_interval / SECOND or START_INTERVAL
        return check.interval / SECOND or INTERVAL


def probed(container: Container) -> Health | None:
    """The container's check; None when it has none, or it was switched off."""
    check = container.config.healthcheck
    return check if check is not None and check.test and check.test[0] != "NONE" else None


def first(container: Container) -> str:
    """The health of a container that starts: ``starting``, or nothing without a check."""
    return STARTING if probed(container) else ""


def command(container: Container, check: Health) -> tuple[str, ...]:
    """What is run: the words after CMD, or the line after CMD-SHELL in the container's shell."""
    kind, *words = check.test or ("NONE",)
    if kind == "CMD-SHELL":
        return (*(container.config.shell or ("/bin/sh", "-c")), *words)
    return tuple(words if kind == "CMD" else check.test or ())


@dataclass(slots=True)
class Checks:
    """Probes the containers of this daemon that ask for it, while they run."""

    core: Core
    _views: dict[str, View] = field(default_factory=dict)

    def view(self, container: Container) -> View | None:
        """The last results; None for a container that has no health."""
        return self._views.get(container.id, View()) if container.state.health else None

    def forget(self, container_id: str) -> None:
        """The container is gone."""
        self._views.pop(container_id, None)

    @contextlib.asynccontextmanager
    async def during(self, container_id: str) -> AsyncIterator[None]:
        """Probe while the block lasts."""
        container = self.core.facts.containers.get(container_id)
        if container is None or probed(container) is None:
            yield
            return
        work = self.core.tasks.spawn(self._probe_on(container), f"health of {container.name}")
        try:
            yield
        finally:
            work.cancel()

    async def _probe_on(self, container: Container) -> None:
        check, born = probed(container), seconds(container.state.started)
        assert check is not None
        self._views[container.id] = view = View()
        while True:
            await asyncio.sleep(view.pause(check, time.time() - born))
            current = self.core.facts.containers.get(container.id)
            if current is None or current.state.status != "running":
                continue
            age = time.time() - born
            view = self._views[container.id] = view.after(await self._probe(current, check), check, age)
            await self._tell(container.id, view.status)

    async def _probe(self, container: Container, check: Health) -> Result:
        began, limit = stamp(), check.timeout / SECOND or TIMEOUT
        spec = ExecSpec(cmd=command(container, check))
        output = bytearray()
        try:
            handle = await self.core.runtime.exec_start(container.id, identity(), spec, container)
        except (SeawayError, OSError) as error:
            return Result(began, stamp(), NO_ANSWER, str(error))
        try:
            async with asyncio.timeout(limit):
                await _read(handle.console, output)
                code = await handle.wait()
        except TimeoutError:
            text = f"Health check exceeded timeout ({limit:g}s)"
            return Result(began, stamp(), NO_ANSWER, f"{text}: {_text(output)}" if output else text)
        finally:
            handle.console.close()
            await asyncio.shield(_ended(handle))
        return Result(began, stamp(), code, _text(output))

    async def _tell(self, container_id: str, status: str) -> None:
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is None or not container.state.running or container.state.health == status:
                return
            state = msgspec.structs.replace(container.state, health=status)
            await self.core.facts.commit(Change().put(msgspec.structs.replace(container, state=state)))
        about = {**(container.config.labels or {}), "image": container.image_name, "name": container.name}
        self.core.events.publish("container", f"health_status: {status}", container_id, about)


async def _read(console: Console, output: bytearray) -> None:
    while (piece := await console.read()) is not None:
        output += piece[1][: OUTPUT - len(output)]


async def _ended(handle: Any) -> None:
    """A probe that still runs is killed; its own exit is waited for, so that its number is not another's."""
    try:
        async with asyncio.timeout(0.01):
            await handle.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(handle.pid, signal.SIGKILL)
        await handle.wait()


def _text(output: bytearray) -> str:
    return output.decode(errors="replace")
