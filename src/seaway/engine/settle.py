"""Settle: the only caller of the hands. Plans are made here and now; one writer thread acts on them."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from seaway.datapath.ledger import Ledger, Report
from seaway.datapath.reconcile import Operation
from seaway.datapath.resources import HOST, NftElement, Resource
from seaway.drivers import driver
from seaway.drivers.host_plan import host
from seaway.drivers.sandbox import sandbox
from seaway.engine.facts import Facts
from seaway.errors import SettleFailed
from seaway.firewall.publish import udp_door
from seaway.model import Snapshot

log = logging.getLogger(__name__)

T = TypeVar("T")

Wants: TypeAlias = dict[str, tuple[Resource, ...]]
Act: TypeAlias = Callable[[Wants], Report]
Forget: TypeAlias = Callable[[Collection[tuple[str, int]]], object]


def of_network(identity: str) -> str:
    """The owner of what stands because a network exists."""
    return f"net:{identity}"


def of_endpoint(identity: str) -> str:
    """The owner of what stands because an endpoint exists."""
    return f"ep:{identity}"


def of_sandbox(identity: str) -> str:
    """The owner of what stands because a sandbox exists."""
    return f"box:{identity}"


def of_peer(network_id: str, identity: str) -> str:
    """The owner of what stands because an endpoint exists on another host."""
    return f"peer:{network_id}/{identity}"


def plan(owner: str, snapshot: Snapshot) -> tuple[Resource, ...]:
    """What must stand on this node on behalf of one owner. Nothing, when its fact is gone. Pure."""
    kind, _, identity = owner.partition(":")
    return tuple(_PLANS[kind](identity, snapshot))


def _plan_network(identity: str, snapshot: Snapshot) -> Iterable[Resource]:
    network = snapshot.networks.get(identity)
    if network is None or network.config_only:
        return ()
    return driver(network.driver).network(network, snapshot)


def _plan_endpoint(identity: str, snapshot: Snapshot) -> Iterable[Resource]:
    endpoint = snapshot.endpoints.get(identity)
    network = snapshot.networks.get(endpoint.network_id) if endpoint else None
    if endpoint is None or network is None:
        return ()
    return driver(network.driver).endpoint(endpoint, network, snapshot)


def _plan_sandbox(identity: str, snapshot: Snapshot) -> Iterable[Resource]:
    box = snapshot.sandboxes.get(identity)
    return () if box is None else sandbox(box, snapshot)


def _plan_peer(identity: str, snapshot: Snapshot) -> Iterable[Resource]:
    network_id, _, endpoint_id = identity.partition("/")
    network = snapshot.networks.get(network_id)
    remote = snapshot.remotes(network_id).remotes.get(endpoint_id)
    if network is None or remote is None or network_id not in snapshot.present:
        return ()
    return driver(network.driver).remote(remote, network, snapshot)


_PLANS: Mapping[str, Callable[[str, Snapshot], Iterable[Resource]]] = {
    "host": lambda _identity, snapshot: host(snapshot),
    "net": _plan_network,
    "ep": _plan_endpoint,
    "box": _plan_sandbox,
    "peer": _plan_peer,
}


def owners(snapshot: Snapshot) -> list[str]:
    """Everybody on whose behalf something stands."""
    return [
        "host",
        *map(of_network, snapshot.networks),
        *map(of_sandbox, snapshot.sandboxes),
        *map(of_endpoint, snapshot.endpoints),
        *(of_peer(n, e) for n in snapshot.present for e in snapshot.remotes(n).remotes),
    ]


class Settler:
    """Makes the kernel agree with the facts, for some owners or for all."""

    def __init__(self, facts: Facts, ledger: Ledger, forget: Forget = lambda _doors: None) -> None:
        """``forget`` makes the kernel forget UDP flows to host ports that came, changed or went."""
        self._facts = facts
        self._ledger = ledger
        self._forget = forget
        self._writer = ThreadPoolExecutor(1, "hands")
        self.last = 0.0
        """When the hands last moved, by the monotonic clock."""
        self.repairs = 0
        """Operations that a verify had to do since the daemon runs."""
        self.owing = False
        """Whether something was refused that is to be tried again."""

    async def settle(self, *scope: str) -> Report:
        """Settle these owners. Raises SettleFailed with every reason when something was refused."""
        report = await self._run(lambda wants: self._ledger.settle(wants), scope)
        if report.refusals:
            raise SettleFailed([r.reason for r in report.refusals])
        return report

    async def tidy(self, *scope: str) -> None:
        """Settle owners that have gone. What is refused is logged, and the next verify tries it again."""
        report = await self._run(lambda wants: self._ledger.settle(wants), scope)
        for refusal in report.refusals:
            self.owing = True
            log.warning("not cleaned up yet", extra={"reason": refusal.reason})

    async def verify(self, *, everything: bool, rooms: bool = False, level: int = logging.INFO) -> Report:
        """Read the kernel back and repair what differs: the host's namespace, or all of them.

        ``rooms``: the drivers' hidden namespaces as well. Each repair is logged at ``level``.
        """
        report = await self._run(
            lambda wants: self._ledger.verify(wants, self._namespaces(everything, rooms)), None
        )
        self.repairs += len(report.operations)
        self.owing = bool(report.refusals)
        for operation in report.operations:
            log.log(level, "repaired", extra={"operation": repr(operation)})
        for refusal in report.refusals:
            log.warning("cannot repair", extra={"reason": refusal.reason})
        return report

    async def differences(self) -> Sequence[Operation]:
        """What a verify would do, not done."""
        snapshot = self._facts.snapshot()
        return await self._in_writer(
            lambda: self._ledger.compare(_wants(None, snapshot), self._namespaces(True, True))
        )

    async def close(self) -> None:
        """Wait for the writer to finish what it has begun."""
        await asyncio.to_thread(self._writer.shutdown)

    def rooms(self) -> list[str]:
        """Paths of the hidden namespaces that the drivers use on this node now."""
        snapshot = self._facts.snapshot()
        networks = (snapshot.networks.get(identity) for identity in snapshot.present)
        return [room for n in networks if n is not None for room in driver(n.driver).rooms(n, snapshot)]

    def _namespaces(self, everything: bool, rooms: bool) -> list[str]:
        hidden = self.rooms() if everything or rooms else []
        boxes = [b.path for b in self._facts.sandboxes.values() if not b.shared] if everything else []
        return [HOST, *hidden, *boxes]

    async def _run(self, act: Act, scope: Iterable[str] | None) -> Report:
        """Act on what these owners want by the facts of now, or all. The writer plans: it may take long."""
        snapshot = self._facts.snapshot()
        report = await self._in_writer(lambda: self._act(act, _wants(scope, snapshot)))
        self.last = time.monotonic()
        return report

    def _act(self, act: Act, wants: Wants) -> Report:
        report = act(wants)
        elements = (o.resource for o in report.operations if isinstance(o.resource, NftElement))
        doors = {door for element in elements if (door := udp_door(element)) is not None}
        if doors:
            self._forget(doors)
        return report

    async def _in_writer(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)


def _wants(scope: Iterable[str] | None, snapshot: Snapshot) -> Wants:
    return {owner: plan(owner, snapshot) for owner in (owners(snapshot) if scope is None else scope)}
