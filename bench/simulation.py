"""A simulated cluster: the engine's networking on N hosts of memory, over clients of one shared store.

No root, no sockets, no containers: each host has its own facts, a fake kernel, and the real settler, session
and verbs. A host can be cut off, killed and started again from what its own disk holds.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import msgspec

from seaway.cluster.entry import Entry
from seaway.cluster.mirror import Mirror
from seaway.cluster.session import Session
from seaway.daemon.settings import Settings
from seaway.datapath.fake import FakeKernel
from seaway.datapath.hands import Refusal
from seaway.datapath.ledger import Ledger
from seaway.datapath.reconcile import Operation
from seaway.datapath.resources import Resource
from seaway.engine import endpoints
from seaway.engine.clock import identity
from seaway.engine.core import Core
from seaway.engine.events import Events
from seaway.engine.facts import Change, Facts
from seaway.engine.networks import Networks
from seaway.engine.plug import Plug
from seaway.engine.settle import Settler
from seaway.engine.shared import Shared
from seaway.engine.shared_networks import SharedNetworks
from seaway.engine.specs import NetworkSpec
from seaway.engine.tasks import Tasks
from seaway.engine.tending import Tending
from seaway.errors import NotFound, SeawayError, Unavailable
from seaway.model import Attachment, Container, HostConfig, Member, Node, State
from seaway.model.container import IpamRequest
from seaway.store import Store
from seaway.store.memory import MemoryServer, MemoryStore

T = TypeVar("T")

Open = Callable[[], Store]
"""A new client of the cluster's store."""


class Hand:
    """The machine's kernel in the hands of one daemon: when it is dead they do no more."""

    def __init__(self, kernel: FakeKernel) -> None:
        self.kernel = kernel
        self.dead = False

    def read(self, namespaces: Sequence[str]) -> Sequence[Resource]:
        """As FakeKernel."""
        return () if self.dead else tuple(self.kernel.read(namespaces))

    def current(self, resource: Resource) -> Resource | None:
        """As FakeKernel."""
        return None if self.dead else self.kernel.current(resource)

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """As FakeKernel."""
        if self.dead:
            return [Refusal(operation, "dead") for operation in operations]
        return self.kernel.apply(operations)


class Daemon:
    """One life of a daemon: what it knows in memory."""

    def __init__(self, host: "SimHost", disk: Store, store: Store) -> None:
        self.disk, self.store = disk, store
        self.hand = Hand(host.kernel)
        self.tasks = Tasks()
        self.verbs: set[asyncio.Task[Any]] = set()
        self.facts = Facts(disk, Node(name=host.name, id=host.id, advertise=host.address, rooms="/run/rooms"))
        self.mirror = Mirror(host.id)
        self.settler = Settler(self.facts, Ledger(dict.fromkeys(get_args(Resource), self.hand)))
        self.shared = Shared(self.facts, self.settler, self.tasks, self.mirror)
        nothing = cast(Any, None)  # images and processes: there are none
        settings = Settings(data_root=Path("/run/data"), exec_root=Path("/run/exec"))
        self.core = Core(
            settings, self.facts, self.settler, Events(), self.tasks, nothing, nothing, self.shared
        )
        cluster = SharedNetworks(self.shared)
        self.networks = Networks(self.core, cluster)
        self.plug = Plug(self.core, self.networks.make_way)
        self.tending = Tending(self.core, self.plug, cluster)
        member = Member(id=host.id, name=host.name, address=host.address)
        entry = Entry(store, member, host.ttl, host.cluster_id, 4789, host.remember)
        self.session = Session(store, self.mirror, entry, self.shared, host.heartbeat)

    async def live(self, ready: "asyncio.Future[None]", stop: asyncio.Event) -> None:
        """From start to end."""
        try:
            await self.disk.open()
            await self.facts.load()
            async with self.tasks:
                await self.shared.load()
                self.shared.start(self.session, self.tending)
                await self.session.first(0.5)
                await self.settler.verify(everything=True)
                self.shared.house_stands()
                self.tasks.spawn(self.tending.run(), "tending")
                ready.set_result(None)
                await stop.wait()
            if not self.hand.dead:
                await self.shared.close()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)
            elif not self.hand.dead:
                raise
        finally:
            await self.settler.close()
            await self.disk.close()


