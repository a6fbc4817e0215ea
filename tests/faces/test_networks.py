"""Networks by the docker CLI: making, looking, connecting, and walls between them."""

import json
from concurrent.futures import ThreadPoolExecutor

from demo.host import Host
from tests.faces.box import fetch, get, idle, inside, links, pings, route_to, running, serve, until, words


def test_create_with_everything(host: Host) -> None:
    made = words(
        host,
        "network create -d bridge --subnet 10.9.0.0/16 --gateway 10.9.0.1 --ip-range 10.9.5.0/24"
        " --aux-address spare=10.9.5.0 --aux-address other=10.9.5.1 --label team=blue"
        " --opt com.docker.network.bridge.name=mybridge --opt com.docker.network.driver.mtu=1400 full",
    ).out.strip()
    seen = json.loads(host.docker("network", "inspect", "full").out)[0]
    assert seen["Id"] == made
    assert seen["Driver"] == "bridge"
    assert seen["Scope"] == "local"
    assert seen["Labels"] == {"team": "blue"}
    pool = seen["IPAM"]["Config"][0]
    assert (pool["Subnet"], pool["Gateway"], pool["IPRange"]) == ("10.9.0.0/16", "10.9.0.1", "10.9.5.0/24")
    assert pool["AuxiliaryAddresses"] == {"spare": "10.9.5.0", "other": "10.9.5.1"}
    assert "mybridge" in links(host)
    idle(host, "--name", "cc", "--network", "full")
    assert host.container_address("cc", "full") == "10.9.5.2", "the lowest free one of the range"
    assert "mtu 1400" in inside(host, "cc", "ip", "link", "show", "eth0").out
    assert "10.9.0.1/16" in host.run("ip", "addr", "show", "mybridge").out


def test_default_pools_and_names(host: Host) -> None:
    first = host.docker("network", "create", "one").out.strip()
    host.docker("network", "create", "two")
    nets = {
        n["Name"]: n["IPAM"]["Config"][0] for n in host.http("GET", "/networks")[1] if n["IPAM"]["Config"]
    }
    assert nets["bridge"]["Subnet"] == "172.17.0.0/16"
    assert (nets["one"]["Subnet"], nets["one"]["Gateway"]) == ("172.18.0.0/16", "172.18.0.1")
    assert nets["two"]["Subnet"] == "172.19.0.0/16"
    assert f"br-{first[:12]}" in links(host)
    table = host.docker("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}").out.splitlines()
    assert {"bridge bridge local", "host host local", "none null local", "one bridge local"} <= set(table)


def test_a_subnet_the_host_routes_is_avoided(host: Host) -> None:
    with route_to(host, "172.18.0.0/15", "192.168.1.18"):
        host.docker("network", "create", "one")
        subnet = json.loads(host.docker("network", "inspect", "one").out)[0]["IPAM"]["Config"][0]["Subnet"]
        assert subnet == "172.20.0.0/16"
        host.docker("network", "rm", "one")


def test_live_connect_and_disconnect(host: Host) -> None:
    host.docker("network", "create", "--subnet", "10.8.0.0/24", "side")
    idle(host, "--name", "cc")
    host.docker("network", "connect", "--ip", "10.8.0.77", "--alias", "other", "side", "cc")
    assert "10.8.0.77/24" in inside(host, "cc", "ip", "addr", "show", "eth1").out
    nets = host.inspect("cc")["NetworkSettings"]["Networks"]
    assert nets["side"]["IPAddress"] == "10.8.0.77"
    assert "other" in nets["side"]["Aliases"]
    serve(host, "--name", "web", "--network", "side")
    until(lambda: "Hello" in fetch(host, "cc", "http://web:5001/", check=False))
    host.docker("network", "disconnect", "side", "cc")
    assert "eth1" not in inside(host, "cc", "ip", "-br", "link").out
    assert set(host.inspect("cc")["NetworkSettings"]["Networks"]) == {"bridge"}
    assert pings(host, "cc", "203.0.113.1")


def test_the_way_out_follows_connect_and_disconnect(host: Host) -> None:
    host.docker("network", "create", "--subnet", "10.8.0.0/24", "side")
    idle(host, "--name", "cc")
    host.docker("network", "connect", "side", "cc")
    assert "via 172.17.0.1" in inside(host, "cc", "ip", "route", "show", "default").out
    host.docker("network", "disconnect", "bridge", "cc")
    assert "via 10.8.0.1" in inside(host, "cc", "ip", "route", "show", "default").out
    assert pings(host, "cc", "203.0.113.1")


def test_connecting_a_stopped_container_is_kept(host: Host) -> None:
    host.docker("network", "create", "--subnet", "10.8.0.0/24", "side")
    host.docker("create", "--name", "cc", "box:1", "sleep", "600")
    host.docker("network", "connect", "--ip", "10.8.0.9", "side", "cc")
    host.docker("start", "cc")
    assert host.container_address("cc", "side") == "10.8.0.9"
    host.docker("restart", "-t", "0", "cc")
    assert host.container_address("cc", "side") == "10.8.0.9"


