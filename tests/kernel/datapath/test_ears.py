"""The monitor for real: others' doings on what is ours are heard, our own transactions are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from seaway.datapath.monitor import LINKS, NFT, PAUSE, ROOMS, Monitor
from tests.kernel.datapath.ground import Ground
from tests.kernel.datapath.overlay import OV, VX, Host, mac, peer, town, v4, v6

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


@asynccontextmanager
async def over_rooms(host: Host) -> AsyncIterator[list[str]]:
    """A monitor that also listens in the hidden namespace."""
    heard: list[str] = []
    monitor = Monitor(host.ground.path, host.ground.forwards.did)
    monitor.start(asyncio.get_running_loop(), heard.append)
    try:
        monitor.watch(host.hidden)
        await asyncio.sleep(3 * PAUSE)
        heard.clear()
        yield heard
        await asyncio.sleep(2.5 * PAUSE)
    finally:
        monitor.unwatch(host.hidden)
        monitor.close()


LOSSES = [
    f"bridge fdb del {mac(2)} dev {VX} self",
    f"bridge fdb del {mac(2)} dev {VX} master",
    f"ip neigh del {v4(2)} dev {VX}",
    f"ip neigh del {v6(2)} dev {VX}",
    f"ip link del {VX}",
    f"ip link set {VX} down",
    f"ip link set {VX} nomaster",
    f"ip addr del 10.0.255.254/16 dev {OV}",
    "ip link del veth1",
]


@pytest.mark.parametrize("command", LOSSES)
async def test_losses_in_hidden_namespaces_are_heard(ground: Ground, command: str) -> None:
    with town(1) as (host,):
        host.settle(ep1=host.container(1), peer2=peer(host.hidden, 2, "192.0.2.2"))
        async with over_rooms(host) as heard:
            host.run(*command.split())
        assert ROOMS in heard


async def test_our_own_doing_and_what_the_kernel_learnt_are_no_losses(ground: Ground) -> None:
    with town(1) as (host,):
        host.settle(ep1=host.container(1), peer2=peer(host.hidden, 2, "192.0.2.2"))
        async with over_rooms(host) as heard:
            host.settle(peer3=peer(host.hidden, 3, "192.0.2.3"))
            host.settle(peer2=peer(host.hidden, 2, "192.0.2.3", at=mac(9)))
            host.settle(peer2=(), peer3=())
            host.within(1, "ping", "-c1", "-W1", "10.0.255.254")
            host.run("ip", "link", "set", "veth1", "type", "bridge_slave", "fdb_flush")
            host.run("ip", "neigh", "flush", "all")
            host.within(1, "ip", "neigh", "flush", "all")
            host.verify()
        assert heard == []


async def test_a_monitor_keeps_no_namespace_alive(ground: Ground) -> None:
    with town(1) as (host,):
        async with over_rooms(host):
            wants = dict(host.wants)
            for _ in range(3):
                host.settle(**dict.fromkeys(wants, ()))
                assert ":4789" not in host.ground.run("ss", "-lun")
                host.settle(**wants)
