"""Containers and networks come, go and move on three hosts at once; then everything agrees."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from demo.host import Host
from tests.cluster.town import Town
from tests.faces.image import NAME

SECONDS = 12
NETWORKS = ("net1", "net2")
REFUSALS = (403, 404, 409)
"""What a loser may be told. Anything else, a 500 above all, is a defect."""


def _run(host: Host, name: str, network: str, ip: str = "", mac: str = "") -> tuple[int, Any]:
    place: dict[str, Any] = {"IPAMConfig": {"IPv4Address": ip}} if ip else {}
    body = {
        "Image": NAME,
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": network},
        "NetworkingConfig": {"EndpointsConfig": {network: {**place, **({"MacAddress": mac} if mac else {})}}},
    }
    status, made = host.http("POST", f"/containers/create?name={name}", body)
    if status != 201:
        return status, made
    status, said = host.http("POST", f"/containers/{made['Id']}/start")
    if status != 204:
        host.http("DELETE", f"/containers/{made['Id']}?force=1")
    return status, said


def _worker(town: Town, on: str, number: int) -> list[str]:
    """One person's work on a host; returns what must not have been answered."""
    host, dice = town[on], random.Random(f"{on} {number}")
    mine: dict[str, str] = {}
    wrong: list[str] = []
    count = 0
    ends = time.monotonic() + SECONDS

    def note(what: str, answer: tuple[int, Any]) -> bool:
        if answer[0] >= 300 and answer[0] not in REFUSALS:
            wrong.append(f"{on}: {what}: {answer}")
        return answer[0] < 300

    while time.monotonic() < ends:
        deed = dice.choice(("run", "run", "fight", "rm", "connect", "disconnect", "restart"))
        network = dice.choice(NETWORKS)
        if deed in ("run", "fight") and len(mine) < 4:
            count += 1
            name = f"{on}-{number}-{count}"
            ip = f"10.{70 + NETWORKS.index(network)}.0.{dice.randrange(200, 204)}" if deed == "fight" else ""
            mac = f"02:42:00:00:00:{dice.randrange(1, 250):02x}" if deed == "fight" else ""
            if note(f"{deed} {name} {ip}", _run(host, name, network, ip, mac)):
                mine[name] = network
        elif mine:
            name = dice.choice(list(mine))
            if deed == "rm":
                note(f"rm {name}", host.http("DELETE", f"/containers/{name}?force=1"))
                del mine[name]
            elif deed == "restart":
                note(f"restart {name}", host.http("POST", f"/containers/{name}/restart?t=0"))
            elif deed in ("connect", "disconnect"):
                path = f"/networks/{network}/{deed}"
                answer = host.http("POST", path, {"Container": name})
                if answer[0] != 500 or "is not connected to" not in str(answer[1]):
                    note(f"{deed} {network} {name}", answer)
    return wrong


def test_after_a_churn_everything_agrees(town: Town) -> None:
    """No defect is answered; entries, store and containers agree; no address twice; all pairs ping."""
    for number, network in enumerate(NETWORKS):
        town.create(f"--subnet 10.{70 + number}.0.0/24 {network}")
    with ThreadPoolExecutor(9) as pool:
        jobs = [pool.submit(_worker, town, on, number) for on in town.hosts for number in range(3)]
        wrong = [line for job in jobs for line in job.result()]
    assert not wrong, "\n".join(wrong)
    town.same_as_facts(seconds=6)
    for network in NETWORKS:
        where: dict[str, str] = {}
        addresses: Counter[str] = Counter()
        identity = town["h1"].http("GET", f"/networks/{network}")[1]["Id"]
        for on, host in town.hosts.items():
            for box in host.http("GET", "/containers/json")[1]:
                place = box["NetworkSettings"]["Networks"].get(network)
                if place:
                    where[box["Names"][0].strip("/")] = on
                    addresses[place["IPAddress"]] += 1
        assert set(addresses.values()) <= {1}, addresses
        assert len(town.keys(f"endpoints/{identity}/")) == len(where)
        claims = {k.rpartition("/")[2] for k in town.keys(f"claims/{identity}/")}
        assert addresses.keys() <= claims
        town.pairs_ping(where)


def test_joining_a_network_that_is_being_removed(town: Town) -> None:
    """Removed on one host while a container starts on it on another: one of both is refused, always."""
    for turn in range(8):
        name = f"net{turn}"
        town.create(name)
        with ThreadPoolExecutor(2) as pool:
            starting = pool.submit(_run, town["h2"], f"c{turn}", name)
            time.sleep(0.004 * turn)
            removing = pool.submit(town["h1"].http, "DELETE", f"/networks/{name}")
            started, removed = starting.result(), removing.result()
        both = (started[0], removed[0])
        assert both in ((204, 403), (404, 204), (403, 204), (409, 204)), (started, removed)
        if started[0] == 204:
            assert town["h2"].http("GET", f"/networks/{name}")[0] == 200
        else:
            town.wait(lambda n=name: town["h3"].http("GET", f"/networks/{n}")[0] == 404, 2)