def test_a_configured_address_stays_reserved(host: Host) -> None:
    host.docker("network", "create", "--subnet", "10.8.0.0/24", "side")
    idle(host, "--name", "holder", "--network", "side", "--ip", "10.8.0.2")
    host.docker("stop", "-t", "0", "holder")
    idle(host, "--name", "next", "--network", "side")
    assert host.container_address("next", "side") != "10.8.0.2"
    host.docker("start", "holder")
    assert host.container_address("holder", "side") == "10.8.0.2"


def test_internal_networks_have_no_way_out(host: Host) -> None:
    host.docker("network", "create", "--internal", "--subnet", "10.8.0.0/24", "inner")
    serve(host, "--name", "aa", "--network", "inner")
    idle(host, "--name", "bb", "--network", "inner")
    assert not inside(host, "bb", "ip", "route", "show", "default").out
    done = host.docker("exec", "bb", "ping", "-c", "1", "-W", "1", "203.0.113.1", check=False)
    assert "unreachable" in done.text.lower()
    until(lambda: "Hello" in fetch(host, "bb", "http://aa:5001/", check=False))
    assert "Hello" in get(host, f"http://{host.container_address('aa', 'inner')}:5001/")


def test_walls_between_bridges(host: Host) -> None:
    host.docker("network", "create", "one")
    host.docker("network", "create", "two")
    serve(host, "--name", "aa", "--network", "one")
    serve(host, "--name", "bb", "--network", "two")
    target = host.container_address("bb", "two")
    assert not pings(host, "aa", target)
    until(lambda: get(host, f"http://{target}:5001/"))
    assert "Hello" not in fetch(host, "aa", f"http://{target}:5001/", check=False)


def test_no_talk_inside_when_icc_is_off(host: Host) -> None:
    host.docker("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "quiet")
    idle(host, "--name", "aa", "--network", "quiet")
    idle(host, "--name", "bb", "--network", "quiet")
    assert not pings(host, "aa", host.container_address("bb", "quiet"))
    assert pings(host, "aa", "203.0.113.1")


def test_without_masquerade_the_outside_sees_the_container(host: Host) -> None:
    flags = ("--subnet", "10.8.0.0/24", "-o", "com.docker.network.bridge.enable_ip_masquerade=false")
    host.docker("network", "create", *flags, "plain")
    idle(host, "--name", "aa", "--network", "plain")
    idle(host, "--name", "bb")
    server = ("socat", "TCP4-LISTEN:7777,fork", "SYSTEM:echo $SOCAT_PEERADDR")
    with route_to(host.lan, "10.8.0.0/24", host.address), running(host.lan, *server):
        until(lambda: ":7777" in host.lan.run("ss", "-Hlnt").out)
        seen = host.docker("exec", "aa", "nc", "-w", "2", "192.168.1.18", "7777").out.strip()
        assert seen == host.container_address("aa", "plain")
        hidden = host.docker("exec", "bb", "nc", "-w", "2", "192.168.1.18", "7777").out.strip()
        assert hidden == host.address


def test_mac_addresses(host: Host) -> None:
    host.docker("network", "create", "--subnet", "10.8.0.0/24", "side")
    idle(host, "--name", "aa", "--network", "side", "--mac-address", "02:42:ac:11:00:99")
    assert "02:42:ac:11:00:99" in inside(host, "aa", "ip", "link", "show", "eth0").out
    host.docker("restart", "-t", "0", "aa")
    assert "02:42:ac:11:00:99" in inside(host, "aa", "ip", "link", "show", "eth0").out
    idle(host, "--name", "bb", "--network", "side", "--ip", "10.8.0.5")
    assert host.inspect("bb")["NetworkSettings"]["Networks"]["side"]["MacAddress"] == "02:42:0a:08:00:05"


def test_prune_keeps_what_is_used(host: Host) -> None:
    host.docker("network", "create", "unused")
    host.docker("network", "create", "--label", "keep=1", "kept")
    host.docker("network", "create", "used")
    idle(host, "--network", "used")
    out = host.docker("network", "prune", "-f", "--filter", "label!=keep").out
    assert "unused" in out
    names = set(host.docker("network", "ls", "--format", "{{.Name}}").out.split())
    assert {"kept", "used", "bridge", "host", "none"} <= names
    assert "unused" not in names
    assert host.http("POST", "/networks/prune?filters=%7B%22label%22%3A%5B%22nope%22%5D%7D")[1] == {
        "NetworksDeleted": None
    }


def test_one_of_many_creates_of_a_name_wins(host: Host) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: host.http("POST", "/networks/create", {"Name": "same"})[0], range(8)))
    assert sorted(codes) == [201] + [409] * 7


def test_names_and_prefixes(host: Host) -> None:
    first = host.docker("network", "create", "with space").out.strip()
    assert host.docker("network", "inspect", "-f", "{{.Name}}", first[:6]).out.strip() == "with space"
    assert host.http("GET", "/networks/with%20space")[1]["Id"] == first
    host.docker("network", "rm", "with space")
    assert host.http("GET", f"/networks/{first}") == (404, {"message": f"network {first} not found"})
