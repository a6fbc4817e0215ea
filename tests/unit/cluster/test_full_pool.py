"""A pool of which every address is held or cooling: starts at the same time get different ones."""

import asyncio

from bench.simulation import SimCluster
from seaway.model import Pool


async def test_starts_at_once_share_no_address_that_still_cools() -> None:
    async with asyncio.timeout(20), SimCluster(1) as cluster:
        (host,) = cluster.hosts
        await host.network("small", pools=(Pool(subnet="10.9.0.0/29", requested=True),))
        for number in range(5):
            await host.join(f"old{number}", "small")
        for number in range(5):
            await host.leave(f"old{number}")
        await asyncio.gather(*(host.join(f"new{number}", "small") for number in range(5)))
        addresses = [e.addresses for e in host.daemon.facts.endpoints.values()]
        assert len(addresses) == len(set(addresses)) == 5
