"""Networks of a running container come and go; options of the overlay; what is on the wire."""

import json
import time

from demo.host import Host
from tests.cluster.town import Town

WORLD = "203.0.113.1"


def _devices(town: Town, on: str, name: str) -> list[str]:
    return [link["ifname"] for link in json.loads(town.inside(on, name, "ip", "-j", "link").out)]


def test_connected_and_disconnected_live(town: Town) -> None:
    """Alias and --ip hold on the other host; devices are eth2, eth3 …; names go with the connection."""
    town.create("--subnet 10.5.0.0/24 net1")
    town.create("--subnet 10.6.0.0/24 net2", on="h2")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net2")
    assert _devices(town, "h1", "over1") == ["lo", "eth0", "eth1"]
    town.docker("h1", "network connect --ip 10.6.0.77 --alias other net2 over1")
    assert _devices(town, "h1", "over1") == ["lo", "eth0", "eth1", "eth2"]
    assert town.address("h1", "over1", "net2") == "10.6.0.77"
    town.wait(lambda: town.asked("h2", "over2", "other") == {"10.6.0.77"}, 1)
    assert town.pings("h2", "over2", "other")
    assert town.pings("h1", "over1", "over2")
    assert town.pings("h1", "over1", WORLD)
    town.same_as_facts()
    town.docker("h1", "network disconnect net2 over1")
    assert _devices(town, "h1", "over1") == ["lo", "eth0", "eth1"]
    town.wait(lambda: town.asked("h2", "over2", "other") == set(), 1)
    assert not town.pings("h2", "over2", "10.6.0.77")
    town.docker("h1", "network disconnect net1 over1")
    assert _devices(town, "h1", "over1") == ["lo"]
    assert not town.pings("h1", "over1", WORLD)
    town.docker("h1", "network connect net1 over1")
    assert town.pings("h1", "over1", WORLD)
    town.same_as_facts()


def test_way_out_with_bridges(town: Town) -> None:
    """On an overlay and user bridges a container keeps a way out after every connect and disconnect."""
    town.create("net1")
    for name in ("br1", "br2"):
        town.docker("h1", f"network create {name}")
    town.idle("h2", "--name over2 --network net1")
    town.idle("h1", "--name over1 --network net1")
    first = ("connect br1", "connect br2", "disconnect net1", "connect net1", "disconnect br1")
    steps = (*first, "disconnect br2", "connect br1", "disconnect net1", "connect net1", "disconnect br1")
    on = {"net1"}
    for step in steps:
        verb, network = step.split()
        town.docker("h1", f"network {verb} {network} over1")
        on = on | {network} if verb == "connect" else on - {network}
        assert town.pings("h1", "over1", WORLD), f"no way out after {step}"
        defaults = json.loads(town.inside("h1", "over1", "ip", "-j", "route", "show", "default").out)
        assert len(defaults) == 1, f"{step}: {defaults}"
        if "net1" in on:
            assert town.pings("h1", "over1", "over2"), f"no overlay after {step}"
    assert _devices(town, "h1", "over1")[0] == "lo"


