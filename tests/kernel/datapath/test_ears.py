"""The monitor for real: others' doings on what is ours are heard, our own transactions are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from seaway.datapath.monitor import LINKS, NFT, PAUSE, Monitor
from tests.kernel.datapath.ground import Ground

pytestmark = pytest.mark.root


@asynccontextmanager
async def listening(ground: Ground) -> AsyncIterator[list[str]]:
    """A monitor that has heard about all there is; the list fills with what it tells."""
    heard: list[str] = []
    monitor = Monitor(ground.path)
    monitor.start(asyncio.get_running_loop(), heard.append)
    try:
        await asyncio.sleep(2 * PAUSE)
        heard.clear()  # links just made tell of their carrier a little later
        yield heard
        await asyncio.sleep(2.5 * PAUSE)
    finally:
        monitor.close()


OURS = [
    ("ip link del veth1", LINKS),
    ("ip link set br-one mtu 1400", LINKS),
    ("bridge link set dev veth1 isolated on", LINKS),
    ("ip addr del 172.30.0.1/16 dev br-one", LINKS),
    ("ip link set br-one group 0", LINKS),
    ("nft flush ruleset", NFT),
    ("nft delete element inet seaway publish4 { tcp . 8001 }", NFT),
]


@pytest.mark.parametrize(("command", "what"), OURS, ids=[c for c, _ in OURS])
async def test_damage_is_heard(ground: Ground, command: str, what: str) -> None:
    ground.ledger.settle(ground.wants(1))
    async with listening(ground) as heard:
        ground.run(*command.split())
    assert set(heard) == {what}


async def test_links_of_others_are_not(ground: Ground) -> None:
    ground.ledger.settle(ground.wants())
    async with listening(ground) as heard:
        for command in (
            "ip link add theirs type bridge",
            "ip addr add 10.3.0.1/24 dev theirs",
            "ip link set theirs up",
            "ip link del theirs",
        ):
            ground.run(*command.split())
    assert heard == []


async def test_transactions_of_this_process_are_not(ground: Ground) -> None:
    async with listening(ground) as heard:
        assert not ground.ledger.settle({"host": ground.wants()["host"]}).refusals
        assert not ground.ledger.settle({"host": ()}).refusals
    assert heard == []


async def test_a_flood_is_told_in_few_words(ground: Ground) -> None:
    ground.ledger.settle(ground.wants())
    async with listening(ground) as heard:
        for number in range(20):
            ground.ledger.settle(ground.attach(number + 1))
            await asyncio.sleep(0)
    assert heard and set(heard) == {LINKS} and len(heard) < 20


async def test_it_can_listen_again(ground: Ground) -> None:
    monitor = Monitor(ground.path)
    for _ in range(2):
        heard: list[str] = []
        monitor.start(asyncio.get_running_loop(), heard.append)
        ground.run("nft", "add", "table", "inet", "x")
        await asyncio.sleep(2 * PAUSE)
        monitor.close()
        assert heard == [NFT]
        ground.run("nft", "delete", "table", "inet", "x")
