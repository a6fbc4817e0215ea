"""Crashes while clients are busy, neighbours that were there first, and flows that outlive their target."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.host import Host, Street
from demo.traces import look, settle_to
from tests.faces.box import get, idle, in_namespace, inside, links, running, serve, until, words
from tests.faces.image import NAME

SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 40000))
while True:
    try:
        s.sendto(b"drop\\n", (sys.argv[1], int(sys.argv[2])))
    except OSError:
        pass
    time.sleep(0.02)
"""
ASKER = """
import socket, sys, time
lost = asked = 0
while True:
    asked += 1
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            lost += b"200 OK" not in s.recv(64)
    except OSError:
        lost += 1
    with open(sys.argv[3] + ".new", "w") as f:
        f.write(f"{asked} {lost}")
    import os
    os.replace(sys.argv[3] + ".new", sys.argv[3])
    time.sleep(0.01)
"""


def _hears(host: Host, name: str, port: int) -> bool:
    """Whether a datagram arrives in a container within a second."""
    argv = in_namespace(host, name, "timeout", "1", "socat", "-u", f"UDP-RECV:{port}", "STDOUT")
    return "drop" in host.run(*argv, check=False).out


def test_a_udp_sender_reaches_the_container_that_is_there_now(host: Host) -> None:
    """A sender that never pauses keeps its flow alive; the flow must follow the published port."""
    idle(host, "--name", "target", "-p", "5300:53/udp")
    with running(host.lan, "python3", "-c", SENDER, host.address, "5300"):
        assert until(lambda: _hears(host, "target", 53))
        words(host, "restart -t 0 target")
        assert until(lambda: _hears(host, "target", 53), wait=5), "after a restart"
        old = host.container_address("target")
        words(host, "stop -t 0 target")
        idle(host, "--name", "squatter")
        assert host.container_address("squatter") == old
        words(host, "start target")
        assert host.container_address("target") != old
        assert until(lambda: _hears(host, "target", 53), wait=5), "at another address"
        assert not _hears(host, "squatter", 53)


@contextmanager
def _asking(host: Host, port: int) -> Iterator[Path]:
    note = host.root / f"asked-{port}"
    with running(host.lan, "python3", "-c", ASKER, host.address, str(port), str(note)):
        until(lambda: note.exists() and int(note.read_text().split()[0]) > 5)
        yield note


def test_no_request_is_lost_while_the_daemon_dies_and_comes_back(host: Host) -> None:
    serve(host, "--name", "web", "-p", "8080:5001")
    until(lambda: "Hello" in get(host.lan, f"http://{host.address}:8080/"))
    with _asking(host, 8080) as note:
        for _ in range(3):
            host.crash()
            time.sleep(0.3)
            host.start()
            time.sleep(0.3)
        asked, lost = map(int, note.read_text().split())
    assert asked > 60
    assert lost == 0


def _busy(host: Host, done: threading.Event, chance: random.Random) -> None:
    """A client that asks for everything in turn and minds no refusal."""
    n = 0
    while not done.is_set():
        n += 1
        box, net = f"c{n % 4}", f"net{n % 2}"
        for method, path, body in (
            ("POST", "/networks/create", {"Name": net}),
            ("POST", f"/containers/create?name={box}", {
                "Image": NAME, "Cmd": ["sleep", "600"], "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
                "HostConfig": {"NetworkMode": net, "PublishAllPorts": True,
                               "PortBindings": {"81/tcp": [{"HostPort": str(8200 + n % 3)}]}},
            }),
            ("POST", f"/containers/{box}/start", None),
            ("POST", "/networks/bridge/connect", {"Container": box}),
            *chance.choice(((("POST", f"/containers/{box}/stop?t=0", None),),
                            (("DELETE", f"/containers/{box}?force=1", None),))),
            ("DELETE", f"/networks/{net}", None),
        ):  # fmt: skip
            try:
                host.http(method, path, body, timeout=20)
            except (OSError, ValueError):
                time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2))
def test_many_deaths_of_a_busy_daemon(host: Host, seed: int) -> None:
    """Through all of it one container is served without a gap; afterwards all agree and nothing is left."""
    chance = random.Random(seed)
    serve(host, "--name", "steady", "-p", "8080:5001")
    until(lambda: "Hello" in get(host.lan, f"http://{host.address}:8080/"))
    before, done = look(host), threading.Event()
    workers = [
        threading.Thread(target=_busy, args=(host, done, random.Random(seed * 10 + n))) for n in range(2)
    ]
    with _asking(host, 8080) as note:
        for worker in workers:
            worker.start()
        try:
            for _ in range(8):
                time.sleep(0.1 + chance.random())
                host.crash()
                host.start()
        finally:
            done.set()
            for worker in workers:
                worker.join(60)
        asked, lost = map(int, note.read_text().split())
    assert asked > 100
    assert lost == 0
    _agrees(host)
    for container in host.http("GET", "/containers/json?all=1")[1]:
        if "/steady" not in container["Names"]:
            assert host.http("DELETE", f"/containers/{container['Id']}?force=1")[0] == 204
    for network in host.http("GET", "/networks")[1]:
        if network["Name"].startswith("net"):
            assert host.http("DELETE", f"/networks/{network['Id']}")[0] == 204
    left = settle_to(host, before, wait=8)
    assert not left, left