def test_another_mtu(town: Town) -> None:
    """The MTU option holds on the VXLAN device, the bridge, both veth ends; packets of that size pass."""
    identity = town.create("--opt com.docker.network.driver.mtu=1300 net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    links = town.room("h1", identity).links
    assert {link["mtu"] for link in links if link["ifname"] != "lo"} == {1300}
    told = json.loads(town.inside("h1", "over1", "ip", "-j", "link", "show", "eth0").out)
    assert told[0]["mtu"] == 1300
    target = town.address("h2", "over2", "net1")
    town.inside("h1", "over1", "ping", "-c1", "-W1", "-M", "do", "-s", str(1300 - 28), target)
    assert town.inside(
        "h1", "over1", "ping", "-c1", "-W1", "-M", "do", "-s", "1273", target, check=False
    ).code


def test_chosen_vnis(town: Town) -> None:
    """vxlanid_list gives the VNIs; one that is taken is refused, naming the network; others avoid it."""
    chosen = town.create("--subnet 10.8.0.0/24 --subnet 10.9.0.0/24 "
                         "--opt com.docker.network.driver.overlay.vxlanid_list=300,256 net1")  # fmt: skip
    other = town.create("net2", on="h2")
    refused = town.docker("h3", "network create -d overlay --opt vxlanid_list=300 net3", check=False)
    assert refused.code
    assert "300" in refused.text and "net1" in refused.text
    for network in ("net1", "net2"):
        town.idle("h1", f"--name {network}a --network {network}")
        town.idle("h2", f"--name {network}b --network {network}")
    assert [v["linkinfo"]["info_data"]["id"] for v in town.room("h2", chosen).vxlan()] == [256, 300]
    assert [v["linkinfo"]["info_data"]["id"] for v in town.room("h2", other).vxlan()] == [257]
    assert town.pings("h1", "net1a", "net1b")
    assert town.pings("h1", "net2a", "net2b")


def test_encrypted_is_refused(town: Town) -> None:
    """With the reason."""
    refused = town.docker("h1", "network create -d overlay --opt encrypted net1", check=False)
    assert refused.code
    assert "encrypted" in refused.text and "IPsec" in refused.text


def test_much_is_carried_whole(town: Town) -> None:
    """Packets of the full MTU, and 20 MB by TCP."""
    town.create("net1")
    town.docker("h1", "run -d --stop-timeout 0 --name web --network net1 box:1 httpd -f -p 5001 -h /www")
    town.idle("h2", "--name over2 --network net1")
    target = town.address("h1", "web", "net1")
    town.inside("h2", "over2", "ping", "-c1", "-W1", "-M", "do", "-s", str(1450 - 28), target)
    town.execute("h1", "web", "sh", "-c", "head -c 20000000 /dev/urandom > /www/much")
    there = town.execute("h1", "web", "md5sum", "/www/much").split()[0]
    here = town.execute("h2", "over2", "sh", "-c", "wget -q -O - http://web:5001/much | md5sum").split()[0]
    assert here == there


def test_the_way_out_is_no_way_across(town: Town) -> None:
    """Containers of one host do not reach each other through docker_gwbridge."""
    town.create("net1")
    town.create("net2")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h1", "--name over2 --network net2")
    told = town.inside("h1", "over2", "ip", "-4", "-br", "addr", "show", "eth1").out.split()[2]
    assert not town.pings("h1", "over1", told.partition("/")[0])
    assert town.pings("h1", "over1", WORLD)


def test_published_in_every_way(town: Town) -> None:
    """TCP and UDP, by IPv6 through the relay, from a container elsewhere; closed when the container goes."""
    town.create("net1")
    serve = "httpd -f -p 5001 -h /www"
    ports = "-p 8080:5001 -p 8053:53/udp"
    town.docker("h1", f"run -d --stop-timeout 0 --name web --network net1 {ports} box:1 {serve}")
    town.idle("h2", "--name over2 --network net1")
    fetch = ("curl", "-s", "-g", "--max-time", "3", "--noproxy", "*")
    for where in ("192.168.1.21", "[fd00:c0a8:1::21]"):
        said = town["h3"].run(*fetch, f"http://{where}:8080/", check=False).out
        assert "Hello" in said, where
    assert "Hello" in town.execute("h2", "over2", "wget", "-q", "-O", "-", "http://192.168.1.21:8080/")
    server = town["h1"].popen("nsenter", "-t", str(town["h1"].inspect("web")["State"]["Pid"]), "-n",
                              "socat", "-T2", "UDP-RECVFROM:53,fork", "SYSTEM:cat")  # fmt: skip
    try:
        ask = "printf hello | socat -t1 - UDP:192.168.1.21:8053"
        town.wait(lambda: town["h3"].sh(ask, check=False).out == "hello", 5)
    finally:
        server.terminate()
        server.wait(5)
    town.docker("h1", "network disconnect net1 web")
    assert "Hello" not in town["h3"].run(*fetch, "http://192.168.1.21:8080/", check=False).out
    town.docker("h1", "network connect net1 web")
    assert "Hello" in town["h3"].run(*fetch, "http://192.168.1.21:8080/", check=False).out
    town.docker("h1", "rm -f web")
    assert town["h3"].run(*fetch, "http://192.168.1.21:8080/", check=False).code


def test_restarted_with_the_same_address(town: Town) -> None:
    """A restart keeps address and MAC address; a stopped one is connected anew."""
    town.create("net1")
    town.create("net2")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    before = town["h1"].inspect("over1")["NetworkSettings"]["Networks"]["net1"]
    town.idle("h3", "--name over3 --network net1")
    town.docker("h1", "restart -t 0 over1")
    after = town["h1"].inspect("over1")["NetworkSettings"]["Networks"]["net1"]
    assert (before["IPAddress"], before["MacAddress"]) == (after["IPAddress"], after["MacAddress"])
    town.pairs_ping({"over1": "h1", "over2": "h2", "over3": "h3"})
    town.docker("h1", "stop -t 0 over1")
    town.docker("h1", "network connect --alias late net2 over1")
    town.docker("h2", "network connect net2 over2")
    town.docker("h1", "start over1")
    assert _devices(town, "h1", "over1") == ["lo", "eth0", "eth1", "eth2"]
    town.wait(lambda: town.asked("h2", "over2", "late") == {town.address("h1", "over1", "net2")}, 1)
    town.same_as_facts()


def test_what_is_on_the_wire(town: Town) -> None:
    """Only unicast VXLAN packets to the right host: no question, no flood, nothing to the third host."""
    town.create("net1")
    for number, on in enumerate(("h1", "h2", "h3"), 1):
        town.idle(on, f"--name over{number} --network net1")
    town.same_as_facts()
    h1: Host = town["h1"]
    seen = h1.root / "wire"
    argv = ("tcpdump", "-lnn", "-i", "eth0", "-Q", "out", "udp or multicast or broadcast")
    with seen.open("wb") as note:
        watching = h1.popen(*argv, stdout=note, stderr=note)
    try:
        town.wait(lambda: "listening on" in seen.read_text(), 5)
        assert town.pings("h1", "over1", "over2")
        # An address that nobody has: the question for it stays on this host.
        assert not town.pings("h1", "over1", "10.0.0.99")
        time.sleep(0.5)
    finally:
        watching.terminate()
        watching.wait(5)
    lines = [line for line in seen.read_text().splitlines() if " > " in line]
    outer = [line for line in lines if "192.168.1." in line.split(" > ")[0] and "VXLAN" in line]
    assert outer, seen.read_text()
    for line in outer:
        assert "192.168.1.20.4789: VXLAN" in line, line
    # The host's own chatter on the LAN (neighbour questions for other hosts) is not the overlay's.
    rest = [line for line in lines if line not in outer and not _inner(line)]
    allowed = ("ARP, Request who-has 192.168.1.", "IP6 ")
    assert not [line for line in rest if not any(word in line for word in allowed)], rest
    assert not [line for line in lines if "224." in line or "239." in line or "10.0.0.99" in line], lines


def _inner(line: str) -> bool:
    """Whether a line tells of the packet inside the one before."""
    return line.startswith("IP 10.0.0.") or ("ICMP echo" in line and "10.0.0." in line)
