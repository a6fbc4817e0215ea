"""Every failing call: Docker's status and text, and a host that is afterwards as it was before."""

import json
from pathlib import Path
from typing import Any

import pytest

from demo.host import Host, UnixConnection
from demo.traces import difference, look
from tests.faces.box import idle, words

NETWORK = "/networks/create"


def _pool(**values: str) -> dict[str, Any]:
    return {"Name": "n", "IPAM": {"Config": [values]}}


@pytest.fixture
def busy(host: Host) -> Host:
    """A host with networks ``n1`` (10.6.0.0/24) and ``n2`` and a container of every mode."""
    words(host, "network create --subnet 10.6.0.0/24 n1")
    words(host, "network create n2")
    idle(host, "--name", "c1", "--network", "n1", "-p", "5001:80")
    idle(host, "--name", "hosted", "--network", "host")
    idle(host, "--name", "shared", "--network", "container:c1")
    idle(host, "--name", "lonely", "--network", "none")
    words(host, "create --name made box:1 true")
    return host


_API = [
    ("POST", NETWORK, {"Name": "n1"}, 409, "network with name n1 already exists"),
    ("POST", NETWORK, {"Name": "host"}, 403, "operation is not permitted on predefined host network"),
    ("POST", NETWORK, {"Name": "n", "Driver": "nope"}, 404, 'plugin "nope" not found'),
    ("POST", NETWORK, {"Name": "n", "Driver": "host"}, 403, "only one instance"),
    ("POST", NETWORK, {"Name": "n", "Driver": "overlay"}, 403, "this daemon has no cluster store"),
    ("POST", NETWORK, {"Name": ""}, 400, "name"),
    ("POST", NETWORK, _pool(Subnet="foo"), 400, "invalid subnet foo: invalid CIDR block notation"),
    ("POST", NETWORK, _pool(Subnet="10.6.0.1/24"), 400, "10.6.0.1/24"),
    ("POST", NETWORK, _pool(Subnet="10.6.0.0/25"), 403, "Pool overlaps with other one on this address space"),
    ("POST", NETWORK, _pool(Subnet="10.66.0.0/24", Gateway="10.67.0.1"), 400, "10.67.0.1"),
    ("POST", NETWORK, _pool(Subnet="10.66.0.0/24", IPRange="10.67.0.0/25"), 400, "10.67.0.0/25"),
    ("POST", NETWORK, {"Name": "n", "Options": {"com.docker.network.driver.mtu": "lots"}}, 400, "lots"),
    (
        "POST",
        NETWORK,
        {"Name": "n", "Options": {"com.docker.network.bridge.enable_icc": "maybe"}},
        400,
        "maybe",
    ),
    ("POST", NETWORK, {"Name": "n", "Labels": [1]}, 400, "Labels"),
    ("GET", "/networks/nope", None, 404, "network nope not found"),
    ("DELETE", "/networks/nope", None, 404, "network nope not found"),
    ("DELETE", "/networks/bridge", None, 403, "bridge is a pre-defined network and cannot be removed"),
    ("DELETE", "/networks/n1", None, 403, 'network n1 has active endpoints (name:"c1"'),
    (
        "POST",
        "/networks/n1/connect",
        {"Container": "c1"},
        403,
        "endpoint with name c1 already exists in network n1",
    ),
    ("POST", "/networks/n1/connect", {"Container": "nope"}, 404, "No such container: nope"),
    (
        *("POST", "/networks/n1/connect", {"Container": "shared"}, 400),
        "container sharing network namespace with another container or host cannot be connected to any other",
    ),
    ("POST", "/networks/n1/connect", {"Container": "lonely"}, 400, "private (none) mode"),
    (
        *("POST", "/networks/n2/connect"),
        {"Container": "c1", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.99.0.1"}}},
        *(400, "10.99.0.1"),
    ),
    ("POST", "/networks/n2/disconnect", {"Container": "c1"}, 500, "is not connected to network n2"),
    ("GET", "/networks?filters=%7Bbad", None, 400, "invalid filter"),
    ("GET", "/networks?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D", None, 400, "invalid filter 'nope'"),
    ("GET", "/containers/zzz/json", None, 404, "No such container: zzz"),
    ("DELETE", "/containers/c1", None, 409, 'cannot remove container "c1": container is running'),
    ("POST", "/containers/made/kill", None, 409, "is not running"),
    ("POST", "/containers/c1/kill?signal=NOPE", None, 400, "NOPE"),
    ("POST", "/containers/c1/start", None, 304, ""),
    ("POST", "/containers/made/stop", None, 304, ""),
    ("POST", "/containers/c1/rename?name=made", None, 409, "made"),
    ("POST", "/containers/c1/rename?name=%20", None, 400, ""),
    (
        "POST",
        "/containers/create?name=c1",
        {"Image": "box:1", "Cmd": ["true"]},
        409,
        'Conflict. The container name "/c1" is already',
    ),
    ("POST", "/containers/create?name=a%20b", {"Image": "box:1", "Cmd": ["true"]}, 400, "a b"),
    ("POST", "/containers/create", {"Image": "nosuch:1"}, 404, "No such image: nosuch:1"),
    (
        *("POST", "/containers/create"),
        {
            "Image": "box:1",
            "Cmd": ["true"],
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}},
        },
        *(400, "99999"),
    ),
    (
        *("POST", "/containers/create"),
        {"Image": "box:1", "Cmd": ["true"], "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}},
        *(400, "sometimes"),
    ),
    (
        "POST",
        "/containers/create",
        {"Image": "box:1", "Cmd": ["true"], "HostConfig": {"Runtime": "warp"}},
        400,
        "warp",
    ),
    (
        "POST",
        "/containers/create",
        {"Image": "box:1", "Cmd": ["true"], "HostConfig": {"CapAdd": ["FLY"]}},
        400,
        "FLY",
    ),
    ("GET", "/nosuchpage", None, 404, "page not found"),
    (
        "GET",
        "/v9.99/info",
        None,
        400,
        "client version 9.99 is too new. Maximum supported API version is 1.50",
    ),
    ("GET", "/v1.10/info", None, 400, "client version 1.10 is too old"),
    ("POST", "/swarm/init", {}, 503, "swarm"),
    ("POST", "/build", None, 501, ""),
]


