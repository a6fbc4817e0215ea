"""Packets over an overlay by the real hands: none lost, moves followed at once, damage put right."""

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from seaway.datapath.reconcile import Remove
from tests.kernel.datapath.ground import Ground
from tests.kernel.datapath.overlay import OV, VX, Host, mac, peer, town, v4, v6, vtep

pytestmark = pytest.mark.root


@pytest.fixture
def pair(ground: Ground) -> Iterator[list[Host]]:
    """Two hosts with a container each, 1 and 2, who know each other. (``ground`` looks for leaks.)"""
    with town() as hosts:
        meet(hosts)
        yield hosts


def meet(hosts: list[Host]) -> None:
    """Container n on host n; everybody knows everybody before the first packet."""
    for number, host in enumerate(hosts, 1):
        host.settle(**{f"ep{number}": host.container(number)})
        for other in range(1, len(hosts) + 1):
            if other != number:
                host.settle(**{f"peer{other}": peer(host.hidden, other, hosts[other - 1].vtep)})


@pytest.mark.parametrize("version", [4, 6])
def test_the_first_packet_arrives_both_ways_over_either_underlay(ground: Ground, version: int) -> None:
    with town(2, version) as hosts:
        meet(hosts)
        assert hosts[0].reaches(1, 2) and hosts[1].reaches(2, 1)
        for host in hosts:
            assert host.verify().operations == ()
        hosts[0].within(1, "ping", "-n", "-c1", "-W1", "-M", "do", "-s", "1372", v4(2))


def test_nothing_is_flooded_and_nothing_learnt(pair: list[Host]) -> None:
    assert pair[0].reaches(1, 2)
    fdb = pair[0].run("bridge", "fdb", "show", "dev", VX)
    assert f"{mac(2)} dst {vtep(2)} link-netnsid 0 self permanent" in fdb
    assert f"{mac(2)} master {OV} static" in fdb
    assert len([line for line in fdb.splitlines() if mac(2) in line]) == 2
    shown = pair[0].run("ip", "-d", "link", "show", VX)
    assert "nolearning proxy" in shown and "learning off" in shown and "group 24224" in shown


@pytest.mark.parametrize("address", [v4(2), v6(2)], ids=["v4", "v6"])
def test_another_mac_is_followed_by_who_knows_the_old_one(pair: list[Host], address: str) -> None:
    one, two = pair
    assert one.reaches(1, 2)
    assert "REACHABLE" in one.within(1, "ip", "neigh", "show", address)
    two.settle(ep2=two.container(2, at="02:42:0a:00:77:77"))
    start = time.monotonic()
    one.settle(peer2=peer(one.hidden, 2, two.vtep, at="02:42:0a:00:77:77"))
    while "02:42:0a:00:77:77" not in one.within(1, "ip", "neigh", "show", address):
        assert time.monotonic() - start < 0.1
    assert one.reaches(1, 2)
    assert one.verify().operations == ()