def _agrees(host: Host) -> None:
    """What inspect says is what the kernel has."""
    for summary in host.http("GET", "/containers/json?all=1")[1]:
        seen = host.inspect(summary["Id"])
        if not seen["State"]["Running"]:
            assert not any(n["IPAddress"] for n in seen["NetworkSettings"]["Networks"].values())
            continue
        shown = json.loads(inside(host, seen["Id"], "ip", "-j", "-4", "addr").out)
        there = {a["local"] for link in shown for a in link["addr_info"]} - {"127.0.0.1"}
        assert there == {n["IPAddress"] for n in seen["NetworkSettings"]["Networks"].values()}
        rules = host.run("nft", "list", "map", "inet", "seaway", "publish4").out
        for bindings in (seen["NetworkSettings"]["Ports"] or {}).values():
            for binding in bindings or ():
                assert binding["HostPort"] in rules


@pytest.mark.parametrize(
    "damage",
    [
        "ip addr flush dev eth0",
        "ip route del default",
        "ip link set eth0 down",
        "ip addr del {address}/16 dev eth0; ip addr add 10.9.9.9/24 dev eth0",
    ],
)
def test_damage_inside_a_sandbox_is_repaired_within_seconds(host: Host, damage: str) -> None:
    serve(host, "--name", "web", "-p", "8080:5001")
    until(lambda: "Hello" in get(host.lan, f"http://{host.address}:8080/"))
    address = host.container_address("web")
    inside(host, "web", "sh", "-c", damage.format(address=address))
    until(lambda: "Hello" in get(host.lan, f"http://{host.address}:8080/", 0.5), wait=10)
    assert f"inet {address}/16" in inside(host, "web", "ip", "addr").out
    assert "default via" in inside(host, "web", "ip", "route").out


def test_two_daemons_on_two_hosts_do_not_see_each_other(box_tar: Path) -> None:
    with Street() as street:
        hosts = [street.host("one", 20), street.host("two", 21)]
        for made in hosts:
            made.start()
            made.docker("import", str(box_tar), NAME)
            serve(made, "--name", "web", "-p", "8080:5001")
        for made in hosts:
            assert len(made.http("GET", "/containers/json")[1]) == 1
            until(lambda here=made: "Hello" in get(street.lan, f"http://{here.address}:8080/"))
        words(hosts[0], "rm -f web")
        hosts[0].crash()
        hosts[0].start()
        assert "Hello" in get(street.lan, f"http://{hosts[1].address}:8080/")


def test_a_docker_that_was_there_first_is_left_alone(box_tar: Path) -> None:
    """Its bridge, its tables and its addresses stay its own; ours is another bridge, another subnet."""
    with Street() as street:
        made = street.host("neighbour", 22)
        made.sh(
            "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up;"
            "ip link add br-theirs type bridge; ip addr add 172.18.0.1/16 dev br-theirs;"
            "ip link set br-theirs up;"
            "nft add table ip nat; nft add chain ip nat DOCKER;"
            "nft add chain ip nat PREROUTING '{ type nat hook prerouting priority -100; }';"
            "nft add rule ip nat PREROUTING fib daddr type local counter jump DOCKER;"
            "nft add table ip filter; nft add chain ip filter DOCKER-USER;"
            "nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy accept; }';"
            "nft add rule ip filter FORWARD counter jump DOCKER-USER"
        )

        def theirs() -> str:
            out = [made.run("nft", "-s", "list", "table", "ip", t).out for t in ("nat", "filter")]
            return "".join(out) + made.sh("ip -o -4 addr show docker0; ip -o -4 addr show br-theirs").out

        before = theirs()
        made.start()
        made.docker("import", str(box_tar), NAME)
        words(made, "network create net")
        serve(made, "--name", "web", "-p", "8080:5001")
        serve(made, "--name", "web2", "--network", "net", "-p", "8081:5001")
        for port in (8080, 8081):
            until(lambda p=port: "Hello" in get(street.lan, f"http://{made.address}:{p}/"))
        assert "seaway0" in links(made)
        for name, net in (("web", "bridge"), ("web2", "net")):
            assert not made.container_address(name, net).startswith(("172.17.", "172.18."))
        made.crash()
        made.start()
        words(made, "rm -f web web2")
        words(made, "network rm net")
        assert made.stop() == 0
        assert theirs() == before
