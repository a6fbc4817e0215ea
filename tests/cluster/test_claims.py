"""Names, subnets, VNIs and addresses are claimed atomically: hosts that ask at once never get the same."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from itertools import combinations
from typing import Any

from demo.host import Host
from tests.cluster.town import Town
from tests.faces.image import NAME


def _create(host: Host, name: str, **more: Any) -> tuple[int, Any]:
    return host.http("POST", "/networks/create", {"Name": name, "Driver": "overlay", **more}, 60)


def _claims(town: Town, identity: str) -> dict[str, str]:
    return {key.rpartition("/")[2]: value for key, value in town.keys(f"claims/{identity}/").items()}


def test_one_name_is_made_once(town: Town) -> None:
    """Twelve creates of one name on three hosts: one wins, the others get 409; thrice."""
    for turn in range(3):
        hosts = [host for host in town.hosts.values() for _ in range(4)]
        with ThreadPoolExecutor(len(hosts)) as pool:
            answers = list(pool.map(lambda h, t=turn: _create(h, f"net{t}"), hosts))
        assert Counter(status for status, _ in answers) == {201: 1, 409: 11}, answers
        (identity,) = [answer["Id"] for status, answer in answers if status == 201]
        for status, answer in answers:
            if status == 409:
                assert f"network with name net{turn} already exists" in answer["message"]
        for host in town.hosts.values():
            town.wait(lambda h=host, i=identity: h.http("GET", f"/networks/{i}")[0] == 200, 2)
            known = [n for n in host.http("GET", "/networks")[1] if n["Name"] == f"net{turn}"]
            assert [n["Id"] for n in known] == [identity]


def test_thirty_networks_at_once(town: Town) -> None:
    """Different names without --subnet on three hosts: no subnet and no VNI twice."""
    wanted = [(host, f"{name}-{number}") for name, host in town.hosts.items() for number in range(10)]
    with ThreadPoolExecutor(15) as pool:
        answers = list(pool.map(lambda w: _create(*w), wanted))
    assert {status for status, _ in answers} == {201}, answers
    h1 = town["h1"]
    town.wait(lambda: sum(n["Driver"] == "overlay" for n in h1.http("GET", "/networks")[1]) == 30, 5)
    networks = [n for n in h1.http("GET", "/networks")[1] if n["Driver"] == "overlay"]
    subnets = [ip_network(n["IPAM"]["Config"][0]["Subnet"]) for n in networks]
    assert not [(a, b) for a, b in combinations(subnets, 2) if a.overlaps(b)]
    stored = {key: value for key, value in town.keys("networks/").items() if key != "networks/guard"}
    vnis = Counter(v for value in stored.values() for v in _vnis(value))
    assert len(vnis) == 30
    assert set(vnis.values()) == {1}
    assert min(vnis) == 256


def test_fifteen_starts_at_once(town: Town) -> None:
    """15 parallel docker run on three hosts and one network: all succeed, no address and no MAC twice."""
    identity = town.create("net1")
    wanted = [(on, f"{on}-{number}") for number in range(5) for on in town.hosts]
    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(lambda w: town.idle(w[0], f"--name {w[1]} --network net1"), wanted))
    told = [town[on].inspect(name)["NetworkSettings"]["Networks"]["net1"] for on, name in wanted]
    addresses = Counter(t["IPAddress"] for t in told)
    assert len(addresses) == 15, addresses
    assert len({t["MacAddress"] for t in told}) == 15
    for on, name in wanted:
        told_inside = town.inside(on, name, "ip", "-4", "-br", "addr", "show", "eth0").out.split()[2]
        assert told_inside.partition("/")[0] == town.address(on, name, "net1")
    town.same_as_facts()
    held = _claims(town, identity)
    assert set(addresses) <= held.keys()
    assert len(town.keys(f"endpoints/{identity}/")) == 15
    town.pairs_ping({name: on for on, name in wanted if name.endswith(("-0", "-4"))})


def test_one_address_asked_for_twice(town: Town) -> None:
    """Two hosts fight for the same --ip: one has it, the other is refused with 403; five times."""
    town.create("--subnet 10.9.0.0/24 net1")
    for turn in range(5):
        ip = f"10.9.0.{100 + turn}"

        def start(on: str, ip: str = ip, turn: int = turn) -> tuple[int, Any]:
            host = town[on]
            body = {
                "Image": NAME,
                "Cmd": ["sleep", "600"],
                "HostConfig": {"NetworkMode": "net1"},
                "NetworkingConfig": {"EndpointsConfig": {"net1": {"IPAMConfig": {"IPv4Address": ip}}}},
            }
            status, made = host.http("POST", f"/containers/create?name={on}-{turn}", body)
            assert status == 201, made
            return host.http("POST", f"/containers/{made['Id']}/start")

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(start, ("h1", "h2")))
        assert sorted(status for status, _ in answers) == [204, 403], answers
        (refused,) = [answer["message"] for status, answer in answers if status == 403]
        assert "Address already in use" in refused
    town.same_as_facts()


def test_addresses_cool_down(town: Town) -> None:
    """A removed container's address is not given out at once on another host; --ip has it at once."""
    identity = town.create("--subnet 10.9.0.0/24 net1")
    town.idle("h1", "--name base --network net1")
    town.idle("h1", "--name gone --network net1")
    gone = town.address("h1", "gone", "net1")
    town.docker("h1", "rm -f gone")
    town.idle("h2", "--name next --network net1")
    assert town.address("h2", "next", "net1") != gone
    town.wait(lambda: "cooling:" in _claims(town, identity).get(gone, ""), 2)
    town.idle("h3", f"--name taker --network net1 --ip {gone}")
    assert town.address("h3", "taker", "net1") == gone
    assert town.pings("h1", "base", "taker")
    assert town.pings("h2", "next", gone)
    town.same_as_facts()


