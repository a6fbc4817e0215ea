"""Devices and shapes of an overlay network as the tutorial shows them."""

import json

from tests.cluster.town import Town


def test_devices_of_the_hidden_namespace(town: Town) -> None:
    """ov- and vx- devices by VNI and network ID; the first VNI is 256, the next one 257."""
    one = town.create("net1")
    two = town.create("net2", on="h2")
    for network in ("net1", "net2"):
        town.idle("h1", f"--name {network}a --network {network}")
        town.idle("h2", f"--name {network}b --network {network}")
    for identity, vni in ((one, 256), (two, 257)):
        for on in ("h1", "h2"):
            room = town.room(on, identity)
            mark = f"{vni:06x}-{identity[:5]}"
            veths = {n for n in room.names if n.startswith("veth")}
            assert room.names == {"lo", f"ov-{mark}", f"vx-{mark}", *veths}
            assert len(veths) == 1
            (vxlan,) = room.vxlan()
            data = vxlan["linkinfo"]["info_data"]
            assert data["id"] == vni
            assert data["port"] == 4789
            assert data["local"] == town[on].address
            assert data["learning"] is False
            assert data["proxy"] is True
            assert "group" not in data and "remote" not in data
            assert vxlan["mtu"] == 1450
            assert vxlan["master"] == f"ov-{mark}"
    assert town.hidden(town["h3"]) == {}


