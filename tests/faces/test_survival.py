"""kill -9, rules flushed, devices deleted: containers keep running, and the network comes back."""

import random
import threading
import time

import pytest

from demo.host import Host
from demo.traces import look, settle_to
from tests.faces.box import fetch, get, idle, inside, links, pings, serve, until, who, words

PAGE = "http://192.168.1.20:8080/"


@pytest.fixture
def town(host: Host) -> Host:
    """Networks, containers of each mode, a published port."""
    words(host, "network create --subnet 10.6.0.0/24 net")
    serve(host, "--name", "web", "--network", "net", "--ip", "10.6.0.9", "-p", "8080:5001")
    idle(host, "--name", "peer", "--network", "net")
    idle(host, "--name", "plain")
    idle(host, "--name", "hosted", "--network", "host")
    idle(host, "--name", "shared", "--network", "container:web")
    idle(host, "--name", "alone", "--network", "none")
    until(lambda: "Hello" in get(host.lan, PAGE))
    return host


def _all_works(host: Host) -> None:
    until(lambda: "Hello" in get(host.lan, PAGE), wait=8)
    until(lambda: "Hello" in fetch(host, "peer", "http://web:5001/", check=False), wait=8)
    assert pings(host, "plain", "203.0.113.1")
    assert "Hello" in fetch(host, "shared", "http://127.0.0.1:5001/")
    assert who(host, "127.0.0.1:8080")


def test_containers_live_through_kill_minus_nine(town: Host) -> None:
    pids = {n: town.inspect(n)["State"]["Pid"] for n in ("web", "peer", "plain", "hosted", "shared", "alone")}
    before = look(town)
    town.crash()
    assert "Hello" in get(town.lan, PAGE), "the data path needs no daemon"
    town.start()
    assert {n: town.inspect(n)["State"]["Pid"] for n in pids} == pids
    assert not settle_to(town, before, wait=8)
    _all_works(town)
    assert words(town, "exec web echo hi").out == "hi\n"
    words(town, "stop -t 0 web")
    assert town.inspect("web")["State"]["ExitCode"] == 137
    words(town, "start web")
    assert town.container_address("web", "net") == "10.6.0.9"
    words(town, "restart -t 0 shared")


def test_ordered_stop_and_start(town: Host) -> None:
    """SIGTERM stops the daemon, not the containers."""
    pid = town.inspect("web")["State"]["Pid"]
    assert town.stop() == 0
    assert "Hello" in get(town.lan, PAGE)
    town.start()
    assert town.inspect("web")["State"]["Pid"] == pid
    _all_works(town)


def test_what_ended_meanwhile_is_known_afterwards(host: Host) -> None:
    words(host, "run -d --name quick box:1 sh -c 'sleep 1; echo said; exit 6'")
    words(host, "run -d --rm --name gone box:1 sleep 1")
    words(host, "run -d --name again --restart always box:1 sleep 600")
    pid = host.inspect("again")["State"]["Pid"]
    host.crash()
    host.run("kill", "-9", str(pid))
    time.sleep(1.5)
    host.start()
    until(lambda: host.inspect("quick")["State"]["ExitCode"] == 6)
    assert words(host, "logs quick").out == "said\n"
    until(lambda: host.http("GET", "/containers/gone/json")[0] == 404)
    until(lambda: host.inspect("again")["State"]["Pid"] not in (0, pid))


def test_damage_done_while_the_daemon_was_away_is_repaired(town: Host) -> None:
    before = look(town)
    town.crash()
    town.sh("nft delete table inet seaway; ip link del docker0; ip link add strange type bridge")
    town.start()
    assert settle_to(town, before, wait=5) == "new links: strange"
    _all_works(town)
    assert "strange" in links(town), "what is not ours stays"
    town.sh("ip link del strange")