def test_cooled_down(town: Town) -> None:
    """After its time the address is given out again, and the claim is gone meanwhile."""
    identity = town.create("net1")
    town.idle("h1", "--name gone --network net1")
    gone = town.address("h1", "gone", "net1")
    town.docker("h1", "rm -f gone")
    began = time.monotonic()
    town.wait(lambda: gone not in _claims(town, identity), 40, 0.5)
    assert time.monotonic() - began > 20
    town.idle("h2", "--name next --network net1")
    assert town.address("h2", "next", "net1") == gone


def test_a_full_subnet(town: Town) -> None:
    """A /29 has five addresses for containers: the sixth is refused with the reason; a freed one serves."""
    town.create("--subnet 10.9.0.0/29 net1")
    for number in range(5):
        town.idle(("h1", "h2", "h3")[number % 3], f"--name c{number} --network net1")
    refused = town.docker("h3", f"run -d --name c5 --network net1 {NAME} sleep 600", check=False)
    assert refused.code
    assert "no available" in refused.text and "10.9.0.0/29" in refused.text, refused.text
    town.docker("h3", "rm -f c5 c2")
    town.idle("h3", "--name c6 --network net1")
    freed = town.address("h1", "c0", "net1")
    town.docker("h1", "rm -f c0")
    town.idle("h2", f"--name c7 --network net1 --ip {freed}")
    town.same_as_facts()
    town.pairs_ping({"c3": "h1", "c6": "h3", "c7": "h2"})


def test_made_again_elsewhere_at_once(town: Town) -> None:
    """Name, subnet and VNI of a network that was removed are free on every host at once."""
    hosts = list(town.hosts.values())
    more = {
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]},
        "Options": {"com.docker.network.driver.overlay.vxlanid_list": "300"},
    }
    for turn in range(12):
        status, answer = _create(hosts[turn % 3], "net1", **more)
        assert status == 201, f"turn {turn}: {answer}"
        assert hosts[turn % 3].http("DELETE", f"/networks/{answer['Id']}")[0] == 204


def test_one_subnet_and_one_vni_are_given_once(town: Town) -> None:
    """Different names, one --subnet or one VNI, three hosts at once: one wins, the others hear why."""
    hosts = list(town.hosts.values())
    for turn in range(3):
        wanted = {"IPAM": {"Config": [{"Subnet": f"10.{90 + turn}.0.0/24"}]}}
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda h, t=turn, w=wanted: _create(h, f"s{h.name}{t}", **w), hosts))
        assert Counter(status for status, _ in answers) == {201: 1, 403: 2}, answers
        assert all("overlaps" in answer["message"] for status, answer in answers if status == 403)
        option = {"Options": {"com.docker.network.driver.overlay.vxlanid_list": str(400 + turn)}}
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda h, t=turn, o=option: _create(h, f"v{h.name}{t}", **o), hosts))
        assert Counter(status for status, _ in answers) == {201: 1, 403: 2}, answers
        assert all("in use by network v" in a["message"] for status, a in answers if status == 403), answers


def test_ranges_and_reserved_addresses(town: Town) -> None:
    """--ip-range, --gateway and --aux-address hold on every host."""
    options = "--ip-range 10.9.0.8/29 --gateway 10.9.0.9 --aux-address one=10.9.0.10"
    town.create(f"--subnet 10.9.0.0/24 {options} net1")
    given = set()
    for number in range(6):
        on = ("h1", "h2", "h3")[number % 3]
        town.idle(on, f"--name c{number} --network net1")
        given.add(town.address(on, f"c{number}", "net1"))
    assert given == {f"10.9.0.{n}" for n in (8, 11, 12, 13, 14, 15)}
    refused = town.docker("h2", f"run -d --network net1 --ip 10.9.0.10 {NAME} sleep 600", check=False)
    assert refused.code
    assert "Address already in use" in refused.text
    town.idle("h2", "--name free --network net1 --ip 10.9.0.200")
    town.pairs_ping({"c0": "h1", "c2": "h3", "free": "h2"})


def test_one_name_of_a_shared_and_a_local_network(town: Town) -> None:
    """A name that a host uses for a network of its own is no overlay's there; elsewhere it may be."""
    town.docker("h2", "network create net1")
    status, answer = _create(town["h2"], "net1")
    assert status == 409, answer


def _vnis(value: str) -> list[int]:
    return [pool["vni"] for pool in json.loads(value).get("fact", {}).get("pools", ())]


def test_an_address_asked_for_while_the_store_is_away(town: Town) -> None:
    """Nobody gets it before the store has given it: two hosts ask, and when it is back one has it."""
    identity = town.create("--subnet 10.9.0.0/24 net1")
    town.stop_store()
    try:
        for host in ("h1", "h2"):
            town.docker(host, f"create --name asks --network net1 --ip 10.9.0.9 {NAME} sleep 600")
            done = town.docker(host, "start asks", check=False)
            assert done.code and "store" in done.text, done.text
    finally:
        town.start_store()
    told = {}

    def one_has_it() -> bool:
        told.update({host: town.docker(host, "start asks", check=False) for host in ("h1", "h2")})
        refused = [done.text for done in told.values() if done.code]
        return len(refused) == 1 and "Address already in use" in refused[0]

    town.wait(one_has_it, 10, 0.5)
    town.wait(lambda: list(_claims(town, identity)).count("10.9.0.9") == 1, 5)
