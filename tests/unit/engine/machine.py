"""What outlives a daemon, in memory: a kernel, processes, a disk; each can be told to fail."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from seaway.datapath.fake import FakeKernel
from seaway.datapath.hands import Refusal
from seaway.datapath.reconcile import Operation
from seaway.datapath.resources import HOST, Resource
from seaway.errors import Failure, RuntimeFailed, Unavailable
from seaway.model import Config, HostConfig
from seaway.model.image import Image
from seaway.runtime.contract import Born, Box, Exit
from seaway.store.contract import Check, Reading, Write
from seaway.store.sqlite import SqliteStore

KILLED = 137
LOST = 255


@dataclass(slots=True)
class Process:
    """A container's first process and its monitor."""

    pid: int
    monitor: int
    netns: str
    started: bool = False
    paused: bool = False
    exit: Exit | None = None


@dataclass(slots=True)
class Machine:
    """A host without its daemon. ``faults`` says how often each kind of call fails."""

    seed: int = 0
    kernel: FakeKernel = field(default_factory=FakeKernel)
    processes: dict[str, Process] = field(default_factory=dict)
    exits: dict[str, Exit] = field(default_factory=dict)
    faults: dict[str, float] = field(default_factory=dict)
    next_pid: int = 100
    dice: random.Random = field(default_factory=random.Random)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def fails(self, what: str) -> bool:
        """Whether this call fails; a number above 1 counts down the calls that still go well."""
        chance = self.faults.get(what, 0.0)
        if chance > 1:
            self.faults[what] = chance - 1
            return False
        return self.dice.random() < chance

    def end(self, container_id: str, code: int) -> None:
        """A container's process ends."""
        process = self.processes.get(container_id)
        if process is not None and process.exit is None:
            process.exit = self.exits[container_id] = Exit(code, "2026-01-01T00:00:00.000000000Z")
            self.stir()

    def reboot(self) -> None:
        """Power off and on: processes, devices and exit notes are gone."""
        self.processes.clear()
        self.exits.clear()
        self.kernel.state.clear()
        self.stir()

    def alive(self) -> dict[str, int]:
        """Pids by container of what was made and has not ended."""
        return {c: p.pid for c, p in self.processes.items() if p.exit is None}

    def stir(self) -> None:
        """Wake all who wait for something to happen to a process."""
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()


class Dead(asyncio.CancelledError):
    """What a killed daemon's code meets wherever it touches the world: it does no more."""


class Life:
    """One daemon's grip on the machine. ``dies_in`` counts the touches until it is killed."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.dead = False
        self.dies_in = -1
        self.touches = 0
        self.on_death: Callable[[], None] = lambda: None

    def touch(self) -> None:
        """Count down to death; raise Dead when it has come."""
        self.touches += 1
        if not self.dead and self.dies_in >= 0:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.die()
        if self.dead:
            raise Dead

    def die(self) -> None:
        """kill -9."""
        self.dead = True
        self.on_death()


class Kernel:
    """A hand that moves only while its daemon lives."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._kernel = life.machine.kernel

    def read(self, namespaces: Sequence[str] = (HOST,)) -> Sequence[Resource]:
        """As FakeKernel."""
        return () if self._life.dead else tuple(self._kernel.read(namespaces))

    def current(self, resource: Resource) -> Resource | None:
        """As FakeKernel."""
        return None if self._life.dead else self._kernel.current(resource)

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """As FakeKernel, one by one, so that death can come between."""
        refused: list[Refusal] = []
        for operation in operations:
            if self._life.dead:
                refused.append(Refusal(operation, "dead"))
                continue
            self._life.touches += 1
            refused += self._kernel.apply([operation])
        return refused


class Disk(SqliteStore):
    """The real store, which is full or gone when told to be."""

    life: Life

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """As SqliteStore."""
        self.life.touch()
        await asyncio.sleep(0)
        if self.life.machine.fails("store"):
            raise self.life.machine.dice.choice((Unavailable, Failure))("no space left on device")
        revision = await super().commit(checks, writes)
        self.life.touch()
        return revision

    async def read(self, prefix: str) -> Reading:
        """As SqliteStore."""
        return await super().read(prefix)


class Processes:
    """The Runtime contract over the machine's processes."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._world = life.machine

    async def _step(self, what: str) -> None:
        self._life.touch()
        await asyncio.sleep(0)
        if self._world.fails(what):
            raise RuntimeFailed(f"{what}: the runtime said no")
        self._life.touch()

    async def create(self, box: Box) -> Born:
        """A process that stands still, in a namespace that must be there."""
        await self._step("create")
        cid = box.container.id
        if (
            box.netns
            and not box.netns.startswith("/proc/")
            and ("netns", box.netns) not in (self._world.kernel.state)
        ):
            raise RuntimeFailed(f"no namespace {box.netns}")
        assert cid not in self._world.alive(), "created twice"
        self._world.next_pid += 2
        process = Process(self._world.next_pid, self._world.next_pid + 1, box.netns)
        self._world.processes[cid] = process
        self._world.exits.pop(cid, None)
        await asyncio.sleep(0)
        self._life.touch()
        return Born(process.pid, process.monitor)

    async def start(self, container_id: str) -> None:
        """It runs."""
        await self._step("start")
        self._world.processes[container_id].started = True
        await asyncio.sleep(0)
        self._life.touch()

    async def kill(self, container_id: str, signal: int) -> None:
        """Any signal ends it, unless it is paused and not killed hard."""
        await self._step("kill")
        if container_id not in self._world.alive():
            raise RuntimeFailed("container not running")
        if signal == 9 or not self._world.processes[container_id].paused:
            self._world.end(container_id, 128 + signal)

    async def pause(self, container_id: str) -> None:
        """Frozen."""
        await self._step("pause")
        self._running(container_id).paused = True

    async def resume(self, container_id: str) -> None:
        """Thawed."""
        await self._step("resume")
        self._running(container_id).paused = False

    async def wait(self, container_id: str, monitor: int) -> Exit:
        """Until the process of this monitor has ended."""
        while True:
            process = self._world.processes.get(container_id)
            if process is None or process.monitor != monitor:
                return self._world.exits.get(container_id, Exit(LOST, "2026-01-01T00:00:00.000000000Z"))
            if process.exit is not None:
                return process.exit
            await self._world.moved.wait()
            if self._life.dead:
                raise Dead

    async def delete(self, container_id: str) -> None:
        """Ended and gone."""
        await self._step("delete")
        self._world.end(container_id, KILLED)
        self._world.processes.pop(container_id, None)
        self._world.stir()

    async def remove(self, container_id: str) -> None:
        """As delete."""
        await self.delete(container_id)
        self._world.exits.pop(container_id, None)

    async def update(self, container_id: str, host: HostConfig) -> None:
        """Nothing to do."""
        await self._step("update")

    async def alive(self, container_id: str, monitor: int) -> int:
        """The pid of a process that was started."""
        process = self._world.processes.get(container_id)
        return process.pid if process and process.exit is None and process.started else 0

    async def rotate_due(self, container_id: str) -> bool:
        """Never."""
        return False

    def _running(self, container_id: str) -> Process:
        process = self._world.processes.get(container_id)
        if process is None or process.exit is not None:
            raise RuntimeFailed("container not running")
        return process


class Pictures:
    """One image for every name."""

    image = Image(id="sha256:" + "1" * 64, config=Config(cmd=("sleep", "600")))

    async def open(self) -> None:
        """Nothing to open."""

    async def get(self, reference: str) -> Image:
        """The image."""
        return self.image

    async def rootfs(self, identity: str) -> str:
        """Some path."""
        return "/nowhere"
