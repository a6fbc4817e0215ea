"""The core of it over every store: make, run, reach by name, claim at once, move, remove."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.town import Town, pinging

pytestmark = pytest.mark.parametrize("built", ["etcd", "consul", "zookeeper"], indirect=True, scope="module")


def test_reached_by_name(town: Town) -> None:
    """Three hosts, one network: every pair by name, entries as told, gone when removed."""
    identity = town.create("net1")
    where = {"over1": "h1", "over2": "h2", "over3": "h3"}
    for name, on in where.items():
        town.idle(on, f"--name {name} --network net1 --network-alias all")
    town.same_as_facts()
    town.pairs_ping(where)
    everybody = {town.address(on, name, "net1") for name, on in where.items()}
    town.wait(lambda: town.asked("h1", "over1", "all") == everybody, 1)
    assert len(town.keys(f"endpoints/{identity}/")) == 3
    town.docker("h3", "rm -f over3")
    town.wait(lambda: len(town.asked("h1", "over1", "all")) == 2, 1)
    town.same_as_facts()


def test_moved(town: Town) -> None:
    """An address that moves, with another MAC, is followed within a second; there and back."""
    town.create("--subnet 10.7.0.0/24 net1")
    town.idle("h3", "--name looker --network net1")
    town.idle("h1", "--name mover --network net1 --ip 10.7.0.50")
    with pinging(town, "h3", "looker", "10.7.0.50") as ping:
        for turn, (off, on) in enumerate((("h1", "h2"), ("h2", "h1"), ("h1", "h2"))):
            town.docker(off, "rm -f mover")
            mac = f"02:42:00:00:00:{turn:02x}"
            town.idle(on, f"--name mover --network net1 --ip 10.7.0.50 --mac-address {mac}")
            ping.followed(within=1.2)
    town.same_as_facts()


def test_no_first_packet_is_lost(town: Town) -> None:
    """Containers whose only deed is one ping of a name on another host; one ping of a fresh one."""
    town.create("net1")
    town.idle("h1", "--name base --network net1")
    lost = []
    for turn in range(6):
        on = ("h2", "h3")[turn % 2]
        first = town.docker(on, "run --rm --network net1 box:1 ping -c1 -W1 base", check=False)
        town.idle(on, f"--name fresh{turn} --network net1")
        fresh = town.address(on, f"fresh{turn}", "net1")
        back = town.inside("h1", "base", "ping", "-c1", "-W1", fresh, check=False)
        lost += [done.text for done in (first, back) if done.code]
    assert not lost, "\n".join(lost)


def test_claimed_at_once(town: Town) -> None:
    """One network name wins once; six starts at once have six addresses; two for one --ip: one is refused."""
    hosts = [host for host in town.hosts.values() for _ in range(2)]
    body = {"Name": "net1", "Driver": "overlay", "IPAM": {"Config": [{"Subnet": "10.7.0.0/24"}]}}
    with ThreadPoolExecutor(len(hosts)) as pool:
        answers = list(pool.map(lambda h: h.http("POST", "/networks/create", body), hosts))
    assert Counter(status for status, _ in answers) == {201: 1, 409: 5}, answers
    for host in town.hosts.values():
        town.wait(lambda h=host: h.http("GET", "/networks/net1")[0] == 200, 2)
    wanted = [(on, f"{on}-{number}") for number in range(2) for on in town.hosts]
    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(lambda w: town.idle(w[0], f"--name {w[1]} --network net1"), wanted))
    assert len({town.address(on, name, "net1") for on, name in wanted}) == 6
    line = "run -d --stop-timeout 0 --network net1 --ip 10.7.0.99 box:1 sleep 600"
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda on: town.docker(on, line, check=False).code, ("h1", "h2")))
    assert sorted(codes) == [0, 125]
    town.same_as_facts()
    town.pairs_ping({name: on for on, name in wanted})


def test_the_daemon_comes_back(town: Town) -> None:
    """What happened while a daemon was dead is caught up; what it knew was reached meanwhile."""
    town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    town["h1"].crash()
    assert town.pings("h2", "over2", "over1")
    town.idle("h3", "--name over3 --network net1")
    town["h1"].start()
    town.wait(lambda: town.pings("h1", "over1", "over3"), 8)
    town.same_as_facts()
