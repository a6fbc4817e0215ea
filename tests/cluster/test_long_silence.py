"""A store that says nothing for a minute, and a host without a cable within it: what stands goes on."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.cluster.hurt import TTL, cable, connected, frozen, quick, well, without_loss
from tests.cluster.stream import streaming
from tests.cluster.town import Town, pinging
from tests.faces.image import NAME

FLAGS = TTL
SILENCE = 60.0
WITHOUT_CABLE = 20.0
WHERE = {"c1": "h1", "c2": "h2", "c3": "h3", "r1": "h1", "r2": "h2"}


def _bridge_starts(town: Town) -> None:
    """On every host a container of its own networks starts within a second."""
    for host in town.hosts.values():
        quick(host, "run", "-d", "--name", "l1", NAME, "sleep", "600", within=1)
        host.docker("rm", "-f", "l1")


def _restarts(town: Town, name: str) -> None:
    """An overlay container is started again in place, within a time to live with, and keeps its address."""
    before = town.address(WHERE[name], name, "net1")
    quick(town[WHERE[name]], "restart", "-t", "0", name, within=7)
    assert town.address(WHERE[name], name, "net1") == before


def _refused(town: Town, on: str) -> None:
    """What needs the cluster is refused, in time, with the reason; and leaves nothing."""
    began = time.monotonic()
    refused = town.docker(on, f"run -d --name new --network net1 {NAME} sleep 600", check=False)
    assert refused.code == 125 and "does not answer" in refused.text, refused.text
    assert time.monotonic() - began < 6, refused.text
    town.docker(on, "rm -f new", check=False)


def _everywhere(town: Town, act: Callable[[Town, str], None]) -> None:
    with ThreadPoolExecutor(len(town.hosts)) as pool:
        list(pool.map(lambda on: act(town, on), town.hosts))


def _cut_off(town: Town) -> None:
    """h3 loses its cable; on all sides containers come and go; afterwards it is reached without any store."""
    began = time.monotonic()
    cable(town, "h3", "down")
    try:
        _bridge_starts(town)
        _restarts(town, "r2")
        _restarts(town, "c3")
        for on in town.hosts:
            town.docker(on, f"rm -f gone-{on}")
        assert not town.pings("h1", "c1", "c3")
        assert town.pings("h1", "c1", "c2")
        time.sleep(max(0.0, began + WITHOUT_CABLE - time.monotonic()))
    finally:
        cable(town, "h3", "up")
    town.wait(lambda: town.pings("h1", "c1", "c3"), 3)
    town.wait(lambda: town.pings("h3", "c3", "c2"), 3)


@pytest.mark.slow
def test_a_minute_of_silence(town: Town) -> None:
    """One connection and one ping go on through all of it; afterwards everything missed is caught up."""
    town.create("net1")
    gone = {f"gone-{on}": on for on in town.hosts}
    together = [
        f"run -d --stop-timeout 0 --name {name} --network net1 {NAME} sleep 600" for name in WHERE | gone
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(town.docker, (WHERE | gone).values(), together))
    there = town.address("h2", "c2", "net1")
    with (
        streaming(town, ("h1", "c1"), ("h2", "c2"), "net1") as stream,
        pinging(town, "h1", "c1", there, 0.2) as going,
    ):
        with frozen(town):
            began = time.monotonic()
            _bridge_starts(town)
            _everywhere(town, _refused)
            _restarts(town, "r1")
            town.wait(lambda: not any(connected(host) for host in town.hosts.values()), 12, 0.2)
            _cut_off(town)
            town.pairs_ping(WHERE)
            for name, on in gone.items():
                assert town[on].http("GET", f"/containers/{name}/json")[0] == 404
            time.sleep(max(0.0, began + SILENCE - time.monotonic()))
        town.wait(lambda: all(connected(host) for host in town.hosts.values()), 15, 0.2)
        well(town, WHERE)
        town.idle("h3", "--name c4 --network net1")
        well(town, {**WHERE, "c4": "h3"})
        without_loss(going)
        times = [at for at, _ in going.answers()]
        assert max(b - a for a, b in pairwise(times)) < 1
    stream.untouched(least=int(SILENCE / 0.05))
