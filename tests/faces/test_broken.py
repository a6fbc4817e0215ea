"""What a stranger broke: each of these went wrong once, with real packets."""

import subprocess

import pytest

from demo.host import SEAWAY, Host
from tests.faces.box import get, idle, serve, until, words

WEB = "http://192.168.1.20:5001/"


@pytest.mark.parametrize("daemon", ["running", "killed"])
def test_a_namespace_that_lost_its_name_keeps_its_container(host: Host, daemon: str) -> None:
    host.docker("network", "create", "near")
    serve(host, "--name", "web", "--network", "near", "-p", "5001:5001")
    idle(host, "--name", "guest", "--network", "near")
    until(lambda: get(host.lan, WEB))
    if daemon == "killed":
        host.crash()
    host.sh(f"umount {host.exec}/netns/*; rm {host.exec}/netns/*")
    if daemon == "killed":
        host.start()
    until(lambda: get(host.lan, WEB, wait=1), wait=8)
    until(lambda: host.docker("exec", "guest", "ping", "-c", "1", "-W", "1", "web", check=False).code == 0)


def test_another_daemon_in_the_same_namespace_is_refused_and_does_no_harm(host: Host) -> None:
    serve(host, "--name", "web", "-p", "5001:5001")
    until(lambda: get(host.lan, WEB))
    before = host.sh("nft list table inet seaway; ip -o link").out
    own = [f"--{name}={host.root}/other-{name}" for name in ("data-root", "exec-root", "pidfile")]
    for socket in ("other", "s"):
        done = host.run(SEAWAY, "daemon", "-H", f"unix://{host.root}/{socket}", *own, check=False, timeout=10)
        assert done.code == 1, done.text
        assert f"another seaway daemon (PID {host.daemon_pid()})" in done.text
    assert host.sh("nft list table inet seaway; ip -o link").out == before
    host.crash()
    host.start()
    assert get(host.lan, WEB)


def test_the_name_of_the_namespace_in_strange_hands_stops_nobody(host: Host) -> None:
    host.stop()
    code = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0seaway'); s.listen(); input()"
    strange = ("setpriv", "--reuid=65534", "--clear-groups")
    squatter = host.popen(*strange, "python3", "-c", code, stdin=subprocess.PIPE)
    try:
        until(lambda: "@seaway" in host.sh("cat /proc/net/unix").out)
        host.start()
        assert "who is not root holds the daemon's name" in host.tail()
    finally:
        squatter.communicate(b"\n")


WRONG = (
    ("network create --ipam-driver foo net9", 'plugin "foo" not found'),
    ("network create --ipam-driver null net9", "ipv4 pool is empty"),
    ("network create --subnet 10.9.0.0/24 --gateway 10.9.0.0 net9", "allocate gateway (10.9.0.0)"),
    ("network create --subnet 10.9.0.0/24 --gateway 10.9.0.255 net9", "allocate gateway (10.9.0.255)"),
    ("network create --subnet 10.9.0.0/24 --aux-address a=10.9.0.1 net9", "ip address (a:10.9.0.1)"),
    (
        "network create --subnet 10.9.0.0/24 --aux-address a=10.9.0.5 --aux-address b=10.9.0.5 net9",
        "(b:10.9.0.5): Address already in use",
    ),
    ("network connect --ip6 fd00:9::5 four guest", "user configured subnets: fd00:9::5"),
    ("network connect --ip 172.18.0.77 chosen guest", "user configured subnets: 172.18.0.77"),
    ("run --rm --network four --ip6 fd00:9::5 box:1 true", "user configured subnets: fd00:9::5"),
)


def test_what_was_taken_in_silence_is_refused(host: Host) -> None:
    words(host, "network create --subnet 10.8.0.0/24 four")
    words(host, "network create chosen")
    idle(host, "--name", "guest")
    for line, said in WRONG:
        done = words(host, line, check=False)
        assert done.code, line
        assert said in done.text, done.text
        assert words(host, "network ls -q --filter name=net9").out == ""


def test_networks_are_made_from_a_configuration_with_a_subnet(host: Host) -> None:
    words(
        host, "network create --config-only --subnet 10.8.0.0/24 -o com.docker.network.driver.mtu=1234 paper"
    )
    words(host, "network create --config-only --subnet 10.8.0.0/24 copy")
    words(host, "network create --config-from paper real")
    shown = words(host, "run --rm --network real box:1 ip addr show eth0").out
    assert "10.8.0.2/24" in shown
    assert "mtu 1234" in shown
    again = words(host, "network create --config-from copy second", check=False)
    assert "Pool overlaps" in again.text
    words(host, "network rm real paper copy")


def test_endpoint_options_are_applied_and_wrong_ones_refused(host: Host) -> None:
    words(host, "network create --subnet 10.8.0.0/24 four")
    idle(host, "--name", "guest")
    opt = "--driver-opt com.docker.network.endpoint"
    martians = "net.ipv4.conf.IFNAME.log_martians"
    words(host, f"network connect {opt}.ifname=wan0 {opt}.sysctls={martians}=1 four guest")
    for _ in range(2):
        assert "10.8.0.2/24" in words(host, "exec guest ip addr show wan0").out
        assert words(host, "exec guest cat /proc/sys/net/ipv4/conf/wan0/log_martians").out == "1\n"
        words(host, "restart -t 0 guest")
    words(host, "network disconnect four guest")
    for wrong in ("ifname=a/b", "ifname=lo", "ifname=eth0", "ifname=0123456789abcdef", "sysctls=net.core=1"):
        done = words(host, f"network connect {opt}.{wrong} four guest", check=False)
        assert done.code, wrong
        assert wrong.partition("=")[2] in done.text
    assert words(host, "exec guest ls /sys/class/net").out.split() == ["eth0", "lo"]


def test_the_route_to_a_bridge_comes_back(host: Host) -> None:
    serve(host, "--name", "web", "-p", "5001:5001")
    until(lambda: get(host.lan, WEB))
    before = host.sh("ip route").out
    host.sh("ip route del 172.17.0.0/16 dev docker0")
    until(lambda: get(host.lan, WEB, wait=1), wait=6)
    assert host.sh("ip route").out == before
    host.crash()
    host.sh("ip route del 172.17.0.0/16 dev docker0")
    host.start()
    assert get(host.lan, WEB)
    assert "Address" not in "".join(line for line in host.tail(5).splitlines() if "repaired" in line)


def test_a_foreign_chain_that_drops_is_told_of_and_left_alone(host: Host) -> None:
    chain = "nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy drop; }'"
    host.stop()
    host.sh(f"nft add table ip filter; {chain}")
    theirs = host.sh("nft list table ip filter").out
    host.start()
    assert "chain ip filter FORWARD drops" in host.tail()
    assert "chain ip filter FORWARD drops" in host.docker("info").text
    assert host.sh("nft list table ip filter").out == theirs
    host.stop()
    host.sh("nft delete table ip filter")
    host.start()
    assert not host.http("GET", "/info")[1]["Warnings"]