def _store(host: Host) -> list[str]:
    """Every key of the daemon's store."""
    script = (
        "import sqlite3, sys, pathlib\n"
        "for f in sorted(pathlib.Path(sys.argv[1]).rglob('*.db')):\n"
        "    db = sqlite3.connect(f'file:{f}?mode=ro', uri=True)\n"
        "    for (t,) in db.execute(\"select name from sqlite_master where type='table'\").fetchall():\n"
        "        for row in db.execute(f'select * from {t}'):\n"
        "            print(t, *(repr(v) for v in row[:2]))\n"
    )
    lines = host.run("python3", "-c", script, str(host.data)).out.splitlines()
    return sorted(line for line in lines if "event" not in line and "revision" not in line)


@pytest.mark.timeout(300)
def test_failing_calls_change_nothing(busy: Host, host: Host) -> None:
    """All of them against one busy host; after each, all that can be compared is compared."""
    before, stored = look(host), _store(host)
    assert stored, "the store was found"
    wrong = []
    for method, path, body, status, text in _API:
        got, answer = host.http(method, path, body)
        message = answer.get("message", "") if isinstance(answer, dict) else answer
        if got != status or text not in message:
            wrong.append(
                f"{method} {path} {json.dumps(body)}: expected {status} {text!r}, got {got} {message!r}"
            )
        changed = difference(before, look(host))
        if changed or _store(host) != stored:
            wrong.append(f"{method} {path} {json.dumps(body)} changed: {changed or 'the store'}")
            before, stored = look(host), _store(host)
    assert not wrong, "\n".join(wrong)


_RUNS = [
    ("--network nonet", "network nonet not found"),
    ("--network n1 --ip 10.6.0.2", "Address already in use"),
    ("--network n1 --ip 10.99.0.2", "10.99.0.2"),
    ("--ip 172.17.0.9", "user specified IP address is supported on user defined networks only"),
    ("--network host --ip 10.6.0.9", "user specified IP address is supported on user defined networks only"),
    ("--network container:nosuch", "No such container: nosuch"),
    ("-p 5001:80", "Bind for 0.0.0.0:5001 failed: port is already allocated"),
    ("-p 5001:80 --network n2", "Bind for 0.0.0.0:5001 failed: port is already allocated"),
    ("-p 192.0.2.1:5009:80", "192.0.2.1"),
    ("--network container:c1 -p 80:80", "port publishing and the container type network mode"),
    ("--network container:c1 --hostname x", "hostname and the network mode"),
    ("--network container:c1 --dns 1.1.1.1", "dns and the network mode"),
    ("--network container:c1 --add-host a:1.2.3.4", "custom host-to-IP mapping and the network mode"),
    ("--network container:c1 --mac-address 02:42:ac:11:00:09", "mac-address and the network mode"),
    ("--network container:c1 --expose 80", "port exposing and the container type network mode"),
    ("-v /nosuchplace-of-the-host/x:relative", "relative"),
]


@pytest.mark.timeout(300)
def test_failing_runs_leave_no_trace(busy: Host, host: Host) -> None:
    """``docker run`` with something wrong: 125, Docker's words, and nothing but the created container."""
    before = look(host)
    wrong = []
    for flags, text in _RUNS:
        done = words(host, f"run -d --name bad {flags} box:1 sleep 600", check=False)
        if done.code != 125 or text not in done.err:
            wrong.append(f"run {flags}: expected 125 {text!r}, got {done.code} {done.text!r}")
        host.http("DELETE", "/containers/bad?force=1")
        changed = difference(before, look(host))
        if changed:
            wrong.append(f"run {flags} left: {changed}")
            before = look(host)
    assert not wrong, "\n".join(wrong)


def test_bodies_that_are_not_json(host: Host) -> None:
    def ask(kind: str, text: str) -> tuple[int, str]:
        link = UnixConnection(host.socket)
        link.request("POST", NETWORK, text, {"Content-Type": kind})
        answer = link.getresponse()
        status, words_ = answer.status, str(json.loads(answer.read())["message"])
        link.close()
        return status, words_

    assert ask("text/plain", "{}")[0] == 400
    assert "text/plain" in ask("text/plain", "{}")[1]
    assert ask("application/json", "{nope")[0] == 400
    assert ask("application/json", '{"Name":"x"} trailing')[0] == 400


def test_a_made_container_that_cannot_start_can_start_later(host: Host) -> None:
    idle(host, "--name", "holder", "-p", "5001:80")
    assert words(host, "run -d --name late -p 5001:80 box:1 sleep 600", check=False).code == 125
    assert host.inspect("late")["State"]["Status"] == "created"
    words(host, "rm -f holder")
    words(host, "start late")
    assert host.inspect("late")["State"]["Running"]


def test_images_that_are_none(host: Host, tmp_path: Path) -> None:
    junk = host.root / "junk.tar"
    junk.write_bytes(b"\0" * 2048 + b"junk" * 100)
    before = host.http("GET", "/images/json")[1]
    assert host.docker("load", "-i", str(junk), check=False).code == 1
    assert host.http("GET", "/images/json")[1] == before
