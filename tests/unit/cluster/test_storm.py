"""A storm over a simulated cluster: whatever happens, at the end everything agrees with everything."""

import asyncio
import random
from typing import Any

import pytest

from bench.simulation import SimCluster, SimHost
from seaway.errors import NotFound, SeawayError
from seaway.model import Pool
from tests.unit.cluster.soundness import eventually_sound

NETWORKS = {f"net{n}": f"10.{n}.0.0/28" for n in range(3)}
"""Small ones, so that addresses are sought after."""


class Storm:
    """What happens, drawn by lot."""

    def __init__(self, cluster: SimCluster, seed: int) -> None:
        self.cluster, self.dice = cluster, random.Random(seed)
        self.number = 0
        self.answers: list[BaseException | None] = []
        self.locks = {host.id: asyncio.Lock() for host in cluster.hosts}

    async def rage(self, steps: int) -> None:
        """So many things, several at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(steps):
                group.create_task(self._one(self.dice.choice(self.KINDS)))
                await asyncio.sleep(self.dice.choice((0, 0.001, 0.005, 0.01)))

    async def _one(self, kind: Any) -> None:
        try:
            await kind(self, self.dice.choice(self.cluster.hosts))
        except (SeawayError, asyncio.CancelledError) as error:
            self.answers.append(error)
        else:
            self.answers.append(None)

    def _name(self) -> str:
        self.number += 1
        return f"c{self.number}"

    async def join(self, host: SimHost) -> None:
        network = self.dice.choice(list(NETWORKS))
        ip = f"{NETWORKS[network].partition('/')[0][:-1]}{self.dice.randint(2, 6)}"
        await host.join(self._name(), network, self.dice.choice(("", "", "", ip)))

    def _any(self, host: SimHost) -> str:
        every = [c.name for h in self.cluster.hosts for c in h.daemon.facts.containers.values()]
        return self.dice.choice(every or [""])

    def _host(self, name: str) -> SimHost:
        for host in self.cluster.hosts:
            if name in [c.name for c in host.daemon.facts.containers.values()]:
                return host
        raise NotFound(name)

    async def leave(self, host: SimHost) -> None:
        name = self._any(host)
        await self._host(name).leave(name)

    async def move(self, host: SimHost) -> None:
        there = self.dice.choice(self.cluster.hosts)
        name = self._any(host)
        found = self._host(name).container(name)
        await self.cluster.move(name, there, next(iter(found.networks)))

    async def create(self, host: SimHost) -> None:
        name = self.dice.choice(list(NETWORKS))
        await host.network(name, pools=(Pool(subnet=NETWORKS[name], requested=True),))

    async def remove(self, host: SimHost) -> None:
        await host.remove_network(self.dice.choice(list(NETWORKS)))

    async def lose(self, _host: SimHost) -> None:
        self.cluster.server.lost += 1

    async def cut(self, _host: SimHost) -> None:
        self.cluster.server.cut()
        if self.dice.random() < 0.5:
            self.cluster.server.compact()

    async def outage(self, _host: SimHost) -> None:
        self.cluster.server.stop()
        await asyncio.sleep(0.02)
        self.cluster.server.start()

    async def partition(self, host: SimHost) -> None:
        host.cut()
        if self.dice.random() < 0.4:
            self.cluster.server.advance(31)
        await asyncio.sleep(self.dice.choice((0.005, 0.03)))
        host.cut(False)

    async def death(self, host: SimHost) -> None:
        async with self.locks[host.id]:
            await host.kill()
            if self.dice.random() < 0.3:
                host.kernel.state.clear()
            if self.dice.random() < 0.3:
                self.cluster.server.advance(31)
            await asyncio.sleep(self.dice.choice((0, 0.02)))
            await host.start()

    KINDS = [
        *[join] * 12,
        *[leave] * 6,
        *[move] * 4,
        *[create] * 2,
        *[lose] * 2,
        *(remove, cut, outage, partition, death),
    ]


def _calm(storm: Storm) -> None:
    """Whatever was hurt is mended."""
    storm.cluster.server.start()
    storm.cluster.server.lost = 0
    for host in storm.cluster.hosts:
        host.cut(False)


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_storm_everything_agrees(seed: int) -> None:
    # The dice are thrown the same way each time; in which order threads and tasks come differs.
    async with asyncio.timeout(30), SimCluster(3 + seed % 2) as cluster:
        storm = Storm(cluster, seed)
        for name, subnet in NETWORKS.items():
            await cluster.hosts[0].network(name, pools=(Pool(subnet=subnet, requested=True),))
        for _ in range(3):
            await storm.rage(40)
            _calm(storm)
            await eventually_sound(cluster)
        done = sum(answer is None for answer in storm.answers)
        assert done > len(storm.answers) / 3, storm.answers
