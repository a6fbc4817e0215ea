"""The life of a container: start, stop, kill, restart, pause, its end, and what follows from that."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from seaway.engine import farewell, health, lookup, modes
from seaway.engine.births import Births
from seaway.engine.clock import stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.engine.files import Files
from seaway.engine.plug import Plug, type_of
from seaway.engine.restarts import Restarts, wants_restart, wants_revival
from seaway.engine.signals import FAILED_TO_START, exit_code_of, grace, signal_number
from seaway.engine.tasks import carried
from seaway.engine.waiting import Waiters, at_most
from seaway.errors import Conflict, NotFound, NotModified, SeawayError
from seaway.model import Container, State
from seaway.runtime.contract import Exit

log = logging.getLogger(__name__)

KILL_WAIT = 10.0
"""Seconds a killed process may take to be gone."""

IN_REMOVAL = ("removing", "dead")


@dataclass(slots=True)
class Lifecycle:
    """Starts and ends containers of this daemon."""

    core: Core
    plug: Plug
    files: Files
    checks: health.Checks
    waiters: Waiters = field(default_factory=Waiters)
    births: Births = field(init=False)
    restarts: Restarts = field(init=False)

    def __post_init__(self) -> None:
        self.births = Births(self.core, self.files)
        self.restarts = Restarts(self.core.tasks)

    def find(self, reference: str) -> Container:
        """A container by ID, name or unique ID prefix."""
        return lookup.container(self.core.facts.containers, reference)

    @carried
    async def start(self, reference: str) -> None:
        """Start a container. NotModified when it runs; otherwise every reason why it cannot."""
        container = self.find(reference)
        async with self.core.locks[container.id]:
            container = self._current(container)
            if container.state.status == "paused":
                raise Conflict("cannot start a paused container, try unpause instead")
            if container.state.running:
                raise NotModified(f"container {container.name} is already running")
            if container.state.status in IN_REMOVAL:
                raise Conflict("container is marked for removal and cannot be started")
            self.restarts.cancel(container.id)
            await self._start(container, restarts=0)

    @carried
    async def stop(self, reference: str, timeout: int | None, signal_name: str | None) -> None:
        """Stop a container: its stop signal, the grace period, then SIGKILL."""
        container = self.find(reference)
        number = signal_number(signal_name or container.config.stop_signal or "SIGTERM")
        async with self.core.locks[container.id]:
            container = self._current(container)
            self.restarts.cancel(container.id)
            if not container.state.running:
                if container.state.status == "restarting":
                    await self._set(container, status="exited", manually_stopped=True)
                    return
                raise NotModified(f"container {container.name} is not running")
            done = self.waiters.expect_exit(container.id)
            container = await self._set(container, manually_stopped=True)
        await self._end(container, done, grace(container, timeout), number)
        self._tell("stop", container)

    @carried
    async def kill(self, reference: str, signal_name: str) -> None:
        """Send a signal to a container's first process."""
        number = signal_number(signal_name or "SIGKILL")
        container = self.find(reference)
        if not container.state.running:
            raise Conflict(f"cannot kill container: {reference}: container {container.id} is not running")
        if number in (signal.SIGKILL, signal_number(container.config.stop_signal or "SIGTERM")):
            async with self.core.locks[container.id]:
                container = await self._set(self._current(container), manually_stopped=True)
        done = self.waiters.expect_exit(container.id)
        if container.state.status == "paused" and number == signal.SIGKILL:
            await self._thaw(container)
        await self.core.runtime.kill(container.id, number)
        self._tell("kill", container, signal=str(int(number)))
        if number == signal.SIGKILL:
            await at_most(done, KILL_WAIT)

    @carried
    async def restart(self, reference: str, timeout: int | None, signal_name: str | None) -> None:
        """Stop if it runs, then start."""
        container = self.find(reference)
        with contextlib.suppress(NotModified):
            await self.stop(container.id, timeout, signal_name)
        try:
            await self.start(container.id)
        except NotModified:
            pass
        except SeawayError as error:
            raise type_of(error, f"Cannot restart container {reference}: {error.message}") from error
        self._tell("restart", self._current(container))

    @carried
    async def pause(self, reference: str) -> None:
        """Freeze all processes of a container."""
        container = self.find(reference)
        async with self.core.locks[container.id]:
            container = self._current(container)
            if container.state.status == "paused":
                raise Conflict(f"Container {container.id} is already paused")
            if container.state.status != "running":
                raise Conflict(f"Container {container.id} is not running")
            await self.core.runtime.pause(container.id)
            await self._set(container, status="paused")
        self._tell("pause", container)

    @carried
    async def unpause(self, reference: str) -> None:
        """Thaw a paused container."""
        container = self.find(reference)
        async with self.core.locks[container.id]:
            container = self._current(container)
            if container.state.status != "paused":
                raise Conflict(f"Container {container.id} is not paused")
            await self.core.runtime.resume(container.id)
            await self._set(container, status="running")
        self._tell("unpause", container)

    async def force_stop(self, container_id: str) -> None:
        """Kill a container for its removal; no restart follows."""
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is None:
                return
            self.restarts.cancel(container_id)
            if not container.state.running:
                await self._settle_down(container)
                return
            done = self.waiters.expect_exit(container_id)
            container = await self._set(container, manually_stopped=True)
        if container.state.status == "paused":
            await self._thaw(container)
        await self._signal(container, signal.SIGKILL)
        await at_most(done, KILL_WAIT)

    async def forget(self, container_id: str, *, volumes: bool = False, force: bool = False) -> None:
        """Remove a container: its files, its names, its reserved addresses. One that runs only by force.

        It is marked first, so that a removal that is interrupted can only go on.
        """
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is None:
                return
            if container.state.running and not force:
                raise Conflict(f'cannot remove container "{container.name}": container is running: stop the '
                               "container before removing or force remove")  # fmt: skip
            self.restarts.cancel(container_id)
            self.births.let_down(container_id)
            marked = _fared(container, status="removing", pid=0, monitor=0)
            await self.plug.unplug(container, msgspec.structs.replace(marked, sandbox_id=""))
            await self.core.runtime.remove(container_id)
            lonely = farewell.lonely_volumes(self.core.facts, container) if volumes else []
            await asyncio.to_thread(farewell.of_files, self.core.directory(container_id), lonely)
            await self.core.facts.commit(farewell.of_facts(self.core.facts, container, lonely))
        self._tell("destroy", container)
        self.checks.forget(container_id)
        self.waiters.removed(container_id, container.state.exit_code)

    async def adopt(self, container: Container) -> None:
        """Take over a container that an earlier daemon started, or note that it ended meanwhile."""
        pid = await self.core.runtime.alive(container.id, container.state.monitor)
        if pid:
            log.info("adopted", extra={"container": container.name, "pid": pid})
        self.core.tasks.spawn(self._watch(container.id, container.state.monitor), f"watch {container.name}")

    async def revive(self, container: Container) -> None:
        """After the daemon's start: start what its policy says shall run, and end what was begun."""
        state = container.state
        if state.status == "removing" or (container.host.auto_remove and state.status == "exited"):
            await self._auto_remove(container.id)
        elif wants_revival(container):
            count = state.restart_count + (state.status == "restarting")
            await self.core.tasks.carry(self._start_again(container.id, count, wants_revival))
        else:
            async with self.core.locks[container.id]:
                await self._settle_down(self._current(container))

    # -- starting

    async def _start(self, container: Container, *, restarts: int) -> None:
        mode = modes.parse(container.host.network_mode)
        try:
            target = self.births.target(container, mode)
            await self.plug.unplug(container)  # what an earlier failure may have left
            await self.plug.plug(container, self.files.upstreams(container))
            container = self._current(container)
            born = await self.births.bear(container, target)
            container = await self._set(
                container,
                status="running",
                pid=born.pid,
                monitor=born.monitor,
                started=stamp(),
                finished=State().finished,
                exit_code=0,
                error="",
                oom_killed=False,
                restart_count=restarts,
                manually_stopped=False,
                health=health.first(container),
            )
        except Exception as error:
            await self._undone(container, error)
            raise
        self.core.tasks.spawn(self._watch(container.id, born.monitor), f"watch {container.name}")
        self._tell("start", container)

    async def _undone(self, container: Container, error: Exception) -> None:
        """A start has failed: nothing of it stays but the container's error."""
        self.births.let_down(container.id)
        code = exit_code_of(str(error))
        status = "created" if container.state.started[:4] == "0001" else "exited"
        after = _fared(container, status=status, error=str(error), exit_code=code, pid=0, monitor=0)
        after = msgspec.structs.replace(after, sandbox_id="")
        try:
            await self._take_back(container, after)
        except Exception as problem:
            log.error("not all was taken back", extra={"container": container.name, "reason": str(problem)})
            self.core.tasks.spawn(self._take_back_later(after), f"take back {container.name}")
        self.waiters.exited(container.id, Exit(code, stamp()))
        if container.host.auto_remove:
            self.core.tasks.spawn(self._auto_remove(container.id), f"remove {container.name}")

    async def _take_back(self, container: Container, after: Container) -> None:
        try:
            await self.core.runtime.delete(container.id)
        finally:
            await self.plug.unplug(container, after)

    async def _take_back_later(self, after: Container) -> None:
        async def again() -> None:
            async with self.core.locks[after.id]:
                now = self.core.facts.containers.get(after.id)
                if now is not None and not now.state.running:
                    kept = msgspec.structs.replace(now, sandbox_id="", state=after.state)
                    await self._take_back(now, kept)

        await self.core.tasks.insist(again, after.name)

    # -- ending

    async def _end(
        self, container: Container, done: "asyncio.Future[Exit]", seconds: int, number: int
    ) -> None:
        if container.state.status == "paused":
            await self._thaw(container)
        await self._signal(container, number)
        if seconds == 0 or not await at_most(done, None if seconds < 0 else seconds):
            await self._signal(container, signal.SIGKILL)
            if not await at_most(done, KILL_WAIT):
                raise Conflict(f"container {container.id} does not end although it was killed")

    async def _thaw(self, container: Container) -> None:
        """So that it can hear a signal; it may have ended by now."""
        try:
            await self.core.runtime.resume(container.id)
        except SeawayError as error:
            log.debug("not resumed", extra={"container": container.name, "reason": error.message})

    async def _signal(self, container: Container, number: int) -> None:
        try:
            await self.core.runtime.kill(container.id, number)
        except SeawayError as error:
            log.debug("signal not delivered", extra={"container": container.name, "reason": error.message})
            return
        self._tell("kill", container, signal=str(int(number)))

    async def _watch(self, container_id: str, monitor: int) -> None:
        async with self.checks.during(container_id):
            ended = await self.core.runtime.wait(container_id, monitor)
        await self.core.tasks.insist(lambda: self._note_end(container_id, monitor, ended), container_id)

    async def _note_end(self, container_id: str, monitor: int, ended: Exit) -> None:
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is not None and container.state.monitor == monitor:
                await self._ended(container, ended)

    async def _ended(self, container: Container, ended: Exit) -> None:
        again = wants_restart(container, ended.code)
        after = _fared(
            container,
            status="restarting" if again else "exited",
            pid=0,
            monitor=0,
            exit_code=ended.code,
            oom_killed=ended.oom,
            finished=ended.at,
        )
        before, container = container, msgspec.structs.replace(after, sandbox_id="")
        await self.plug.unplug(before, container, written=lambda: self._tell_end(container, ended))
        try:
            await self.core.runtime.delete(container.id)
        except SeawayError as error:  # the next start, or the removal, does it
            log.warning("not cleaned up", extra={"container": container.name, "reason": error.message})
        self.waiters.exited(container.id, ended)
        if again:
            count = container.state.restart_count + 1
            self.restarts.expect(
                container, self._restart(container.id, self.restarts.pause(container), count)
            )
        elif container.host.auto_remove:
            self.core.tasks.spawn(self._auto_remove(container.id), f"remove {container.name}")

    def _tell_end(self, container: Container, ended: Exit) -> None:
        if ended.oom:
            self._tell("oom", container)
        self._tell("die", container, exitCode=str(ended.code))

    async def _auto_remove(self, container_id: str) -> None:
        async def remove() -> None:
            container = self.core.facts.containers.get(container_id)
            if container is not None and not container.state.running:
                await self.forget(container_id, volumes=True)

        await self.core.tasks.insist(remove, container_id)

    async def _restart(self, container_id: str, pause: float, count: int) -> None:
        await asyncio.sleep(pause)
        await self.core.tasks.carry(self._start_again(container_id, count, _restarting))

    async def _start_again(self, container_id: str, count: int, still: Callable[[Container], bool]) -> None:
        async with self.core.locks[container_id]:
            self.restarts.come(container_id)
            container = self.core.facts.containers.get(container_id)
            if container is None or container.state.running or not still(container):
                return
            try:
                await self._start(container, restarts=count)
            except Exception as error:
                log.error("restart failed", extra={"container": container.name, "reason": str(error)})
                tried = _fared(self._current(container), status="restarting", restart_count=count)
                if wants_restart(tried, FAILED_TO_START):
                    await self.core.facts.commit(Change().put(tried))
                    self.restarts.expect(
                        tried, self._restart(container_id, self.restarts.pause(tried), count + 1)
                    )

    async def _settle_down(self, container: Container) -> None:
        """No restart comes any more."""
        if container.state.status == "restarting":
            await self._set(container, status="exited")

    # -- facts

    def _current(self, container: Container) -> Container:
        found = self.core.facts.containers.get(container.id)
        if found is None:
            raise NotFound(f"No such container: {container.id}")
        return found

    async def _set(self, container: Container, **state: object) -> Container:
        changed = _fared(container, **state)
        await self.core.facts.commit(Change().put(changed))
        return changed

    def _tell(self, action: str, container: Container, **more: str) -> None:
        self.core.events.publish("container", action, container.id, {**attributes(container), **more})


def _restarting(container: Container) -> bool:
    return container.state.status == "restarting"


def _fared(container: Container, **state: object) -> Container:
    return msgspec.structs.replace(container, state=msgspec.structs.replace(container.state, **state))


def attributes(container: Container) -> dict[str, str]:
    """What events say about a container: its labels, image and name."""
    return {**(container.config.labels or {}), "image": container.image_name, "name": container.name}
