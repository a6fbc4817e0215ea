"""Published ports with real packets: who reaches them, who must not, and what happens on conflict."""

import re

import pytest

from demo.host import Host
from demo.machine import PEER
from tests.faces.box import get, idle, in_namespace, route_to, running, serve, until, who
from tests.faces.image import COMMAND, NAME

PEER4, PEER6 = f"192.168.1.{PEER}", f"fd00:c0a8:1::{PEER}"


def test_everyone_reaches_a_published_port(host: Host) -> None:
    serve(host, "--name", "web", "-p", "8080:5001")
    idle(host, "--name", "sibling")
    own = host.container_address("web")
    assert who(host.lan, f"{host.address}:8080") == PEER4, "the server sees the client's real address"
    assert who(host, f"{host.address}:8080") in (host.address, "172.17.0.1")
    assert who(host, "127.0.0.1:8080") == "172.17.0.1"
    for name in ("sibling", "web"):
        answer = host.docker(
            "exec", name, "timeout", "5", "wget", "-q", "-O", "-", f"http://{host.address}:8080/"
        )
        assert "Hello" in answer.out, f"{name} does not reach {host.address}:8080"
    assert own == "172.17.0.2"


def test_ipv6_end_to_end(host: Host) -> None:
    host.docker("network", "create", "--ipv6", "--subnet", "fd00:5::/64", "six")
    serve(host, "--name", "web", "--network", "six", "-p", "8080:5001")
    assert who(host.lan, f"[{host.address6}]:8080").startswith("fd00:c0a8:1:"), "the real client, by IPv6"
    assert who(host, f"[{host.address6}]:8080")
    assert who(host.lan, f"{host.address}:8080") == PEER4
    ping = host.docker("exec", "web", "ping6", "-c", "1", "-W", "2", "2001:db8:113::1", check=False)
    assert ping.code == 0, ping.text


def test_an_ipv4_container_answers_on_ipv6(host: Host) -> None:
    serve(host, "--name", "web", "-p", "8080:5001")
    until(lambda: "Hello" in get(host.lan, f"http://[{host.address6}]:8080/"))
    until(lambda: "Hello" in get(host, "http://[::1]:8080/"))


def test_udp(host: Host) -> None:
    idle(host, "--name", "echo", "-p", "5300:53/udp", "-p", "5300:53/tcp")
    server = in_namespace(host, "echo", "socat", "UDP4-LISTEN:53,fork", "EXEC:cat")
    ways = ((host.lan, host.address), (host, host.address), (host, "127.0.0.1"))
    with running(host, *server):
        for machine, target in ways:
            ask = f"echo hi | socat -t 0.5 - UDP4:{target}:5300"
            until(lambda machine=machine, ask=ask: machine.sh(ask).out == "hi\n")


def test_a_port_on_loopback_is_not_on_the_wire(host: Host) -> None:
    serve(host, "--name", "web", "-p", "127.0.0.1:8081:5001")
    assert who(host, "127.0.0.1:8081")
    assert not get(host.lan, f"http://{host.address}:8081/", 1)
    # A frame that says 'to 127.0.0.1' may come from the wire too: see that it comes, and gets nowhere.
    host.lan.sh(f"ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1/32 via {host.address} src {PEER4}")
    host.lan.sh("sysctl -qw net.ipv4.conf.br0.route_localnet=1 net.ipv4.conf.all.rp_filter=0")
    seen = host.root / "wire"
    with running(host, "sh", "-c", f"tcpdump -nlc1 -ieth0 dst 127.0.0.1 and tcp > {seen} 2>&1"):
        try:
            until(lambda: "listening" in seen.read_text())
            assert not get(host.lan, "http://127.0.0.1:8081/", 1)
            until(lambda: "> 127.0.0.1.8081" in seen.read_text(), 3)
        finally:
            host.lan.sh("ip route del 127.0.0.1/32; ip addr add 127.0.0.1/8 dev lo")


def test_a_port_on_one_address_of_the_host(host: Host) -> None:
    host.sh("ip addr add 192.168.1.120/24 dev eth0")
    try:
        serve(host, "--name", "aa", "-p", f"{host.address}:8082:5001")
        serve(host, "--name", "bb", "-p", "192.168.1.120:8082:5001")
        first, second = (host.inspect(n)["Id"][:12] for n in ("aa", "bb"))
        assert until(lambda: get(host.lan, f"http://{host.address}:8082/cgi-bin/who")).split()[1] == first
        assert until(lambda: get(host.lan, "http://192.168.1.120:8082/cgi-bin/who")).split()[1] == second
        refused = host.docker("run", "-d", "-p", "8082:5001", NAME, *COMMAND, check=False)
        assert refused.code == 125
        assert "port is already allocated" in refused.err
    finally:
        host.sh("ip addr del 192.168.1.120/24 dev eth0")


