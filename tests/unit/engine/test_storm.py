"""Random verbs, random faults, random deaths: whatever comes, the facts, the kernel and the processes agree.

A failing verb leaves the facts as they were; after a death the next daemon finds its way; and when all is
removed, all is gone.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from seaway.engine import lifecycle, restarts, tasks
from seaway.errors import SeawayError
from seaway.model import Attachment
from seaway.model.container import IpamRequest
from tests.unit.engine.house import House
from tests.unit.engine.machine import Dead

NETWORKS = ("net0", "net1", "net2")
NAMES = ("box0", "box1", "box2", "box3")
MODES = ("bridge", "net0", "net1", "host", "none", "container:box0", "container:box1")
networks, names = st.sampled_from(NETWORKS), st.sampled_from(NAMES)
ports = st.lists(st.sampled_from(("", "8080", "8081", "8080-8082")), max_size=2).map(tuple)
FAULTS = ("", "", "", "kernel", "create", "start", "delete", "store", "store2", "store3", "death", "hangup")
faults = st.tuples(st.sampled_from(FAULTS), st.integers(0, 25))


class Storm(RuleBasedStateMachine):
    """One machine, one daemon after the other."""

    def __init__(self) -> None:
        super().__init__()
        restarts.BACKOFF, restarts.LONGEST = 0.001, 0.01
        tasks.RETRY, lifecycle.KILL_WAIT = 0.005, 2.0
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        self.do(self.house.start())
        self.empty = (self.house.picture(), self.house.standing())
        self.do(self._furnish())

    async def _furnish(self) -> None:
        for name in NETWORKS[:2]:
            await self.house.network(name)
        await self.house.container("box0", "net0", ports=("8080",), policy="always")
        await self.house.container("box1", "net1", ports=("",), others=("net0",))
        await self.house.container("box2", "container:box0")
        await self.house.start_container("box0")

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run on the machine's loop."""

        async def timed() -> Any:
            async with asyncio.timeout(20):
                return await work

        return self.loop.run_until_complete(timed())

    def verb(self, work: Coroutine[Any, Any, Any], fault: tuple[str, int]) -> None:
        """A verb under a fault, and what must be so afterwards."""
        self.do(self._verb(work, *fault))

    async def _verb(self, work: Coroutine[Any, Any, Any], kind: str, number: int) -> None:
        house, machine = self.house, self.house.machine
        machine.dice.seed(number)
        before, lives = house.picture(), house.lives()
        if kind == "kernel":
            machine.kernel.probability = 0.3
        elif kind.startswith("store"):
            machine.faults["store"] = float(kind[5:] or 1)
        elif kind == "death":
            house.life.dies_in = number
        elif kind:
            machine.faults[kind] = 1.0
        answer = await self._ask(work, number if kind == "hangup" else -1)
        machine.faults.clear()
        machine.kernel.probability = 0.0
        if kind == "death" or house.life.dead:
            await house.crash()
            await house.start()
        await house.idle()
        if kind == "kernel":
            await house.engine.settler.verify(everything=True)
        await house.eventually_sound()
        if isinstance(answer, SeawayError) and kind not in ("death", "hangup", "delete"):
            after = house.picture()
            gone = {c for c, one in before["containers"].items() if one.host.auto_remove}
            # A restart by policy may come, or end, while the verb fails: that is not the verb's doing.
            alone = house.lives() == lives and not any(newborn for _, _, newborn in lives.values())
            if alone and gone <= after["containers"].keys() and not house.removing():
                assert after == before, answer

    async def _ask(self, work: Coroutine[Any, Any, Any], hang_up: int) -> object:
        request = asyncio.ensure_future(work)
        if hang_up >= 0:
            for _ in range(hang_up):
                await asyncio.sleep(0)
            request.cancel()
        await asyncio.wait([request])
        if request.cancelled():
            return Dead()
        error = request.exception()
        assert error is None or isinstance(error, SeawayError), repr(error)
        return error

    @rule(name=networks, fault=faults)
    def create_network(self, name: str, fault: tuple[str, int]) -> None:
        """A network."""
        self.verb(self.house.network(name), fault)

    @rule(name=networks, fault=faults)
    def remove_network(self, name: str, fault: tuple[str, int]) -> None:
        """No network."""
        self.verb(self.house.engine.networks.remove(name), fault)

    @rule(
        name=names,
        mode=st.sampled_from(MODES),
        ports=ports,
        ip=st.sampled_from(("", "", "10.200.0.9", "10.200.1.9")),
        others=st.sets(networks, max_size=2),
        policy=st.sampled_from(("", "always", "on-failure")),
        rm=st.booleans(),
        fault=faults,
    )
    def create(self, name: str, mode: str, ports: tuple[str, ...], ip: str, others: set[str], policy: str,
               rm: bool, fault: tuple[str, int]) -> None:  # fmt: skip
        """A container."""
        private = mode in ("host", "none") or mode.startswith("container:")
        self.verb(
            self.house.container(
                name,
                mode,
                ports=() if private else ports,
                ip=ip if mode.startswith("net") else "",
                others=() if private else tuple(sorted(others - {mode})),
                policy="" if rm else policy,
                rm=rm,
            ),
            fault,
        )

    @rule(name=names, fault=faults)
    def start(self, name: str, fault: tuple[str, int]) -> None:
        """It runs."""
        self.verb(self.house.start_container(name), fault)

    @rule(name=names, fault=faults)
    def stop(self, name: str, fault: tuple[str, int]) -> None:
        """It does not run. A process that has got its signal cannot be called back."""
        fault = ("store" if fault[0].startswith("store") else fault[0], fault[1])
        self.verb(self.house.engine.containers.stop(name, 1, None), fault)

    @rule(name=names, fault=faults)
    def restart(self, name: str, fault: tuple[str, int]) -> None:
        """It runs anew. Half of it may be done: it is two verbs."""
        kind = fault[0] if fault[0] in ("death", "hangup") else "hangup"
        self.verb(self.house.engine.containers.restart(name, 1, None), (kind, 1000 + fault[1]))

    @rule(name=names, force=st.booleans(), fault=faults)
    def remove(self, name: str, force: bool, fault: tuple[str, int]) -> None:
        """It is gone. A removal goes on when it is asked for again."""
        kind = fault[0] if fault[0] in ("", "kernel", "death", "hangup") else ""
        self.verb(self.house.remove(name, force=force), (kind, fault[1]))

    @rule(old=names, new=names, fault=faults)
    def rename(self, old: str, new: str, fault: tuple[str, int]) -> None:
        """Another name."""
        self.verb(self.house.engine.containers.rename(old, new), fault)

    @rule(name=names, net=networks, ip=st.sampled_from(("", "10.200.0.11")), fault=faults)
    def connect(self, name: str, net: str, ip: str, fault: tuple[str, int]) -> None:
        """On one more network."""
        asked = Attachment(ipam_config=IpamRequest(ipv4=ip) if ip else None)
        self.verb(self.house.engine.networks.connect(net, name, asked), fault)

    @rule(name=names, net=networks, fault=faults)
    def disconnect(self, name: str, net: str, fault: tuple[str, int]) -> None:
        """Off a network."""
        self.verb(self.house.engine.networks.disconnect(net, name, False), fault)

    @rule(name=names, code=st.sampled_from((0, 1)), store=st.booleans())
    def ends(self, name: str, code: int, store: bool) -> None:
        """Its process ends by itself, maybe while the disk is full."""
        self.do(self._ends(name, code, store))

    async def _ends(self, name: str, code: int, store: bool) -> None:
        one = next((c for c in self.house.facts.containers.values() if c.name == name), None)
        if one is not None:
            self.house.machine.faults["store"] = 1.0 if store else 0.0
            self.house.machine.end(one.id, code)
            await asyncio.sleep(0.01 if store else 0)
            self.house.machine.faults.clear()
            await self.house.eventually_sound()

    @rule(reboot=st.booleans())
    def death(self, reboot: bool) -> None:
        """kill -9, or a power cut."""
        self.do(self._death(reboot))

    async def _death(self, reboot: bool) -> None:
        await self.house.crash()
        if reboot:
            self.house.machine.reboot()
        await self.house.start()
        await self.house.eventually_sound()

    @precondition(lambda self: self.house.machine.kernel.state)
    @rule(number=st.integers(0, 1000))
    def damage(self, number: int) -> None:
        """Somebody takes something away."""
        kernel = self.house.machine.kernel
        kernel.vanish(sorted(kernel.state, key=repr)[number % len(kernel.state)])
        self.do(self.house.engine.settler.verify(everything=True))
        self.do(self.house.eventually_sound())

    def teardown(self) -> None:
        """Everything is removed, and everything is gone."""
        try:
            self.do(self._clear())
        finally:
            self.do(self.house.crash())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.folder.cleanup()

    async def _clear(self) -> None:
        for container in list(self.house.facts.containers.values()):
            await self.house.remove(container.id)
        for network in list(self.house.facts.networks.values()):
            if not network.predefined:
                await self.house.engine.networks.remove(network.id)
        await self.house.eventually_sound()
        assert (self.house.picture(), self.house.standing()) == self.empty
        assert len(self.house.engine.core.locks) == 0


Storm.TestCase.settings = settings(
    max_examples=6, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStorm = Storm.TestCase
