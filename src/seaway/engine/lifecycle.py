"""The life of a container: start, stop, kill, restart, pause, its end, and what follows from that."""

import asyncio
import contextlib
import logging
import shutil
import signal
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from seaway.engine import boxes, lookup, modes
from seaway.engine.clock import stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change, name_key
from seaway.engine.files import Files
from seaway.engine.plug import Plug
from seaway.engine.signals import FAILED_TO_START, exit_code_of, signal_number
from seaway.engine.waiting import Late, Waiters, at_most
from seaway.errors import Conflict, InvalidInput, NotFound, NotModified, SeawayError
from seaway.ipam.claims import by_container, claim_key
from seaway.model import Container, State
from seaway.runtime.contract import Born, Exit

log = logging.getLogger(__name__)

GRACE = 10
"""Seconds between the stop signal and SIGKILL when nothing else is said."""

KILL_WAIT = 10.0
"""Seconds a killed process may take to be gone."""

BACKOFF, LONGEST = 0.1, 60.0
"""First and longest pause before a restart by policy, in seconds; it doubles, and starts anew
after ten seconds of life (Docker's numbers)."""


@dataclass(slots=True)
class Lifecycle:
    """Starts and ends containers of this daemon."""

    core: Core
    plug: Plug
    files: Files
    waiters: Waiters = field(default_factory=Waiters)
    late: defaultdict[str, list[Late]] = field(default_factory=lambda: defaultdict(list))
    """Attachments that wait for their container to start, by container ID."""
    _pauses: dict[str, float] = field(default_factory=dict)
    _restarts: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def find(self, reference: str) -> Container:
        """A container by ID, name or unique ID prefix."""
        return lookup.container(self.core.facts.containers, reference)

    async def start(self, reference: str) -> None:
        """Start a container. NotModified when it runs; otherwise every reason why it cannot."""
        container = self.find(reference)
        async with self.core.locks[container.id]:
            container = self._current(container)
            if container.state.status == "paused":
                raise Conflict("cannot start a paused container, try unpause instead")
            if container.state.running:
                raise NotModified(f"container {container.name} is already running")
            self._cancel_restart(container.id)
            await self._start(container, restarts=0)

    async def stop(self, reference: str, timeout: int | None, signal_name: str | None) -> None:
        """Stop a container: its stop signal, the grace period, then SIGKILL."""
        container = self.find(reference)
        async with self.core.locks[container.id]:
            container = self._current(container)
            self._cancel_restart(container.id)
            if not container.state.running:
                if container.state.status == "restarting":
                    await self._set(container, status="exited", manually_stopped=True)
                    return
                raise NotModified(f"container {container.name} is not running")
            container = await self._set(container, manually_stopped=True)
        await self._end(container, self._grace(container, timeout), signal_name)
        self._tell("stop", container)

    async def kill(self, reference: str, signal_name: str) -> None:
        """Send a signal to a container's first process."""
        number = signal_number(signal_name or "SIGKILL")
        container = self.find(reference)
        if not container.state.running:
            raise Conflict(f"cannot kill container: {reference}: container {container.id} is not running")
        if number in (signal.SIGKILL, signal_number(container.config.stop_signal or "SIGTERM")):
            async with self.core.locks[container.id]:
                container = await self._set(self._current(container), manually_stopped=True)
        if container.state.status == "paused" and number == signal.SIGKILL:
            await self.core.runtime.resume(container.id)
        done = self.waiters.expect_exit(container.id)
        await self.core.runtime.kill(container.id, number)
        self._tell("kill", container, signal=str(int(number)))
        if number == signal.SIGKILL:
            await at_most(done, KILL_WAIT)

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
            raise type(error)(f"Cannot restart container {reference}: {error.message}") from error
        self._tell("restart", self._current(container))

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
            container = self.core.facts.containers[container_id]
            self._cancel_restart(container_id)
            container = await self._set(container, manually_stopped=True)
        if container.state.running:
            if container.state.status == "paused":
                await self.core.runtime.resume(container_id)
            done = self.waiters.expect_exit(container_id)
            await self._signal(container, signal.SIGKILL)
            await at_most(done, KILL_WAIT)

    async def forget(self, container_id: str, *, volumes: bool = False) -> None:
        """Remove a container that does not run: its files, its names, its reserved addresses."""
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is None:
                return
            self._cancel_restart(container_id)
            await self.plug.unplug(container)
            await self.core.runtime.remove(container_id)
            await asyncio.to_thread(shutil.rmtree, self.core.directory(container_id), ignore_errors=True)
            await self.core.facts.commit(self._farewell(container, volumes=volumes))
        self.core.locks.pop(container_id, None)
        self._tell("destroy", container)
        self.waiters.removed(container_id, container.state.exit_code)

    async def adopt(self, container: Container) -> None:
        """Take over a container that an earlier daemon started, or note that it ended meanwhile."""
        pid = await self.core.runtime.alive(container.id, container.state.monitor)
        if pid:
            log.info("adopted", extra={"container": container.name, "pid": pid})
        self.core.tasks.spawn(self._watch(container.id, container.state.monitor), f"watch {container.name}")

    async def revive(self, container: Container) -> None:
        """After the daemon's start: start what its policy says shall run."""
        policy, state = container.host.restart_policy.name, container.state
        wanted = policy == "always" or (policy == "unless-stopped" and not state.manually_stopped)
        if wanted and not state.running and not state.started.startswith("0001"):
            try:
                await self.start(container.id)
            except SeawayError as error:
                log.error("cannot start", extra={"container": container.name, "reason": error.message})

    # -- starting

    async def _start(self, container: Container, *, restarts: int) -> None:
        mode = modes.parse(container.host.network_mode)
        try:
            target = self._target(container, mode)
            await self.plug.plug(container, self.files.upstreams(container))
            container = self._current(container)
            born = await self._bear(container, target)
        except (SeawayError, OSError) as error:
            await self._undone(container, error)
            raise
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
        )
        self.core.tasks.spawn(self._watch(container.id, born.monitor), f"watch {container.name}")
        self._tell("start", container)

    async def _bear(self, container: Container, target: Container | None) -> Born:
        async with boxes.box(self.core, self.files, container, target) as box:
            born = await self.core.runtime.create(box)
        waiting = self.late.pop(container.id, [])
        for console in waiting:
            console.bind(await self.core.runtime.attach(container.id))
        await self.core.runtime.start(container.id)
        return born

    def _target(self, container: Container, mode: modes.Mode) -> Container | None:
        """The running container whose sandbox is shared."""
        if not mode.shared:
            return None
        try:
            target = self.find(mode.shared)
        except NotFound as error:
            raise NotFound(f"joining network namespace of container: {error.message}") from error
        if target.id == container.id:
            raise InvalidInput("cannot join own network namespace")
        if not target.state.running:
            raise Conflict(f"cannot join network namespace of a non running container: {target.id}")
        return target

    async def _undone(self, container: Container, error: Exception) -> None:
        """A start has failed: nothing of it stays but the container's error."""
        for console in self.late.pop(container.id, []):
            console.fail()
        await self.core.runtime.delete(container.id)
        await self.plug.unplug(container)
        current = self._current(container)
        code = exit_code_of(str(error))
        current = msgspec.structs.replace(current, sandbox_id="")
        await self._set(current, status="created" if current.state.started[:4] == "0001" else "exited",
                        error=str(error), exit_code=code, pid=0, monitor=0)  # fmt: skip
        self.waiters.exited(container.id, Exit(code, stamp()), str(error))
        if container.host.auto_remove:
            self.core.tasks.spawn(self.forget(container.id, volumes=True), f"remove {container.name}")

    # -- ending

    async def _end(self, container: Container, grace: int, signal_name: str | None) -> None:
        done = self.waiters.expect_exit(container.id)
        if container.state.status == "paused":
            await self.core.runtime.resume(container.id)
        number = signal_number(signal_name or container.config.stop_signal or "SIGTERM")
        await self._signal(container, number)
        if grace == 0 or not await at_most(done, None if grace < 0 else grace):
            await self._signal(container, signal.SIGKILL)
            if not await at_most(done, KILL_WAIT):
                raise Conflict(f"container {container.id} does not end although it was killed")

    async def _signal(self, container: Container, number: int) -> None:
        try:
            await self.core.runtime.kill(container.id, number)
        except SeawayError as error:
            log.debug("signal not delivered", extra={"container": container.name, "reason": error.message})
            return
        self._tell("kill", container, signal=str(int(number)))

    async def _watch(self, container_id: str, monitor: int) -> None:
        ended = await self.core.runtime.wait(container_id, monitor)
        async with self.core.locks[container_id]:
            container = self.core.facts.containers.get(container_id)
            if container is None or container.state.monitor != monitor:
                return
            await self._ended(container, ended)

    async def _ended(self, container: Container, ended: Exit) -> None:
        again = self._wants_restart(container, ended)
        state = msgspec.structs.replace(
            container.state,
            status="restarting" if again else "exited",
            pid=0,
            monitor=0,
            exit_code=ended.code,
            oom_killed=ended.oom,
            finished=ended.at,
        )
        before, container = container, msgspec.structs.replace(container, sandbox_id="", state=state)
        await self.plug.unplug(before, container)
        await self.core.runtime.delete(container.id)
        self._tell("die", container, exitCode=str(ended.code))
        if ended.oom:
            self._tell("oom", container)
        self.waiters.exited(container.id, ended)
        if again:
            self._schedule(container)
        elif container.host.auto_remove:
            self.core.tasks.spawn(self.forget(container.id, volumes=True), f"remove {container.name}")

    def _wants_restart(self, container: Container, ended: Exit) -> bool:
        policy, state = container.host.restart_policy, container.state
        if state.manually_stopped or policy.name in ("", "no"):
            return False
        if policy.name == "on-failure":
            limit = policy.maximum_retry_count
            return ended.code != 0 and (limit == 0 or state.restart_count < limit)
        return True

    def _schedule(self, container: Container) -> None:
        pause = min(LONGEST, self._pauses.get(container.id, BACKOFF))
        self._pauses[container.id] = pause * 2
        work = self._restart(container.id, pause, container.state.restart_count + 1)
        self._restarts[container.id] = self.core.tasks.spawn(work, f"restart {container.name}")

    async def _restart(self, container_id: str, pause: float, count: int) -> None:
        await asyncio.sleep(pause)
        async with self.core.locks[container_id]:
            self._restarts.pop(container_id, None)
            container = self.core.facts.containers.get(container_id)
            if container is None or container.state.status != "restarting":
                return
            try:
                await self._start(container, restarts=count)
            except (SeawayError, OSError) as error:
                log.error("restart failed", extra={"container": container.name, "reason": str(error)})
                container = self._current(container)
                if self._wants_restart(container, Exit(FAILED_TO_START, stamp())):
                    counted = await self._set(container, status="restarting", restart_count=count)
                    self._schedule(counted)
                return
        if pause > BACKOFF:
            await asyncio.sleep(10)
        self._pauses.pop(container_id, None)

    def _cancel_restart(self, container_id: str) -> None:
        self._pauses.pop(container_id, None)
        task = self._restarts.pop(container_id, None)
        if task is not None:
            task.cancel()

    # -- facts

    def _current(self, container: Container) -> Container:
        found = self.core.facts.containers.get(container.id)
        if found is None:
            raise NotFound(f"No such container: {container.id}")
        return found

    async def _set(self, container: Container, **state: object) -> Container:
        changed = msgspec.structs.replace(container, state=msgspec.structs.replace(container.state, **state))
        await self.core.facts.commit(Change().put(changed))
        return changed

    def _farewell(self, container: Container, *, volumes: bool) -> Change:
        change = Change().remove(container).free(name_key("containers", container.name))
        for network_id in self.core.facts.networks:
            for address, owner in self.core.facts.claims(network_id).items():
                if owner == by_container(container.id):
                    change.free(claim_key(network_id, address))
        if volumes:
            names = {m.get("Name") for m in container.mounts}
            change.remove(*(v for v in self.core.facts.volumes.values() if v.anonymous and v.name in names))
        return change

    def _grace(self, container: Container, timeout: int | None) -> int:
        if timeout is not None:
            return timeout
        own = container.config.stop_timeout
        return GRACE if own is None else own

    def _tell(self, action: str, container: Container, **more: str) -> None:
        self.core.events.publish("container", action, container.id, {**attributes(container), **more})


def attributes(container: Container) -> dict[str, str]:
    """What events say about a container: its labels, image and name."""
    return {**(container.config.labels or {}), "image": container.image_name, "name": container.name}