def test_nobody_reaches_an_unpublished_port_from_the_wire(host: Host) -> None:
    serve(host, "--name", "web", "-p", "8083:5001")
    target = host.container_address("web")
    assert who(host, f"{target}:5001"), "the host itself may"
    with route_to(host.lan, "172.17.0.0/16", host.address):
        assert not get(host.lan, f"http://{target}:5001/", 1), "direct routing"
    assert who(host.lan, f"{host.address}:8083") == PEER4


def test_conflicts_name_the_holder(host: Host) -> None:
    serve(host, "--name", "first", "-p", "8084:5001")
    second = host.docker("run", "-d", "--name", "second", "-p", "8084:5001", NAME, *COMMAND, check=False)
    assert second.code == 125
    assert "Bind for 0.0.0.0:8084 failed: port is already allocated" in second.err
    assert "first" in second.err
    assert host.inspect("second")["State"]["Status"] == "created"
    idle(host, "--name", "third", "-p", "8084:5001/udp")
    host.docker("stop", "-t", "0", "first")
    host.docker("start", "second")
    assert who(host.lan, f"{host.address}:8084")


def test_a_port_that_the_host_itself_uses(host: Host) -> None:
    with running(host, "socat", "TCP4-LISTEN:8085,fork", "EXEC:cat"):
        until(lambda: ":8085" in host.run("ss", "-Hlnt").out)
        refused = host.docker("run", "-d", "-p", "8085:5001", NAME, *COMMAND, check=False)
        assert refused.code == 125
        assert "8085" in refused.err


def test_ranges(host: Host) -> None:
    serve(host, "--name", "aa", "-p", "8090-8091:5001")
    serve(host, "--name", "bb", "-p", "8090-8091:5001")
    taken = {host.docker("port", n).out.splitlines()[0].rsplit(":", 1)[1] for n in ("aa", "bb")}
    assert taken == {"8090", "8091"}
    full = host.docker("run", "-d", "-p", "8090-8091:5001", NAME, *COMMAND, check=False)
    assert full.code == 125
    idle(host, "--name", "pairs", "-p", "7000-7002:80-82")
    lines = host.docker("port", "pairs").out
    for outer, inner in ((7000, 80), (7001, 81), (7002, 82)):
        assert f"{inner}/tcp -> 0.0.0.0:{outer}" in lines


def test_ephemeral_ports(host: Host) -> None:
    serve(host, "--name", "web", "-P", "--expose", "5001", "--expose", "53/udp")
    lines = host.docker("port", "web").out
    tcp = re.search(r"5001/tcp -> 0\.0\.0\.0:(\d+)", lines)
    assert tcp, lines
    assert re.search(r"53/udp -> 0\.0\.0\.0:(\d+)", lines)
    low, high = (int(n) for n in host.sh("cat /proc/sys/net/ipv4/ip_local_port_range").out.split())
    assert low <= int(tcp[1]) <= high
    assert who(host.lan, f"{host.address}:{tcp[1]}") == PEER4
    host.docker("stop", "-t", "0", "web")
    assert not host.docker("port", "web").out
    assert not get(host.lan, f"http://{host.address}:{tcp[1]}/", 1)


def test_two_thousand_ports_at_once(host: Host) -> None:
    idle(host, "--name", "many", "-p", "20000-21999:20000-21999")
    server = in_namespace(host, "many", "socat", "TCP4-LISTEN:21999,fork", "EXEC:echo end")
    ask = ("socat", "-u", f"TCP4:{host.address}:21999", "-")
    with running(host, *server):
        until(lambda: host.lan.run(*ask, check=False).out == "end\n")
    host.docker("rm", "-f", "many", timeout=20)


def test_sctp_is_mapped_or_clearly_refused(host: Host) -> None:
    done = host.docker("run", "-d", "--name", "ss", "-p", "9000:9000/sctp", NAME, "sleep", "60", check=False)
    if done.code:
        assert "sctp" in done.err.lower()
    else:
        assert "9000/sctp -> 0.0.0.0:9000" in host.docker("port", "ss").out
        assert re.search(r"sctp.*9000|9000.*sctp", host.run("nft", "list", "table", "inet", "seaway").out)


@pytest.mark.parametrize("client", ["docker", "seaway"])
def test_a_range_of_unequal_size_is_refused(host: Host, client: str) -> None:
    run = host.docker if client == "docker" else host.seaway
    done = run("run", "-d", "-p", "8000-8005:80-82", NAME, "sleep", "60", check=False)
    assert done.code == 125
    assert "8000-8005" in done.err
