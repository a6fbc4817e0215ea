"""Hosts that die, come back, and are forgotten: liveness changes names and status, never forwarding."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.host import Host
from tests.cluster.hurt import GONE, TTL, boot, frozen, nodes, power_off, status, without_loss
from tests.cluster.town import Town, pinging
from tests.faces.image import NAME

FLAGS = TTL


def _down(town: Town, name: str, *on: str) -> None:
    for other in on or [n for n in town.hosts if n != name]:
        town.wait(lambda other=other: status(town[other], name) == "Down", GONE, 0.2)


def _up(town: Town, name: str) -> None:
    for host in town.hosts.values():
        town.wait(lambda host=host: status(host, name) == "Ready", GONE, 0.2)


def _comes_up(town: Town, on: str, name: str, network: str, seconds: float) -> None:
    """Wait until a container runs and has an address; it may be told to run before it does."""
    town.wait(lambda: town.address(on, name, network) and town[on].inspect(name)["State"]["Pid"], seconds)
    town.wait(lambda: not town[on].docker("exec", name, "true", check=False).code, seconds)


def test_a_daemon_killed_and_back(town: Town) -> None:
    """Its containers' names go with its lease and come back with it; not one packet is lost."""
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1 --network-alias web")
    there = town.address("h2", "c2", "net1")
    with pinging(town, "h1", "c1", there) as going:
        town["h2"].crash()
        assert town.asked("h1", "c1", "c2") == {there}, "the lease still runs"
        town.wait(lambda: not town.asked("h1", "c1", "c2"), GONE)
        assert not town.asked("h1", "c1", "web")
        _down(town, "h2")
        listed = nodes(town["h1"])["h2"]
        assert listed["Status"] == "Down"
        assert listed["Endpoints"] == "1", "a dead host's endpoints are listed"
        town["h2"].start()
        town.wait(lambda: town.asked("h1", "c1", "c2") == {there} == town.asked("h1", "c1", "web"), 3)
        _up(town, "h2")
        time.sleep(0.3)
        without_loss(going)
    town.pairs_ping({"c1": "h1", "c2": "h2"})
    town.same_as_facts()


def test_a_daemon_restarted_in_order_is_never_down(town: Town) -> None:
    """A restart within the lease: names stay all the time."""
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1")
    there = town.address("h2", "c2", "net1")
    assert town["h2"].stop() == 0
    assert town.asked("h1", "c1", "c2") == {there}
    town["h2"].start()
    for _ in range(10):
        assert town.asked("h1", "c1", "c2") == {there}
        time.sleep(0.1)


def test_power_cut_and_boot(town: Town) -> None:
    """Containers with a restart policy come up by themselves, at their old addresses, and are reached.

    Meanwhile their addresses are nobody's: a full network stays full, however long the lease has run out.
    """
    town.docker("h1", "network create -d overlay --subnet 10.7.0.0/29 small")
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name first --network net1")
    town.idle("h2", "--name c2 --network net1 --restart always")
    there = town.address("h2", "c2", "net1")
    for number, on in enumerate(("h2", "h2", "h2", "h1")):
        town.idle(on, f"--name s{number} --network small --restart always")
    held = {f"s{n}": town.address("h2", f"s{n}", "small") for n in range(3)}
    town.docker("h2", "rm -f first")
    power_off(town, "h2")
    _down(town, "h2")
    town.idle("h3", "--name c4 --network small")
    assert town.address("h3", "c4", "small") not in {*held.values(), town.address("h1", "s3", "small")}
    full = town.docker("h3", f"run -d --network small {NAME} sleep 600", check=False)
    assert full.code != 0 and "no available addresses" in full.text
    boot(town, "h2")
    _comes_up(town, "h2", "c2", "net1", 5)
    assert town.address("h2", "c2", "net1") == there
    for name, address in held.items():
        _comes_up(town, "h2", name, "small", 5)
        assert town.address("h2", name, "small") == address
    town.pairs_ping({"c1": "h1", "c2": "h2"})
    town.pairs_ping({"s0": "h2", "s1": "h2", "s2": "h2", "s3": "h1", "c4": "h3"})
    town.same_as_facts()


def test_boot_while_the_store_is_down(town: Town) -> None:
    """Known containers and peers come up from the host's own copy; the store hears of it later."""
    network = town.create("net1")
    town.idle("h1", "--name c1 --network net1 --restart always")
    town.idle("h2", "--name c2 --network net1 --restart always")
    here, there = town.address("h1", "c1", "net1"), town.address("h2", "c2", "net1")
    time.sleep(1)  # the copy may be half a second old
    power_off(town, "h2")
    town.stop_store()
    began = time.monotonic()
    try:
        boot(town, "h2")
        _comes_up(town, "h2", "c2", "net1", 8)
        assert time.monotonic() - began < 12
        assert town.address("h2", "c2", "net1") == there
        assert town.pings("h2", "c2", here)
        assert town.pings("h1", "c1", there)
        assert town.pings("h2", "c2", "c1"), "names are known from the copy, too"
    finally:
        town.start_store()
    _up(town, "h2")
    endpoint = town["h2"].inspect("c2")["NetworkSettings"]["Networks"]["net1"]["EndpointID"]
    town.wait(lambda: f"endpoints/{network}/{endpoint}" in town.keys("endpoints"), 5, 0.3)
    town.wait(lambda: len(town.keys("endpoints")) == 2, 5, 0.3)
    town.pairs_ping({"c1": "h1", "c2": "h2"})
    town.same_as_facts()