@pytest.mark.parametrize("address", [v4(2), v6(2)], ids=["v4", "v6"])
def test_who_is_asking_is_answered_at_once(pair: list[Host], address: str) -> None:
    one, two = pair
    one.settle(peer2=())
    asking = subprocess.Popen(
        ["nsenter", f"--net={one.ground.box(1)}", "ping", "-n", "-c1", "-W3", address],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        while "INCOMPLETE" not in one.within(1, "ip", "neigh", "show", address):
            time.sleep(0.02)
        time.sleep(0.2)
        start = time.monotonic()
        one.settle(peer2=peer(one.hidden, 2, two.vtep))
        out, _ = asking.communicate(timeout=5)
        assert " 0% packet loss" in out and time.monotonic() - start < 0.2
    finally:
        asking.kill()
        asking.communicate()


def test_a_container_that_moves_between_hosts_is_followed(ground: Ground) -> None:
    with town(3) as hosts:
        one, two, three = hosts
        meet(hosts[:2])
        assert one.reaches(1, 2)
        for old, new in ((two, three), (three, two), (two, three)):
            old.settle(ep2=())
            new.settle(ep2=new.container(2), peer2=(), peer1=peer(new.hidden, 1, one.vtep))
            one.settle(peer2=peer(one.hidden, 2, new.vtep))
            assert one.reaches(1, 2) and new.reaches(2, 1)
        # and to the asker's own host, where a static entry had led away from it
        three.settle(ep2=())
        one.settle(peer2=(), ep2=one.container(2))
        assert one.reaches(1, 2) and one.reaches(2, 1)
        one.settle(ep2=())
        two.settle(ep2=two.container(2))
        one.settle(peer2=peer(one.hidden, 2, two.vtep))
        assert one.reaches(1, 2)
        assert one.verify().operations == ()


DAMAGE = [
    f"ip link del {VX}",
    f"ip link del {OV}",
    f"ip link set {VX} down",
    f"ip link set {OV} down",
    f"ip link set {VX} nomaster",
    f"ip link set {VX} mtu 1300",
    f"ip link set {VX} type vxlan id 256 learning",
    f"ip link set {VX} type vxlan id 256 local 192.0.2.77",
    f"bridge link set dev {VX} learning on",
    f"bridge fdb del {mac(2)} dev {VX} self",
    f"bridge fdb del {mac(2)} dev {VX} master",
    f"bridge fdb replace {mac(2)} dev {VX} dst 192.0.2.9 self permanent",
    f"bridge fdb replace {mac(2)} dev {VX} dst 192.0.2.2 self dynamic",
    f"bridge fdb replace {mac(2)} dev {VX} dst 192.0.2.2 port 99 self permanent",
    f"ip neigh del {v4(2)} dev {VX}",
    f"ip neigh del {v6(2)} dev {VX}",
    f"ip neigh replace {v4(2)} lladdr 02:00:00:00:00:01 dev {VX}",
    f"ip neigh replace {v6(2)} lladdr {mac(2)} dev {VX} nud stale",
    f"ip neigh del {v4(1)} dev {OV}",
    f"ip addr del 10.0.255.254/16 dev {OV}",
    "ip link del veth1",
]


@pytest.mark.parametrize("command", DAMAGE)
def test_damage_is_repaired(pair: list[Host], command: str) -> None:
    one, _ = pair
    one.run(*command.split())
    assert one.verify().operations
    if command.startswith("ip link del veth"):
        one.within(1, "ip", "link", "set", "lo", "up")
    assert one.reaches(1, 2) and pair[1].reaches(2, 1)
    for _ in range(2):
        left = one.verify().operations
    assert left == ()


FOREIGN = [
    f"bridge fdb add 02:00:00:00:00:05 dev {VX} dst 192.0.2.9 self permanent",
    f"bridge fdb append 00:00:00:00:00:00 dev {VX} dst 192.0.2.9 self permanent",
    f"bridge fdb add 02:00:00:00:00:05 dev {VX} master static",
    f"ip neigh add 10.0.9.9 lladdr 02:00:00:00:00:05 dev {VX}",
    f"ip neigh add fd00:9::99 lladdr 02:00:00:00:00:05 dev {OV}",
]


@pytest.mark.parametrize("command", FOREIGN)
def test_entries_that_nobody_wants_go(pair: list[Host], command: str) -> None:
    one, _ = pair
    before = told(one)
    one.run(*command.split())
    assert len(one.verify().operations) == 1
    assert told(one) == before


def told(host: Host) -> list[str]:
    """The device's entries and all permanent neighbours; what the bridge learns besides comes and goes."""
    lines = host.run("bridge", "fdb", "show", "dev", VX) + host.run("ip", "neigh", "show", "nud", "permanent")
    return sorted(lines.splitlines())


def test_a_daemon_that_starts_again_finds_all_as_it_was(pair: list[Host]) -> None:
    one, _ = pair
    one.ground.ledger = one.ground.new_ledger()
    assert one.verify().operations == ()


def test_a_network_goes_and_comes_again_at_once(pair: list[Host]) -> None:
    one, _ = pair
    wants = dict(one.wants)
    for _ in range(5):
        one.settle(**dict.fromkeys(wants, ()))
        assert VX not in one.ground.run("ip", "link")
        one.settle(**wants)
    assert one.reaches(1, 2)
    one.settle(**dict.fromkeys(wants, ()))
    assert list(one.ground.netns.read([])) == []


def test_a_hidden_namespace_whose_name_was_taken_away_gives_its_number_back(pair: list[Host]) -> None:
    one, _ = pair
    wants = dict(one.wants)
    one.ground.netns.apply([Remove(one.base()[0])])
    one.ground.ledger = one.ground.new_ledger()
    one.settle(**wants)
    assert one.reaches(1, 2)


def test_traffic_goes_on_while_everything_is_settled_anew(pair: list[Host]) -> None:
    one, two = pair
    lost: list[str] = []

    def ping() -> None:
        lost.append(one.within(1, "ping", "-n", "-i", "0.01", "-c", "100", "-W1", v4(2), check=False))

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        for _ in range(10):
            one.ground.ledger.forget()
            one.settle(**one.wants)
            two.ground.ledger.forget()
            two.settle(**two.wants)
    finally:
        thread.join()
    assert " 0% packet loss" in lost[0]
