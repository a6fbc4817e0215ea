"""Clocks a day apart: leases, names, cooling and retention go by the time that passes, not by a clock."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from demo.host import Host
from tests.cluster.hurt import GONE, TTL, begin, status
from tests.cluster.town import Town

COOL = 30.0
"""Seconds that an address cools down."""

RETENTION = 10.0
FLAGS = (*TTL, f"--cluster-store-opt=seaway.retention={RETENTION:g}s")
APART = {"h1": 0, "h2": 1, "h3": -1}
"""By how many days the clocks of the hosts' daemons are ahead."""

WHERE = {"c1": "h1", "c2": "h2", "c3": "h3"}

_FAKE = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds) and None\n"
"""Libfaketime refuses to sleep by the monotonic clock when that is not its own, as Python's sleep does."""


def _begin(host: Host) -> None:
    """Start the daemon of a host with the clock that it has here."""
    days = APART[host.name]
    if not days:
        host.start()
        return
    home = host.root / "apart"
    if not home.exists():
        home.mkdir()
        (home / "sitecustomize.py").write_text(_SLEEP)
        host.sh("mount -t tmpfs tmpfs /dev/shm")  # libfaketime leaves things there
    clock = (f"LD_PRELOAD={_FAKE}", f"FAKETIME={days:+d}d", "FAKETIME_DONT_FAKE_MONOTONIC=1")
    begin(host, host.flags, "env", *clock, f"PYTHONPATH={home}")
    Town.wait(host.alive, 20)


@pytest.fixture(scope="module")
def apart(built: Town) -> Town:
    """The module's town, with clocks apart."""
    if _FAKE is None:
        pytest.skip("libfaketime is not installed: scripts/setup")
    for name in ("h2", "h3"):
        built[name].stop()
        _begin(built[name])
    return built


@pytest.fixture
def far(apart: Town, town: Town) -> Iterator[Town]:
    """The same, with a network and a container on each host; whoever ended in a test begins anew."""
    town.wait(
        lambda: all(status(host, name) == "Ready" for host in town.hosts.values() for name in APART), GONE
    )
    town.create("net1")
    for name, on in WHERE.items():
        town.idle(on, f"--name {name} --network net1")
    yield town
    for host in town.hosts.values():
        if not host.alive():
            _begin(host)


def _claims(town: Town) -> dict[str, str]:
    return {key.rpartition("/")[2]: owner for key, owner in town.keys("claims/").items()}


def _written(host: Host) -> datetime:
    """When the daemon believes to have written its log's last line."""
    found = re.findall(r'^time="([^"]+)"', host.log.read_text(), re.M)
    return datetime.fromisoformat(found[-1])


def test_the_clocks_are_apart(far: Town) -> None:
    """Not only told so: the daemons' logs and answers, and the births of containers, are of other days."""
    for name, days in APART.items():
        host, here = far[name], far["h1"]
        host.http("GET", "/version")
        here.http("GET", "/version")
        told = datetime.fromisoformat(host.http("GET", "/info")[1]["SystemTime"])
        born = datetime.fromisoformat(far[name].inspect(f"c{name[1]}")["Created"][:26] + "+00:00")
        for believed in (_written(host), told, born):
            assert abs(believed - datetime.now(believed.tzinfo) - timedelta(days=days)) < timedelta(minutes=2)


def test_leases_names_and_cooling(far: Town) -> None:
    """For longer than ten leases nobody is taken for dead; addresses cool as long as ever, on every host."""
    network = far["h1"].http("GET", "/networks/net1")[1]["Id"]
    for on in APART:
        far.idle(on, f"--name gone-{on} --network net1")
    left = {far.address(on, f"gone-{on}", "net1") for on in APART}
    for on in APART:
        far.docker(on, f"rm -f gone-{on}")
    began = time.monotonic()
    far.wait(lambda: all("cooling:" in _claims(far).get(address, "") for address in left), 5, 0.3)
    while time.monotonic() - began < COOL - 3:
        for host in far.hosts.values():
            assert [status(host, name) for name in APART] == ["Ready"] * 3
        claims = _claims(far)
        assert all("cooling:" in claims.get(address, "") for address in left), (left, claims)
        far.pairs_ping(WHERE)
        time.sleep(1)
    far.wait(lambda: not left & _claims(far).keys(), 12, 0.3)
    assert far["h1"].http("GET", "/networks/net1")[1]["Id"] == network
    far.same_as_facts()


def test_a_host_ahead_dies_and_comes_back(far: Town) -> None:
    """Its lease runs as long as any: neither at once, nor a day."""
    there = far.address("h2", "c2", "net1")
    began = time.monotonic()
    far["h2"].crash()
    assert far.asked("h1", "c1", "c2") == {there} == far.asked("h3", "c3", "c2"), "the lease still runs"
    for on in ("h1", "h3"):
        far.wait(lambda on=on: status(far[on], "h2") == "Down", GONE, 0.2)
    assert time.monotonic() - began > 1.9, "the last sign of life is one second old at most"
    far.wait(lambda: not far.asked("h1", "c1", "c2") and not far.asked("h3", "c3", "c2"), 2)
    _begin(far["h2"])
    far.wait(lambda: far.asked("h1", "c1", "c2") == {there} == far.asked("h3", "c3", "c2"), 5)
    far.pairs_ping(WHERE)
    far.same_as_facts()


def test_a_host_ahead_buries_in_time(far: Town) -> None:
    """The only one left is a day ahead of the dead one's and two of the other's: retention is retention."""
    network = far["h1"].http("GET", "/networks/net1")[1]["Id"]
    held = {far.address("h1", "c1", "net1"), far.address("h3", "c3", "net1")}
    began = time.monotonic()
    for on in ("h1", "h3"):
        far[on].crash()
    for on in ("h1", "h3"):
        far.wait(lambda on=on: status(far["h2"], on) == "Down", GONE, 0.2)
    while time.monotonic() - began < RETENTION:
        assert held <= _claims(far).keys()
        assert len(far.keys(f"endpoints/{network}/")) == 3
        time.sleep(0.5)
    far.wait(lambda: len(far.keys(f"endpoints/{network}/")) == 1, 12, 0.3)
    assert not held & _claims(far).keys()
    for on in ("h1", "h3"):
        _begin(far[on])
    far.wait(lambda: len(far.keys(f"endpoints/{network}/")) == 3, 8, 0.3)
    far.wait(lambda: far.asked("h1", "c1", "c3") and far.asked("h3", "c3", "c1"), 5)
    far.pairs_ping(WHERE)
    far.same_as_facts()