@pytest.mark.parametrize(
    "damage",
    [
        "nft delete table inet seaway",
        "nft flush table inet seaway",
        "ip link set $(ip -br link | grep -o '^br-[0-9a-f]*') down",
        "ip link del $(ip -br link | grep -o '^br-[0-9a-f]*')",
        "ip addr flush dev $(ip -br link | grep -o '^br-[0-9a-f]*')",
        "for v in $(ip -br link | grep -o '^veth[0-9a-f]*'); do ip link set $v nomaster; done",
        "for v in $(ip -br link | grep -o '^veth[0-9a-f]*'); do ip link del $v; done",
        "sysctl -qw net.ipv4.ip_forward=0",
    ],
)
def test_damage_done_by_hand_is_repaired_within_seconds(town: Host, damage: str) -> None:
    before = look(town)
    town.sh(damage)
    assert not settle_to(town, before, wait=8)
    _all_works(town)


def test_other_peoples_rules_and_devices_are_left_alone(host: Host) -> None:
    host.sh(
        "nft add table inet mine;"
        "nft add chain inet mine c '{ type filter hook forward priority 5; policy accept; }';"
        "nft add rule inet mine c counter comment theirs;"
        "ip link add theirs type bridge; ip link add veththeirs type veth peer name vethother"
    )
    mine = host.run("nft", "-s", "list", "table", "inet", "mine").out
    idle(host, "--name", "cc", "-p", "8080:80")
    host.crash()
    host.start()
    words(host, "rm -f cc")
    assert host.run("nft", "-s", "list", "table", "inet", "mine").out == mine
    assert {"theirs", "veththeirs", "vethother"} <= links(host)
    host.sh("nft delete table inet mine; ip link del theirs; ip link del veththeirs")


def test_orphans_are_swept(host: Host) -> None:
    """What wears our mark and nobody owns goes at the next start."""
    host.crash()
    host.sh(
        "ip link add br-00000000dead group 24224 type bridge; ip link add veth0dead00 group 24224 type veth"
    )
    host.start()
    until(lambda: not {"br-00000000dead", "veth0dead00"} & links(host), wait=8)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(4))
def test_kill_at_a_random_moment(host: Host, seed: int) -> None:
    """Whatever the daemon was at when it was killed: afterwards all it knows works, and all else is gone."""
    before = look(host)
    chance = random.Random(seed)
    done = threading.Event()

    def busy() -> None:
        n = 0
        while not done.is_set():
            n += 1
            words(host, f"network create net{n}", check=False)
            words(
                host, f"run -d --name c{n} --network net{n} -p {8100 + n}:5001 box:1 sleep 600", check=False
            )
            if chance.random() < 0.5:
                words(host, f"rm -f c{n}", check=False)
                words(host, f"network rm net{n}", check=False)

    worker = threading.Thread(target=busy)
    worker.start()
    for _ in range(3):
        time.sleep(0.3 + chance.random())
        host.crash()
        time.sleep(0.1)
        host.start()
    done.set()
    worker.join(60)
    for container in host.http("GET", "/containers/json?all=1")[1]:
        name = container["Names"][0][1:]
        if container["State"] == "running":
            assert inside(host, name, "ip", "route", "show", "default").out, name
        else:
            assert words(host, f"start {name}", check=False).code in (0, 1)
        assert words(host, f"rm -f {name}").code == 0
    for network in host.http("GET", "/networks")[1]:
        if network["Name"].startswith("net"):
            words(host, f"network rm {network['Name']}")
    left = settle_to(host, before, wait=8)
    assert not left, left


def test_a_container_survives_while_its_log_fills(host: Host) -> None:
    """conmon holds the streams: nothing that is said while the daemon is away is lost."""
    words(
        host,
        "run -d --name cc box:1 sh -c 'i=0; while [ $i -lt 60 ]; do echo n$i; i=$((i+1)); sleep 0.05; done'",
    )
    host.crash()
    time.sleep(1)
    host.start()
    out = words(host, "logs -f cc").out.split()
    assert out == [f"n{i}" for i in range(60)]