def test_dead_hosts_endpoints_are_freed_by_hand(town: Town) -> None:
    """``disconnect -f`` on a live host frees address and name at once; a live host's is refused by name.

    Two hosts come back meanwhile whose addresses are another's: h2 had no power, and its container starts
    with a new one; of h3 only the daemon was dead, and its container gets a new one while it runs on.
    """
    network = town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1 --restart always")
    town.idle("h3", "--name on --network net1")
    there, third = town.address("h2", "c2", "net1"), town.address("h3", "on", "net1")
    begun = town["h3"].inspect("on")["State"]["StartedAt"]
    refused = town.docker("h1", "network disconnect -f net1 c2", check=False)
    assert refused.code == 1
    assert f"h2 ({town['h2'].address})" in refused.text and "alive" in refused.text
    town["h3"].crash()
    power_off(town, "h2")
    _down(town, "h2", "h1")
    _down(town, "h3", "h1")
    for gone, address in (("c2", there), ("on", third)):
        town.docker("h1", f"network disconnect -f net1 {gone}")
        assert not [v for v in town.keys(f"endpoints/{network}/").values() if f'"{gone}"' in v]
        assert f"claims/{network}/{address}" not in town.keys("claims")
        told = town["h1"].http("GET", f"/networks/{network}")[1]["Containers"].values()
        assert gone not in {c["Name"] for c in told}
        taker = {"c2": "c2", "on": "c3"}[gone]
        town.idle("h1", f"--name {taker} --network net1")
        assert town.address("h1", taker, "net1") == address, "address and name are free at once"
    boot(town, "h2")
    town["h3"].start()
    _comes_up(town, "h2", "c2", "net1", 5)
    anew = town.address("h2", "c2", "net1")
    assert anew not in ("", there, third, town.address("h1", "c1", "net1"))
    town.wait(lambda: town.asked("h1", "c1", "c2") == {there, anew}, 3)
    town.wait(lambda: town.address("h3", "on", "net1") not in ("", third, anew), 6)
    assert town.pings("h3", "on", anew)
    assert town.pings("h3", "on", there)
    town.wait(lambda: town.asked("h1", "c1", "on") == {town.address("h3", "on", "net1")}, 3)
    assert town["h3"].inspect("on")["State"]["StartedAt"] == begun
    town.pairs_ping({"c1": "h1", "c3": "h1", "on": "h3"})
    hosts = town.execute("h3", "on", "cat", "/etc/hosts")
    assert town.address("h3", "on", "net1") in hosts and third not in hosts.split(), hosts
    town.same_as_facts()


def test_a_node_is_forgotten(town: Town) -> None:
    """``node rm`` frees all of it. When the host is back after all, it and its containers are as before.

    A network with its endpoints stays until then: the refusal names endpoint and host.
    """
    network = town.create("net1")
    town.create("net2")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1")
    town.idle("h2", "--name alone --network net2")
    there = town.address("h2", "c2", "net1")
    refused = town["h1"].seaway("node", "rm", "h2", check=False)
    assert refused.code == 1 and "node h2 is alive" in refused.text
    assert "this node" in town["h2"].seaway("node", "rm", "h2", check=False).text
    town["h2"].crash()
    _down(town, "h2")
    refused = town.docker("h1", "network rm net2", check=False)
    assert refused.code == 1
    assert 'name:"alone"' in refused.text and "on host h2, which is down" in refused.text
    assert f"freed {there} of c2 on net1" in town["h1"].seaway("node", "rm", "h2").out
    assert not [k for k, v in town.keys().items() if there in k or '"c2"' in v or '"alone"' in v]
    for on in ("h1", "h3"):
        town.wait(lambda on=on: status(town[on], "h2") == "", 2)
    town.docker("h1", "network rm net2")
    town["h2"].start()
    _up(town, "h2")
    town.wait(lambda: f"claims/{network}/{there}" in town.keys("claims"), 5, 0.3)
    town.wait(lambda: town.asked("h1", "c1", "c2") == {there}, 3)
    town.pairs_ping({"c1": "h1", "c2": "h2"})
    town.wait(lambda: town["h2"].http("GET", "/networks/net2")[0] == 404, 5)
    town.wait(lambda: len(town.hidden(town["h2"])) == 1, 5)
    bare = town["h2"].inspect("alone")
    assert bare["State"]["Running"]
    assert bare["NetworkSettings"]["Networks"].get("net2", {}).get("IPAddress", "") == ""
    town.same_as_facts()


def _anew(host: Host, *more: str) -> None:
    host.stop()
    host.start(*host.flags, *more)


@pytest.mark.slow
def test_retention_buries_the_dead(town: Town) -> None:
    """With seaway.retention a dead host's endpoints go after that time; frozen time does not count."""
    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(lambda name: _anew(town[name], "--cluster-store-opt=seaway.retention=3s"), ("h1", "h3"))
        )
    network = town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1")
    there = town.address("h2", "c2", "net1")
    town["h2"].crash()
    _down(town, "h2")
    town.wait(lambda: f"claims/{network}/{there}" not in town.keys("claims"), 12, 0.3)
    assert [k for k, v in town.keys("endpoints").items() if '"c2"' in v] == []
    assert status(town["h1"], "h2") == "Down", "the node is listed on"
    with frozen(town):
        time.sleep(0.5)
    town["h2"].start()
    town.wait(lambda: town.asked("h1", "c1", "c2") == {there}, 8)
    town.pairs_ping({"c1": "h1", "c2": "h2"})
