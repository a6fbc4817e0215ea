"""An address or a container moves to another host: traffic of a third one follows within a second."""

import time

import pytest

from tests.cluster.town import Town, pinging

ADDRESS = "10.7.0.50"


@pytest.fixture
def watcher(town: Town) -> Town:
    """A network with a container on h3 that looks on."""
    town.create("--subnet 10.7.0.0/24 net1")
    town.idle("h3", "--name looker --network net1")
    return town


def _mac(number: int) -> str:
    return f"02:42:00:00:00:{number:02x}"


@pytest.mark.parametrize("other_mac", [False, True], ids=["same-mac", "other-mac"])
def test_moved_to_another_host(watcher: Town, other_mac: bool) -> None:
    """The same --ip on another host; from its start to the first answer at h3 it takes under a second."""
    town = watcher
    macs = [f"--mac-address {_mac(n)}" if other_mac else "" for n in (1, 2)]
    town.idle("h1", f"--name mover --network net1 --ip {ADDRESS} {macs[0]}")
    with pinging(town, "h3", "looker", ADDRESS) as ping:
        town.docker("h1", "rm -f mover")
        town.idle("h2", f"--name mover --network net1 --ip {ADDRESS} {macs[1]}")
        took = ping.followed(within=1.5)
        assert took < 1, f"followed after {took:.2f} s"
    town.same_as_facts()


@pytest.mark.parametrize("other_mac", [False, True], ids=["same-mac", "other-mac"])
def test_moved_back_and_forth(watcher: Town, other_mac: bool) -> None:
    """Five times each way, as fast each time; the entries are right in the end."""
    town = watcher
    on = "h1"
    town.idle(on, f"--name mover --network net1 --ip {ADDRESS} --mac-address {_mac(1)}")
    slow = []
    with pinging(town, "h3", "looker", ADDRESS) as ping:
        for turn in range(10):
            town.docker(on, "rm -f mover")
            on = "h2" if on == "h1" else "h1"
            mac = _mac(2 + turn if other_mac else 1)
            town.idle(on, f"--name mover --network net1 --ip {ADDRESS} --mac-address {mac}")
            took = ping.followed(within=3)
            slow += [f"turn {turn}: {took:.2f} s"] if took >= 1 else []
    assert not slow, slow
    town.same_as_facts()


def test_another_mac_on_the_same_host(watcher: Town) -> None:
    """The container comes back where it was, with another MAC address."""
    town = watcher
    town.idle("h1", f"--name mover --network net1 --ip {ADDRESS} --mac-address {_mac(1)}")
    with pinging(town, "h3", "looker", ADDRESS) as ping:
        town.docker("h1", "rm -f mover")
        town.idle("h1", f"--name mover --network net1 --ip {ADDRESS} --mac-address {_mac(9)}")
        ping.followed(within=1.5)
    town.same_as_facts()


def test_neighbours_on_the_same_hosts_follow(watcher: Town) -> None:
    """A container on the old host, and one on the new host, follow as well."""
    town = watcher
    town.idle("h1", "--name old --network net1")
    town.idle("h2", "--name new --network net1")
    town.idle("h1", f"--name mover --network net1 --ip {ADDRESS} --mac-address {_mac(1)}")
    with pinging(town, "h1", "old", ADDRESS) as one, pinging(town, "h2", "new", ADDRESS) as two:
        for turn, (off, on) in enumerate((("h1", "h2"), ("h2", "h1"), ("h1", "h2"))):
            town.docker(off, "rm -f mover")
            town.idle(on, f"--name mover --network net1 --ip {ADDRESS} --mac-address {_mac(turn + 2)}")
            there = time.time()
            for ping in (one, two):
                town.wait(lambda p=ping, t=there: any(at > t for at, _ in p.answers()), 1.2)


def test_no_first_packet_is_lost(town: Town) -> None:
    """One ping at once, twenty times: what is known before the first packet is reached by it."""
    town.create("net1")
    town.idle("h1", "--name base --network net1")
    base = town.address("h1", "base", "net1")
    lost = []
    for turn in range(20):
        on = ("h2", "h3")[turn % 2]
        name = f"fresh{turn}"
        town.idle(on, f"--name {name} --network net1")
        address = town.address(on, name, "net1")
        there = town.inside("h1", "base", "ping", "-c1", "-W1", address, check=False)
        back = town.inside(on, name, "ping", "-c1", "-W1", base, check=False)
        lost += [f"to {name}: {there.text}"] if there.code else []
        lost += [f"from {name}: {back.text}"] if back.code else []
        town.docker(on, f"rm -f {name}")
    assert not lost, "\n".join(lost)


def test_the_first_thing_a_container_does(town: Town) -> None:
    """Containers whose only deed is one ping of a name on another host, ten times: all are answered."""
    town.create("net1")
    town.idle("h1", "--name base --network net1")
    lost = []
    for turn in range(10):
        on = ("h2", "h3")[turn % 2]
        done = town.docker(on, "run --rm --network net1 box:1 ping -c1 -W1 base", check=False)
        lost += [done.text] if done.code else []
    assert not lost, "\n".join(lost)