def test_inside_the_container(town: Town) -> None:
    """eth0 on the overlay, then eth1 on docker_gwbridge; routes and hosts file as in the tutorial."""
    town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    told = json.loads(town.inside("h1", "over1", "ip", "-j", "addr").out)
    by_name = {link["ifname"]: link for link in told}
    assert [link["ifname"] for link in told] == ["lo", "eth0", "eth1"]
    (four,) = [a for a in by_name["eth0"]["addr_info"] if a["family"] == "inet"]
    assert (four["local"], four["prefixlen"], four["broadcast"]) == ("10.0.0.2", 24, "10.0.0.255")
    assert by_name["eth0"]["mtu"] == 1450
    assert by_name["eth0"]["address"] == "02:42:0a:00:00:02"
    assert by_name["eth1"]["mtu"] == 1500
    assert by_name["eth1"]["addr_info"][0]["local"] == "172.18.0.2"
    routes = json.loads(town.inside("h1", "over1", "ip", "-j", "route").out)
    assert {(r["dst"], r.get("gateway"), r["dev"]) for r in routes} == {
        ("default", "172.18.0.1", "eth1"),
        ("10.0.0.0/24", None, "eth0"),
        ("172.18.0.0/16", None, "eth1"),
    }
    short = town["h1"].inspect("over1")["Config"]["Hostname"]
    hosts = [line.split() for line in town.execute("h1", "over1", "cat", "/etc/hosts").splitlines()]
    assert ["10.0.0.2", short] in hosts
    assert not [words for words in hosts if words[0] == "172.18.0.2" and "over1" in words]
    assert "nameserver 127.0.0.11" in town.execute("h1", "over1", "cat", "/etc/resolv.conf")
    gateway = town["h1"].http("GET", "/networks/docker_gwbridge")[1]
    assert gateway["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_the_network_is_the_same_everywhere(town: Town) -> None:
    """Same ID, subnet, options and labels on all hosts; remote endpoints are listed with their host."""
    identity = town.create("--subnet 10.77.0.0/24 --gateway 10.77.0.9 --label a=b "
                           "--opt com.docker.network.driver.mtu=1400 net1", on="h3")  # fmt: skip
    first = town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    town.same_as_facts()
    told = {on: town[on].http("GET", f"/networks/{identity}")[1] for on in ("h1", "h2", "h3")}
    listed = {on: told[on].pop("Containers") for on in told}
    assert told["h1"] == told["h2"] == told["h3"]
    assert told["h1"]["IPAM"]["Config"] == [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.9"}]
    assert told["h1"]["Scope"] == "global"
    (mine,) = [c for key, c in listed["h1"].items() if key == first]
    assert mine["Name"] == "over1"
    eid = mine["EndpointID"]
    for on in ("h2", "h3"):
        far = listed[on][f"ep-{eid}"]
        assert (far["Name"], far["EndpointID"], far["MacAddress"]) == ("over1", eid, mine["MacAddress"])
        assert (far["IPv4Address"], far["Host"], far["HostAddress"]) == (
            mine["IPv4Address"],
            "h1",
            "192.168.1.21",
        )
        assert far["HostStatus"] == "ready"
    assert {key[:3] for key in listed["h3"]} == {"ep-"}
    listing = {on: town.docker(on, "network ls --filter driver=overlay --format {{.ID}}{{.Scope}}").out
               for on in told}  # fmt: skip
    assert set(listing.values()) == {f"{identity[:12]}global\n"}


def test_removing_is_refused_while_another_host_uses_it(town: Town) -> None:
    """403, naming the endpoint and its host."""
    town.create("net1")
    town.idle("h2", "--name over2 --network net1")
    town.wait(lambda: "over2" in town.docker("h1", "network inspect net1").out, 2)
    status, answer = town["h1"].http("DELETE", "/networks/net1")
    assert status == 403
    assert 'name:"over2"' in answer["message"] and "host h2" in answer["message"]


def test_internal_has_no_way_out(town: Town) -> None:
    """No eth1, no default route; traffic between hosts all the same."""
    town.create("--internal net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    links = json.loads(town.inside("h1", "over1", "ip", "-j", "link").out)
    assert [link["ifname"] for link in links] == ["lo", "eth0"]
    routes = json.loads(town.inside("h1", "over1", "ip", "-j", "route").out)
    assert [r["dst"] for r in routes] == ["10.0.0.0/24"]
    town.pairs_ping({"over1": "h1", "over2": "h2"})
    assert not town.pings("h1", "over1", "203.0.113.1")


def test_two_subnets(town: Town) -> None:
    """A VNI for each subnet; containers of different subnets reach each other, on one host and across."""
    identity = town.create("--subnet 10.1.0.0/24 --subnet 10.2.0.0/24 net1")
    where = {}
    for number, on in enumerate(("h1", "h2")):
        for subnet in (1, 2):
            name = f"c{subnet}{on}"
            town.idle(on, f"--name {name} --network net1 --ip 10.{subnet}.0.{10 + number}")
            where[name] = on
    vnis = [v["linkinfo"]["info_data"]["id"] for v in town.room("h1", identity).vxlan()]
    assert vnis == [256, 257]
    assert vnis == [v["linkinfo"]["info_data"]["id"] for v in town.room("h2", identity).vxlan()]
    routes = json.loads(town.inside("h1", "c1h1", "ip", "-j", "route").out)
    assert ("10.2.0.0/24", "10.1.0.1", "eth0") in {(r["dst"], r.get("gateway"), r["dev"]) for r in routes}
    town.same_as_facts()
    town.pairs_ping(where)


def test_dual_stack(town: Town) -> None:
    """IPv6 subnets inside: ping and AAAA across hosts."""
    town.create("--ipv6 --subnet 10.3.0.0/24 --subnet fd00:3::/64 net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    town.same_as_facts()
    six = town["h2"].inspect("over2")["NetworkSettings"]["Networks"]["net1"]["GlobalIPv6Address"]
    assert six.startswith("fd00:3::")
    found = town.inside("h1", "over1", "dig", "+short", "@127.0.0.11", "-t", "AAAA", "over2").out.split()
    assert found == [six]
    town.inside("h1", "over1", "ping", "-6", "-c2", "-W1", "-i0.2", six)
    town.pairs_ping({"over1": "h1", "over2": "h2"})
    assert "1 received" in town.inside("h1", "over1", "ping", "-6", "-c1", "-W1", six).out


def test_ports_and_the_way_out(town: Town) -> None:
    """A published port is reached from another host, the world by masquerade."""
    town.create("net1")
    argv = "run -d --stop-timeout 0 --name web --network net1 -p 8080:5001 box:1 httpd -f -p 5001 -h /www"
    town.docker("h1", argv)
    asked = ("curl", "-s", "--max-time", "3", "--noproxy", "*", "http://192.168.1.21:8080/cgi-bin/who")
    town.wait(lambda: "192.168.1.20" in town["h2"].run(*asked, check=False).out, 5)
    assert town["h1"].inspect("web")["NetworkSettings"]["Ports"]["5001/tcp"][0]["HostPort"] == "8080"
    town.idle("h2", "--name over2 --network net1")
    assert "Hello" in town.execute("h2", "over2", "wget", "-q", "-O", "-", "http://web:5001/")
    assert town.pings("h2", "over2", "203.0.113.1")
