"""Hosts that die, come back, and are forgotten: liveness changes names and status, never forwarding."""

import time

import pytest

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
        assert nodes(town["h1"])["h2"]["Endpoints"] == "1", "a dead host's endpoints are listed"
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
    """Containers with a restart policy come up by themselves, at their old addresses, and are reached."""
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name first --network net1")
    town.idle("h2", "--name c2 --network net1 --restart always")
    there = town.address("h2", "c2", "net1")
    town.docker("h2", "rm -f first")
    power_off(town, "h2")
    _down(town, "h2")
    boot(town, "h2")
    _comes_up(town, "h2", "c2", "net1", 5)
    assert town.address("h2", "c2", "net1") == there
    town.pairs_ping({"c1": "h1", "c2": "h2"})
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


def test_a_dead_hosts_endpoint_is_freed_by_hand(town: Town) -> None:
    """``disconnect -f`` on a live host frees address and name at once; a live host's is refused by name.

    The host comes back meanwhile: its address is another's, and its container gets a new one.
    """
    network = town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1 --restart always")
    there = town.address("h2", "c2", "net1")
    refused = town.docker("h1", "network disconnect -f net1 c2", check=False)
    assert refused.code == 1
    assert f"h2 ({town['h2'].address})" in refused.text and "alive" in refused.text
    power_off(town, "h2")
    _down(town, "h2")
    town.docker("h1", "network disconnect -f net1 c2")
    assert not town.keys(f"endpoints/{network}/").keys() - {k for k, v in town.keys().items() if '"c1"' in v}
    assert f"claims/{network}/{there}" not in town.keys("claims")
    assert "c2" not in {
        c["Name"] for c in town["h1"].http("GET", f"/networks/{network}")[1]["Containers"].values()
    }
    town.idle("h3", "--name c2 --network net1")
    assert town.address("h3", "c2", "net1") == there, "address and name are free at once"
    town.idle("h3", "--name c3 --network net1")
    boot(town, "h2")
    _comes_up(town, "h2", "c2", "net1", 5)
    anew = town.address("h2", "c2", "net1")
    assert anew not in ("", there, town.address("h1", "c1", "net1"), town.address("h3", "c3", "net1"))
    town.wait(lambda: town.asked("h1", "c1", "c2") == {there, anew}, 3)
    assert town.pings("h1", "c1", anew)
    assert town.pings("h1", "c1", there)
    town.same_as_facts()


def test_a_running_container_whose_address_was_given_away(town: Town) -> None:
    """Its daemon was dead, it ran on. When the daemon is back it gets a new address, and keeps running."""
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1")
    there = town.address("h2", "c2", "net1")
    begun = town["h2"].inspect("c2")["State"]["StartedAt"]
    town["h2"].crash()
    _down(town, "h2")
    town.docker("h3", "network disconnect -f net1 c2")
    town.idle("h3", "--name c3 --network net1")
    assert town.address("h3", "c3", "net1") == there
    town["h2"].start()
    town.wait(lambda: town.address("h2", "c2", "net1") not in ("", there), 6)
    town.wait(lambda: town.asked("h1", "c1", "c2") == {town.address("h2", "c2", "net1")}, 3)
    assert town["h2"].inspect("c2")["State"]["StartedAt"] == begun
    town.pairs_ping({"c1": "h1", "c2": "h2", "c3": "h3"})
    hosts = town.execute("h2", "c2", "cat", "/etc/hosts")
    assert town.address("h2", "c2", "net1") in hosts and there not in hosts.split(), hosts
    town.same_as_facts()


def test_a_node_is_forgotten(town: Town) -> None:
    """``node rm`` frees all of it. When the host is back after all, it and its containers are as before."""
    network = town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.idle("h2", "--name c2 --network net1")
    there = town.address("h2", "c2", "net1")
    refused = town["h1"].seaway("node", "rm", "h2", check=False)
    assert refused.code == 1 and "node h2 is alive" in refused.text
    assert "this node" in town["h2"].seaway("node", "rm", "h2", check=False).text
    town["h2"].crash()
    _down(town, "h2")
    assert f"freed {there} of c2 on net1" in town["h1"].seaway("node", "rm", "h2").out
    assert not [k for k, v in town.keys().items() if there in k or '"c2"' in v]
    for on in ("h1", "h3"):
        town.wait(lambda on=on: status(town[on], "h2") == "", 2)
    town["h2"].start()
    _up(town, "h2")
    town.wait(lambda: f"claims/{network}/{there}" in town.keys("claims"), 5, 0.3)
    town.wait(lambda: town.asked("h1", "c1", "c2") == {there}, 3)
    town.pairs_ping({"c1": "h1", "c2": "h2"})
    town.same_as_facts()


def test_a_network_with_endpoints_of_a_dead_host_stays(town: Town) -> None:
    """The refusal names endpoint and host; ``node rm`` makes it go."""
    town.create("net1")
    town.idle("h2", "--name c2 --network net1")
    town["h2"].crash()
    _down(town, "h2")
    refused = town.docker("h1", "network rm net1", check=False)
    assert refused.code == 1
    assert 'name:"c2"' in refused.text and "on host h2, which is down" in refused.text
    town["h1"].seaway("node", "rm", "h2")
    town.docker("h1", "network rm net1")
    town["h2"].start()
    town.wait(lambda: town["h2"].http("GET", "/networks/net1")[0] == 404, 5)
    town.wait(lambda: not town.hidden(town["h2"]), 5)
    assert town["h2"].inspect("c2")["State"]["Running"]
    assert town["h2"].inspect("c2")["NetworkSettings"]["Networks"].get("net1", {}).get("IPAddress", "") == ""


def test_addresses_of_an_absent_host_are_never_given_away(town: Town) -> None:
    """A full network stays full while a host is away, however long its lease has run out."""
    town.docker("h1", "network create -d overlay --subnet 10.7.0.0/29 small")
    for number, on in enumerate(("h2", "h2", "h2", "h1")):
        town.wait(lambda on=on: town[on].http("GET", "/networks/small")[0] == 200, 5)
        town.idle(on, f"--name s{number} --network small --restart always")
    held = {town.address("h2", f"s{n}", "small") for n in range(3)} | {town.address("h1", "s3", "small")}
    power_off(town, "h2")
    _down(town, "h2")
    town.docker("h3", f"create --name c4 --network small {NAME} sleep 600")
    town.docker("h3", "start c4")
    assert town.address("h3", "c4", "small") not in held
    full = town.docker("h3", f"run -d --network small {NAME} sleep 600", check=False)
    assert full.code != 0 and "no available addresses" in full.text
    boot(town, "h2")
    for number in range(3):
        _comes_up(town, "h2", f"s{number}", "small", 5)
    assert {town.address("h2", f"s{n}", "small") for n in range(3)} < held
    town.pairs_ping({"s0": "h2", "s1": "h2", "s2": "h2", "s3": "h1", "c4": "h3"})


@pytest.mark.slow
def test_retention_buries_the_dead(town: Town) -> None:
    """With seaway.retention a dead host's endpoints go after that time; frozen time does not count."""
    for name in ("h1", "h3"):
        town[name].stop()
        town[name].start(*town[name].flags, "--cluster-store-opt=seaway.retention=3s")
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