class SimHost:
    """A machine: what outlives its daemon, and the daemon that runs now."""

    def __init__(self, number: int, open_store: Open, *, ttl: float, heartbeat: float) -> None:
        self.id = f"node{number}"
        self.name = f"h{number}"
        self.address = f"192.168.{number // 250}.{number % 250 + 1}"
        self.ttl, self.heartbeat = ttl, heartbeat
        self.kernel = FakeKernel()
        self.disk = MemoryServer()
        self.cluster_id = ""
        self.partitioned = False
        self.daemon: Daemon
        self._open = open_store
        self._task: asyncio.Task[None] | None = None
        self._ready = False
        self._stop = asyncio.Event()

    def remember(self, identity_: str) -> None:
        """The cluster this host belongs to."""
        self.cluster_id = identity_

    @property
    def running(self) -> bool:
        """Whether there is a daemon."""
        return self._ready

    async def start(self) -> None:
        """Start a daemon on the machine as it is."""
        store = self._open()
        self.daemon = Daemon(self, MemoryStore.at(self.disk), store)
        self.cut(self.partitioned)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.daemon.live(ready, self._stop))
        await asyncio.wait([ready])
        self._ready = not ready.exception()
        ready.result()

    async def stop(self) -> None:
        """SIGTERM."""
        task, self._task, self._ready = self._task, None, False
        self._stop.set()
        if self.daemon.verbs:
            await asyncio.wait(self.daemon.verbs)
        if task is not None:
            await task

    async def kill(self) -> None:
        """kill -9: it touches neither kernel nor disk nor store any more."""
        daemon = self.daemon
        daemon.hand.dead = True
        for verb in daemon.verbs:
            verb.cancel()
        cast(MemoryStore, daemon.disk).cut()
        cast(MemoryStore, daemon.store).cut()
        await self.stop()

    def cut(self, off: bool = True) -> None:
        """Cut this host off from the store, or let it back."""
        self.partitioned = off
        if isinstance(store := self.daemon.store, MemoryStore):
            store.cut()
            store.down = off

    # -- what users do

    async def ask(self, verb: Coroutine[Any, Any, T]) -> T:
        """The answer of a verb, which dies with the daemon. Raises Unavailable when there is none."""
        if not self.running:
            verb.close()
            raise Unavailable(f"{self.name} has no daemon")
        verbs, task = self.daemon.verbs, asyncio.create_task(verb)
        verbs.add(task)
        task.add_done_callback(verbs.discard)
        await asyncio.wait([task])
        if task.cancelled():
            raise Unavailable(f"the daemon of {self.name} died")
        return task.result()

    async def network(self, name: str, **more: Any) -> str:
        """Make a network of the cluster; its ID."""
        spec = NetworkSpec(name=name, driver="overlay", internal=True, **more)
        return (await self.ask(self.daemon.networks.create(spec)))[0].id

    async def remove_network(self, name: str) -> None:
        """Remove a network of the cluster."""
        await self.ask(self.daemon.networks.remove(name))

    def container(self, name: str) -> Container:
        """A container of this host by name. Raises NotFound."""
        for container in self.daemon.facts.containers.values():
            if container.name == name:
                return container
        raise NotFound(f"no container {name}")

    async def join(self, name: str, network: str, ip: str = "") -> Container:
        """A new container, started on a network; nothing is left when it fails."""
        return await self.ask(self._join(name, network, ip))

    async def leave(self, name: str) -> None:
        """The container ends and is removed."""
        await self.ask(self._leave(name))

    async def _join(self, name: str, network: str, ip: str) -> Container:
        core = self.daemon.core
        asked = Attachment(ipam_config=IpamRequest(ipv4=ip) if ip else None)
        container = Container(
            id=identity(),
            name=name,
            created="",
            image="",
            image_name="",
            path="",
            host=HostConfig(network_mode=network),
            networks={network: asked},
        )
        async with core.locks[container.id]:
            await core.facts.commit(Change().put(container))
            try:
                await self.daemon.plug.plug(container, ())
            except SeawayError:
                with contextlib.suppress(SeawayError):
                    await self._remove(container)
                raise
            now = core.facts.containers[container.id]
            now = msgspec.structs.replace(now, state=State(status="running", pid=1))
            await core.facts.commit(Change().put(now))
            return now

    async def _leave(self, name: str) -> None:
        container = self.container(name)
        async with self.daemon.core.locks[container.id]:
            current = self.daemon.facts.containers.get(container.id)
            if current is None:
                raise NotFound(f"no container {name}")
            await self._remove(current)

    async def _remove(self, container: Container) -> None:
        facts = self.daemon.facts
        await self.daemon.plug.unplug(container)
        change = Change().remove(container)
        for network_id in facts.claimed_networks():
            endpoints.free_reservations(facts, container, network_id, change)
        await facts.commit(change)


class SimCluster:
    """Hosts over one store; ``open_store`` makes a client of it, of a MemoryServer when not given."""

    def __init__(
        self, hosts: int, open_store: Open | None = None, *, ttl: float = 30.0, heartbeat: float = 0.05
    ) -> None:
        self.server = MemoryServer()
        how = open_store or (lambda: MemoryStore.at(self.server))
        self.hosts = [SimHost(n, how, ttl=ttl, heartbeat=heartbeat) for n in range(hosts)]

    async def __aenter__(self) -> "SimCluster":
        await asyncio.gather(*(host.start() for host in self.hosts))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(host.stop() for host in self.hosts if host.running))

    async def move(self, name: str, there: SimHost, network: str, ip: str = "") -> Container:
        """Take a container off the host it is on, and start it on another one with the same address."""
        for here in self.hosts:
            with contextlib.suppress(NotFound):
                found = here.container(name)
                places = here.daemon.facts.snapshot().endpoints_of_container(found.id)
                ip = ip or next((a.partition("/")[0] for p in places for a in p.addresses), "")
                await here.leave(name)
                break
        return await there.join(name, network, ip)
