"""The verbs of exec: further processes in running containers."""

import asyncio
import logging
from dataclasses import dataclass, field

from seaway.engine.clock import identity
from seaway.engine.core import Core
from seaway.engine.lifecycle import Lifecycle, attributes
from seaway.engine.signals import exit_code_of
from seaway.errors import Conflict, NotFound, SeawayError
from seaway.model import Container
from seaway.runtime.contract import Console, ExecSpec
from seaway.runtime.execs import ExecHandle

log = logging.getLogger(__name__)

KEPT = 300.0
"""Seconds an ended exec can still be inspected."""


@dataclass(slots=True)
class ExecRecord:
    """One exec: what it is and how it went. ``exit_code`` None while it has none."""

    id: str
    container_id: str
    spec: ExecSpec
    detach_keys: str = ""
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    handle: ExecHandle | None = None


@dataclass(slots=True)
class Execs:
    """Execs of this daemon; they are not facts, and are forgotten when it ends, as in Docker."""

    core: Core
    life: Lifecycle
    _records: dict[str, ExecRecord] = field(default_factory=dict)

    async def create(self, container_ref: str, spec: ExecSpec, detach_keys: str = "") -> str:
        """Prepare an exec in a running container. Returns its ID."""
        container = self.life.find(container_ref)
        self._check(container)
        record = ExecRecord(identity(), container.id, spec, detach_keys)
        self._records[record.id] = record
        words = " ".join(spec.cmd)
        self._tell(container, f"exec_create: {words}", record)
        return record.id

    async def start(
        self, exec_id: str, *, detach: bool, tty: bool, size: tuple[int, int] | None
    ) -> Console | None:
        """Run a prepared exec; its console, unless detached."""
        record = self.get(exec_id)
        if record.running or record.exit_code is not None:
            raise Conflict(f"Error: Exec command {exec_id} is already running")
        container = self.life.find(record.container_id)
        self._check(container)
        record.running = True
        try:
            handle = await self.core.runtime.exec_start(
                container.id, exec_id, record.spec, container, detach=detach
            )
        except SeawayError as error:
            record.running, record.exit_code = False, exit_code_of(error.message)
            raise
        record.handle, record.pid = handle, handle.pid
        self.core.tasks.spawn(self._watch(container, record), f"exec in {container.name}")
        self._tell(container, f"exec_start: {' '.join(record.spec.cmd)}", record)
        if size is not None and record.spec.tty:
            await handle.resize(*size)
        return None if detach else handle.console

    def get(self, exec_id: str) -> ExecRecord:
        """An exec by ID."""
        record = self._records.get(exec_id)
        if record is None:
            raise NotFound(f"No such exec instance: {exec_id}")
        return record

    def of_container(self, container_id: str) -> list[str]:
        """IDs of the execs that run in a container."""
        return [r.id for r in self._records.values() if r.container_id == container_id and r.running]

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of an exec's terminal, in characters."""
        record = self.get(exec_id)
        if record.handle is None or not record.running:
            raise Conflict(f"exec {exec_id} is not running")
        await record.handle.resize(height, width)

    async def _watch(self, container: Container, record: ExecRecord) -> None:
        assert record.handle is not None
        record.exit_code = await record.handle.wait()
        record.running = False
        self._tell(container, "exec_die", record, exitCode=str(record.exit_code))
        await asyncio.sleep(KEPT)
        self._records.pop(record.id, None)

    def _check(self, container: Container) -> None:
        if container.state.status == "paused":
            raise Conflict(f"Container {container.name} is paused, unpause the container before exec")
        if container.state.status == "restarting":
            raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
        if not container.state.running:
            raise Conflict(f"container {container.id} is not running")

    def _tell(self, container: Container, action: str, record: ExecRecord, **more: str) -> None:
        about = {**attributes(container), "execID": record.id, **more}
        self.core.events.publish("container", action, container.id, about)
