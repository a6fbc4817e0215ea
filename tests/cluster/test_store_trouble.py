"""Trouble with the store: what is up goes on, local work goes on, and afterwards everything agrees."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.host import Host
from tests.cluster.hurt import (
    GONE,
    TTL,
    cable,
    connected,
    etcdctl,
    frozen,
    quick,
    status,
    well,
    wipe,
    without_loss,
)
from tests.cluster.town import Pinging, Town, pinging
from tests.faces.image import NAME

FLAGS = TTL
WHERE = {"c1": "h1", "c2": "h2", "c3": "h3"}


@pytest.fixture
def busy(town: Town) -> Iterator[Pinging]:
    """A container on each host, and a ping between two of them: at the end none was lost."""
    town.create("net1")
    for name, on in WHERE.items():
        town.idle(on, f"--name {name} --network net1")
    with pinging(town, "h1", "c1", town.address("h2", "c2", "net1"), 0.2) as going:
        yield going
        time.sleep(0.5)
        without_loss(going)


def _local_work(host: Host) -> None:
    """Bridge containers start as fast as ever; an overlay container is started again where it is."""
    quick(host, "run", "--rm", NAME, "true", within=2.5)
    quick(host, "run", "-d", "--name", "l1", NAME, "sleep", "600", within=1)
    host.docker("rm", "-f", "l1")


def _restart(town: Town, name: str) -> None:
    """Its address is its own for a while, whoever else cannot be asked."""
    before = town.address(WHERE[name], name, "net1")
    began = time.monotonic()
    town.docker(WHERE[name], f"restart -t 0 {name}")
    assert time.monotonic() - began < 7
    assert town.address(WHERE[name], name, "net1") == before
    town.wait(lambda: town.pings("h1", "c1", before), 3)


def test_frozen_for_long(town: Town, busy: Pinging) -> None:
    """Longer than any lease: nothing is taken for dead while nobody can tell."""
    with frozen(town):
        for on in ("h1", "h3"):
            _local_work(town[on])
        _restart(town, "c3")
        began = time.monotonic()
        assert town.docker("h1", "network create -d overlay net2", check=False).code == 1
        assert time.monotonic() - began < 5.5
        time.sleep(4)
        assert town.pings("h3", "c3", "c1"), "names stay while the store is silent"
        assert not connected(town["h1"])
    well(town, WHERE)


def test_killed_and_started_again(town: Town, busy: Pinging) -> None:
    """The store ends, and begins again with its data; what came and went meanwhile is told then."""
    town.stop_store()
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(_local_work, town.hosts.values()))
        _restart(town, "c3")
        refused = town.docker("h2", f"run -d --name c4 --network net1 {NAME} sleep 600", check=False)
        assert refused.code == 125 and "cannot be used now" in refused.text
        town.docker("h2", "rm -f c4", check=False)
        town.docker("h3", "rm -f c3")
        time.sleep(4)
    finally:
        town.start_store()
    well(town, {"c1": "h1", "c2": "h2"})


def test_slow_and_fast_by_turns(town: Town, busy: Pinging) -> None:
    """Answers that come late: containers start all the same, or say why not."""
    where = dict(WHERE)
    with ThreadPoolExecutor(1) as pool:
        for name in ("s1", "s2", "s3", "s4"):
            with frozen(town):
                begun = f"run -d --stop-timeout 0 --name {name} --network net1 {NAME} sleep 600"
                work = pool.submit(town.docker, "h2", begun, False)
                time.sleep(1)
            assert work.result().code == 0, work.result().text
            where[name] = "h2"
            time.sleep(0.2)
    well(town, where)


def test_one_host_is_cut_off(town: Town) -> None:
    """A host without a cable for longer than its lease; containers come and go on both sides."""
    town.create("net1")
    for name, on in WHERE.items():
        town.idle(on, f"--name {name} --network net1")
    with pinging(town, "h1", "c1", town.address("h2", "c2", "net1"), 0.2) as going:
        cable(town, "h3", "down")
        try:
            town.idle("h2", "--name c4 --network net1")
            town.idle("h1", "--name gone --network net1")
            town.docker("h1", "rm -f gone")
            town.wait(lambda: status(town["h1"], "h3") == "Down", GONE, 0.2)
            assert not town.asked("h1", "c1", "c3")
            town.docker("h3", "rm -f c3")
            refused = town.docker("h3", f"run -d --name c5 --network net1 {NAME} sleep 600", check=False)
            assert refused.code == 125
            town.docker("h3", "rm -f c5", check=False)
            _local_work(town["h3"])
            time.sleep(3)
        finally:
            cable(town, "h3", "up")
        town.wait(lambda: connected(town["h3"]), 15, 0.2)
        town.idle("h3", "--name c6 --network net1")
        well(town, {"c1": "h1", "c2": "h2", "c4": "h2", "c6": "h3"})
        without_loss(going)


def test_history_goes_while_a_host_is_cut_off(town: Town) -> None:
    """The store compacts what the host has missed; it reads all, and misses nothing."""
    network = town.create("net1")
    for name, on in WHERE.items():
        town.idle(on, f"--name {name} --network net1")
    cable(town, "h3", "down")
    try:
        town.idle("h1", "--name c4 --network net1")
        town.docker("h1", "rm -f c1")
        town.wait(lambda: status(town["h1"], "h3") == "Down", GONE, 0.2)
        revision = etcdctl(town, "get", "x", "-w", "json").split('"revision":')[1].split(",")[0]
        etcdctl(town, "compact", "--physical", revision.strip())
        time.sleep(3)
    finally:
        cable(town, "h3", "up")
    town.wait(lambda: connected(town["h3"]), 15, 0.2)
    well(town, {"c2": "h2", "c3": "h3", "c4": "h1"})
    told = town["h3"].http("GET", f"/networks/{network}")[1]["Containers"].values()
    assert {c["Name"] for c in told} == {"c2", "c3", "c4"}


@pytest.mark.parametrize("how", ["server", "keys"])
def test_all_data_lost(town: Town, busy: Pinging, how: str) -> None:
    """A new, empty store at the old address, or all keys deleted: the hosts write it all again."""
    before = town["h1"].http("GET", "/networks/net1")[1]["Id"]
    if how == "server":
        wipe(town)
    else:
        etcdctl(town, "del", "", "--prefix")
    well(town, WHERE)
    assert town["h3"].http("GET", "/networks/net1")[1]["Id"] == before
    assert f"networks/{before}" in town.keys("networks/")
    town.idle("h3", "--name c4 --network net1")
    well(town, {**WHERE, "c4": "h3"})


def test_all_data_lost_while_a_host_is_down(town: Town) -> None:
    """What stood in the name of a dead host is written again, too: its addresses stay its own."""
    town.create("net1")
    for name, on in WHERE.items():
        town.idle(on, f"--name {name} --network net1")
    held = {name: town.address(on, name, "net1") for name, on in WHERE.items()}
    town["h3"].crash()
    town.wait(lambda: status(town["h1"], "h3") == "Down", GONE, 0.2)
    wipe(town)
    town.wait(lambda: connected(town["h1"]) and connected(town["h2"]), 10, 0.2)
    town.idle("h1", "--name c4 --network net1")
    assert town.address("h1", "c4", "net1") not in held.values()
    town["h3"].start()
    well(town, {**WHERE, "c4": "h1"})
    assert {name: town.address(on, name, "net1") for name, on in WHERE.items()} == held
