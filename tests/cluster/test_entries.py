"""Forwarding entries and neighbours: exactly the remote endpoints', and back when taken away by hand."""

import json

import pytest

from tests.cluster.town import Town

ROOM = ("nsenter", "--net={room}")


@pytest.fixture
def two(town: Town) -> str:
    """A network with a container on h1 and two on h2; its ID."""
    identity = town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    town.idle("h2", "--name over3 --network net1")
    town.same_as_facts()
    return identity


def test_exactly_the_remote_endpoints(town: Town) -> None:
    """Through comings and goings; nothing on a host without a container, all at once with its first."""
    identity = town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    assert town.hidden(town["h2"]) == {}
    town.idle("h2", "--name over2 --network net1")
    town.idle("h2", "--name over3 --network net1")
    town.same_as_facts()
    assert len(town.room("h1", identity).forwards()) == 2
    town.idle("h3", "--name over4 --network net1")
    assert len(town.room("h3", identity).forwards()) == 3, "not there when docker run returns"
    town.same_as_facts()
    town.docker("h2", "rm -f over2")
    town.docker("h2", "stop -t 0 over3")
    town.same_as_facts()
    town.wait(lambda: town.hidden(town["h2"]) == {}, 1)
    assert len(town.room("h1", identity).forwards()) == 1
    town.docker("h2", "start over3")
    town.same_as_facts()
    town.pairs_ping({"over1": "h1", "over3": "h2", "over4": "h3"})


def test_all_pairs_of_many(town: Town) -> None:
    """Twelve containers on three hosts and two networks: entries as told, every pair by name."""
    for number in (1, 2):
        town.create(f"net{number}")
    where: dict[str, dict[str, str]] = {"net1": {}, "net2": {}}

    def start(host: object) -> None:
        name = host.name  # type: ignore[attr-defined]
        for network, number in (("net1", 1), ("net1", 2), ("net2", 1), ("net2", 2)):
            town.idle(name, f"--name {name}-{network}-{number} --network {network}")
            where[network][f"{name}-{network}-{number}"] = name

    town.together(start)
    town.same_as_facts()
    for containers in where.values():
        town.pairs_ping(containers)
    (h1,) = [h for h in town.hosts.values() if h.name == "h1"]
    assert not town.pings("h1", "h1-net1-1", town.address("h2", "h2-net2-1", "net2"))
    assert len(town.hidden(h1)) == 2


@pytest.mark.parametrize(
    "damage",
    [
        "bridge fdb del {mac} dev {vx} self",
        "bridge fdb del {mac} dev {vx} master",
        "ip neigh del {address} dev {vx}",
        "ip neigh replace {address} lladdr 02:00:00:00:00:66 dev {vx} nud permanent",
        "bridge fdb replace {mac} dev {vx} self permanent dst 192.168.1.99",
        "ip link del {vx}",
        "ip link del {ov}",
        "ip link set {vx} down",
        "ip link set {ov} down",
        "ip link set {vx} nomaster",
        "ip neigh flush dev {vx} nud permanent; bridge fdb flush dev {vx}",
    ],
)
def test_taken_away_by_hand(town: Town, two: str, damage: str) -> None:
    """What somebody breaks in the hidden namespace is mended, and traffic goes on."""
    mark = f"{256:06x}-{two[:5]}"
    names = {
        "mac": town["h2"].inspect("over2")["NetworkSettings"]["Networks"]["net1"]["MacAddress"],
        "address": town.address("h2", "over2", "net1"),
        "vx": f"vx-{mark}",
        "ov": f"ov-{mark}",
    }
    script = damage.format(**names)
    town["h1"].run("nsenter", f"--net={town.room_path('h1', two)}", "sh", "-c", script)
    town.wait(lambda: town.pings("h1", "over1", "over2") and not town.differences(town["h1"]), 6)
    assert town.pings("h2", "over3", "over1")


def test_hidden_namespace_unmounted(town: Town, two: str) -> None:
    """umount of the namespace's name: it is there again, with all in it, and traffic goes on."""
    path = town.room_path("h1", two)
    town["h1"].run("umount", "-l", path)
    town.wait(lambda: town.pings("h1", "over1", "over2") and not town.differences(town["h1"]), 8)
    town.pairs_ping({"over1": "h1", "over2": "h2", "over3": "h2"})


def test_container_ends_taken_away(town: Town, two: str) -> None:
    """eth0 deleted, or its host end: back, and with traffic."""
    town.inside("h1", "over1", "ip", "link", "del", "eth0")
    town.wait(lambda: town.pings("h1", "over1", "over2"), 8)
    room = town.room_path("h1", two)
    (veth,) = [n for n in town.room("h1", two).names if n.startswith("veth")]
    town["h1"].run("nsenter", f"--net={room}", "ip", "link", "del", veth)
    town.wait(lambda: town.pings("h2", "over2", "over1"), 8)
    told = json.loads(town.inside("h1", "over1", "ip", "-j", "route").out)
    assert "default" in {r["dst"] for r in told}
    town.same_as_facts()


def test_after_a_restart_of_the_daemon(town: Town, two: str) -> None:
    """What changed while the daemon was dead is caught up; traffic of what stayed goes on meanwhile."""
    h1 = town["h1"]
    h1.crash()
    pid = town["h2"].inspect("over2")["State"]["Pid"]
    target = "10.0.0.2"
    town["h2"].run("nsenter", "-t", str(pid), "-n", "ping", "-c3", "-i0.1", "-W1", target)
    town.docker("h2", "rm -f over3")
    town.idle("h2", "--name over4 --network net1")
    h1.start()
    town.wait(lambda: town.pings("h1", "over1", "over4"), 5)
    town.same_as_facts()
