"""A daemon without root: the real engine on a machine of memory, which can be killed and started again."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from seaway.daemon.settings import Settings
from seaway.datapath.hands import Hand
from seaway.datapath.resources import Resource, Sysctl
from seaway.engine import Engine
from seaway.engine import engine as module
from seaway.engine.facts import Facts
from seaway.engine.settle import owners, plan
from seaway.engine.specs import ContainerSpec, NetworkSpec
from seaway.model import Attachment, Config, HostConfig, State
from seaway.model.container import HostBinding, IpamRequest, RestartPolicy
from seaway.model.publish import ANY
from tests.unit.engine.machine import Disk, Kernel, Life, Machine, Pictures, Processes

T = TypeVar("T")


class Deaf:
    """Ears that hear nothing: tests say themselves when to verify."""

    def __init__(self, *_settler: object) -> None:
        pass

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.Event().wait()


class TestEngine(Engine):
    """The engine with other hands, runtime, images and disk."""

    __test__ = False
    _forget = staticmethod(lambda doors: 0)  # type: ignore[assignment]
    _walls = list

    def __init__(self, settings: Settings, life: Life) -> None:
        super().__init__(settings)
        self.life = life
        disk = Disk(settings.data_root / "seaway.db")
        disk.life = life
        self.facts = Facts(disk, self.facts.node)
        self.runtime = Processes(life)  # type: ignore[assignment]
        self._images = Pictures()  # type: ignore[assignment]

    def _make_hands(self) -> Mapping[type, Hand]:
        return dict.fromkeys(get_args(Resource), Kernel(self.life))


class House:
    """A machine and the daemon that runs on it now."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine()
        self.settings = Settings(
            data_root=root / "data",
            exec_root=root / "exec",
            bip="10.199.0.1/24",
            pools=(("10.200.0.0/16", 24),),
        )
        self.engine: TestEngine
        self._daemon: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        module.Watch = Deaf  # type: ignore[misc,assignment]

    @property
    def facts(self) -> Facts:
        """What the daemon knows."""
        return self.engine.facts

    @property
    def life(self) -> Life:
        """The daemon's grip on the machine."""
        return self.engine.life

    async def start(self) -> None:
        """Start a daemon on the machine as it is."""
        self.engine = TestEngine(self.settings, Life(self.machine))
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._daemon = asyncio.create_task(self._live(self.engine, self._stop, ready))
        await ready

    async def _live(self, engine: TestEngine, stop: asyncio.Event, ready: "asyncio.Future[None]") -> None:
        try:
            await engine.start()
        except BaseException as error:
            ready.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            return
        ready.set_result(None)
        await stop.wait()
        await engine.stop()

    async def stop(self) -> None:
        """SIGTERM."""
        self._stop.set()
        if self._daemon is not None:
            await self._daemon

    async def crash(self) -> None:
        """kill -9: nothing of the daemon touches the machine any more, and all its tasks are gone."""
        self.life.dead = True
        self.machine.stir()
        me = asyncio.current_task()
        for _ in range(50):
            rest = [t for t in asyncio.all_tasks() if t is not me]
            if not rest:
                break
            for task in rest:
                task.cancel()
            await asyncio.wait(rest, timeout=1)
        await self.engine.settler.close()
        with suppress(BaseException):
            await self.facts.store.close()

    async def again(self) -> None:
        """A crash, and a new daemon without faults."""
        await self.crash()
        self.machine.faults.clear()
        self.machine.kernel.probability = 0.0
        await self.start()

    async def client(self, work: Coroutine[Any, Any, T]) -> T | BaseException:
        """What a client gets: the answer or the error."""
        try:
            return await work
        except Exception as error:
            return error

    async def idle(self) -> None:
        """Until no verb is under way."""
        while verbs := self.engine.tasks._verbs:
            await asyncio.wait(verbs)

    # -- requests in few words

    async def network(self, name: str, **more: Any) -> str:
        """Create a network; its ID."""
        return (await self.engine.networks.create(NetworkSpec(name=name, **more)))[0].id

    async def container(
        self,
        name: str,
        mode: str = "bridge",
        *,
        ports: tuple[str, ...] = (),
        ip: str = "",
        others: tuple[str, ...] = (),
        policy: str = "",
        retries: int = 0,
        rm: bool = False,
    ) -> str:
        """Create a container; its ID. ``ports`` are host ports (empty: ephemeral) for 80, 81, …"""
        bindings = {f"{80 + n}/tcp": (HostBinding(host_port=p),) for n, p in enumerate(ports)}
        networks = {n: Attachment() for n in others}
        if ip:
            networks[mode] = Attachment(ipam_config=IpamRequest(ipv4=ip))
        host = HostConfig(
            network_mode=mode,
            port_bindings=bindings,
            auto_remove=rm,
            restart_policy=RestartPolicy(name=policy, maximum_retry_count=retries),
        )
        spec = ContainerSpec(name=name, config=Config(image="box"), host=host, networks=networks)
        return (await self.engine.containers.create(spec))[0]

    async def start_container(self, name: str) -> None:
        """Start a container."""
        await self.engine.containers.start(name)

    async def remove(self, name: str, *, force: bool = True) -> None:
        """Remove a container."""
        await self.engine.containers.remove(name, force=force, volumes=True, link=False)

    def state(self, name: str) -> State:
        """How a container is."""
        return self.engine.containers.get(name).state

    def removing(self) -> bool:
        """Whether a removal was begun and has failed: it is to be asked for again."""
        return any(c.state.status == "removing" for c in self.facts.containers.values())

    def lives(self) -> dict[str, tuple[str, str, bool]]:
        """When each container last started and ended, and whether it is being born just now."""
        born = {b.container_id for b in self.facts.sandboxes.values()}
        return {
            c.id: (c.state.started, c.state.finished, c.id in born and not c.state.running)
            for c in self.facts.containers.values()
        }

    # -- what must be so

    def picture(self) -> dict[str, Any]:
        """The facts, but for how containers fared."""
        bare = {c.id: msgspec.structs.replace(c, state=State()) for c in self.facts.containers.values()}
        claims = {n: dict(self.facts.claims(n)) for n in self.facts.claimed_networks()}
        return {
            "containers": bare,
            "networks": dict(self.facts.networks),
            "endpoints": dict(self.facts.endpoints),
            "sandboxes": dict(self.facts.sandboxes),
            "claims": {n: c for n, c in claims.items() if c},
            "names": dict(self.facts._names),
        }

    def wanted(self) -> set[Resource]:
        """All that must stand by the facts, kernel parameters left out."""
        snapshot = self.facts.snapshot()
        every = {r for owner in owners(snapshot) for r in plan(owner, snapshot)}
        return {r for r in every if not isinstance(r, Sysctl)}

    def standing(self) -> set[Resource]:
        """All that stands, kernel parameters left out."""
        return {r for r in self.machine.kernel.state.values() if not isinstance(r, Sysctl)}

    async def eventually_sound(self, *, kernel: bool = True, wait: float = 3.0) -> None:
        """Everything agrees with everything, at the latest when background work has been done."""
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            try:
                await self.check(kernel=kernel)
                return
            except AssertionError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.01)

    async def check(self, *, kernel: bool) -> None:
        """AssertionError when something disagrees with something."""
        self._names_and_claims()
        self._places()
        running = {c.id: c.state.pid for c in self.facts.containers.values() if c.state.running}
        assert running == self.machine.alive()
        if kernel:
            assert self.wanted() == self.standing()
            assert not await self.engine.settler.differences()
        stored = await self.facts.store.read("")
        other = Facts(self.facts.store, self.facts.node)
        await other.load()
        assert (other._tables, other._names) == (self.facts._tables, self.facts._names), len(stored.items)
        assert {n: c for n, c in other._claims.items() if c} == {
            n: c for n, c in self.facts._claims.items() if c
        }

    def _names_and_claims(self) -> None:
        names = {f"containers/{c.name}": c.id for c in self.facts.containers.values()}
        names |= {f"networks/{n.name}": n.id for n in self.facts.networks.values()}
        assert names == self.facts._names
        held = {f"endpoint:{e.id}": e for e in self.facts.endpoints.values()}
        for nid in self.facts.claimed_networks():
            for address, owner in self.facts.claims(nid).items():
                assert nid in self.facts.networks, f"{address} of no network"
                if owner.startswith("endpoint:"):
                    assert address in [a.partition("/")[0] for a in held[owner].addresses]
                elif owner.startswith("container:"):
                    kept = self.facts.containers.get(owner.partition(":")[2])
                    assert kept is not None, f"{address} kept for nobody"
                    name = self.facts.networks[nid].name
                    asked = kept.networks[name].ipam_config
                    assert asked is not None and asked.ipv4 == address
        for endpoint in self.facts.endpoints.values():
            for cidr in endpoint.addresses:
                claim = self.facts.claims(endpoint.network_id)[cidr.partition("/")[0]]
                assert claim == f"endpoint:{endpoint.id}"

    def _places(self) -> None:
        held: set[tuple[str, int]] = set()
        for box in self.facts.sandboxes.values():
            owner = self.facts.containers[box.container_id]
            assert owner.state.running and owner.sandbox_id == box.id, (owner.name, owner.state)
            for b in box.bindings:
                assert b.host_ip in ANY.values()
                assert (b.host_ip, b.host_port) not in held, "a port given twice"
                held.add((b.host_ip, b.host_port))
        for endpoint in self.facts.endpoints.values():
            assert endpoint.sandbox_id in self.facts.sandboxes
        for container in self.facts.containers.values():
            on = {self.facts.networks[e.network_id].name for e in self.facts.endpoints.values()
                  if e.container_id == container.id}  # fmt: skip
            assert on == (set(container.networks) if container.state.running else set()), container.name
            shared = container.host.network_mode.startswith("container:")
            assert bool(container.sandbox_id) == (container.state.running and not shared), container.name
