"""Requests about networks, and queries, must be what the docker command line sends."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import ID, Stub

Serve = Callable[[dict[str, Any]], Stub]

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "all flags": (
        "--driver bridge --subnet 10.9.0.0/16 --ip-range 10.9.5.0/24 --gateway 10.9.5.254 "
        "--aux-address host1=10.9.1.5 --label a=b --internal --attachable "
        "--opt com.docker.network.bridge.name=br9 --opt com.docker.network.driver.mtu=1400 n_all",
        {
            "Driver": "bridge",
            "Scope": "",
            "IPAM": {
                "Driver": "default",
                "Options": {},
                "Config": [
                    {
                        "Subnet": "10.9.0.0/16",
                        "IPRange": "10.9.5.0/24",
                        "Gateway": "10.9.5.254",
                        "AuxiliaryAddresses": {"host1": "10.9.1.5"},
                    }
                ],
            },
            "Internal": True,
            "Attachable": True,
            "Ingress": False,
            "ConfigOnly": False,
            "ConfigFrom": None,
            "Options": {"com.docker.network.bridge.name": "br9", "com.docker.network.driver.mtu": "1400"},
            "Labels": {"a": "b"},
            "Name": "n_all",
        },
    ),
    "IPv6 only": (
        "--ipv4=false --ipv6 n6only",
        {
            "Driver": "bridge",
            "Scope": "",
            "EnableIPv4": False,
            "EnableIPv6": True,
            "IPAM": {"Driver": "default", "Options": {}, "Config": []},
            "Internal": False,
            "Attachable": False,
            "Ingress": False,
            "ConfigOnly": False,
            "ConfigFrom": None,
            "Options": {},
            "Labels": {},
            "Name": "n6only",
        },
    ),
    "another driver's configuration": (
        "-d overlay --ipam-driver foo --ipam-opt k=v --scope local --config-from cfgn nip",
        {
            "Driver": "overlay",
            "Scope": "local",
            "IPAM": {"Driver": "foo", "Options": {"k": "v"}, "Config": []},
            "Internal": False,
            "Attachable": False,
            "Ingress": False,
            "ConfigOnly": False,
            "ConfigFrom": {"Network": "cfgn"},
            "Options": {},
            "Labels": {},
            "Name": "nip",
        },
    ),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_network_create_sends_what_docker_sends(serve: Serve, play: Play, case: str) -> None:
    args, wanted = NETWORKS[case]
    daemon = serve({"POST /networks/create": (201, {"Id": ID, "Warning": ""})})
    assert play("network", "create", *args.split()).output == f"{ID}\n"
    assert daemon.body("POST /networks/create") == wanted


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("--gateway 10.9.0.1 n", "must have a corresponding subnet"),
        ("--subnet 10.9.0.0/16 --gateway 10.8.0.1 n", "no matching subnet for 10.8.0.1"),
        (
            "--subnet 10.9.0.0/16 --gateway 10.9.0.1 --gateway 10.9.0.2 n",
            "cannot configure multiple gateways",
        ),
        ("--subnet 10.9.0.0/16 --gateway x n", "invalid address: x"),
    ],
)
def test_network_create_needs_a_home_for_each_address(play: Play, args: str, says: str) -> None:
    result = play("network", "create", *args.split())
    assert (result.exit_code, says in result.output) == (1, True), result.output


def test_connect_and_disconnect(serve: Serve, play: Play) -> None:
    daemon = serve(
        {"POST /networks/n_all/connect": (200, None), "POST /networks/n_all/disconnect": (200, None)}
    )
    flags = "--ip 10.9.5.20 --alias foo --alias bar --link c1:up --driver-opt a=b --gw-priority 2"
    assert play("network", "connect", *flags.split(), "n_all", "c4").exit_code == 0
    assert play("network", "disconnect", "-f", "n_all", "c4").exit_code == 0
    assert daemon.body("POST /networks/n_all/connect") == {
        "Container": "c4",
        "EndpointConfig": {
            "IPAMConfig": {"IPv4Address": "10.9.5.20"},
            "Links": ["c1:up"],
            "Aliases": ["foo", "bar"],
            "DriverOpts": {"a": "b"},
            "GwPriority": 2,
        },
    }
    assert daemon.body("POST /networks/n_all/disconnect") == {"Container": "c4", "Force": True}


def test_exec_detached(serve: Serve, play: Play) -> None:
    daemon = serve({"POST /containers/c1/exec": (201, {"Id": "e1"}), "POST /exec/e1/start": (200, None)})
    assert (
        play("exec", "-d", "-e", "A=b", "-w", "/", "-u", "root", "--privileged", "c1", "ls", "-l").exit_code
        == 0
    )
    assert daemon.body("POST /containers/c1/exec") == {
        "User": "root",
        "Privileged": True,
        "Tty": False,
        "AttachStdin": False,
        "AttachStderr": False,
        "AttachStdout": False,
        "Detach": True,
        "DetachKeys": "",
        "Env": ["A=b"],
        "WorkingDir": "/",
        "Cmd": ["ls", "-l"],
    }
    assert daemon.body("POST /exec/e1/start") == {"Detach": True, "Tty": False}


@pytest.mark.parametrize(
    ("args", "what", "query"),
    [
        ("stop -t 3 -s INT c1", "POST /containers/c1/stop", {"signal": "INT", "t": "3"}),
        ("restart -t 0 c1", "POST /containers/c1/restart", {"t": "0"}),
        ("kill -s HUP c1", "POST /containers/c1/kill", {"signal": "HUP"}),
        ("rm -f -v c1", "DELETE /containers/c1", {"force": "1", "v": "1"}),
        ("rename c1 c2", "POST /containers/c1/rename", {"name": "c2"}),
        ("tag img img2:1", "POST /images/img/tag", {"repo": "img2", "tag": "1"}),
        ("network rm net", "DELETE /networks/net", {}),
        ("network inspect -v net", "GET /networks/net", {"verbose": "true"}),
        (
            "network prune -f --filter until=1h --filter label=a",
            "POST /networks/prune",
            {"filters": '{"label":{"a":true},"until":{"1h":true}}'},
        ),
        (
            "network ls -q --no-trunc -f driver=bridge -f name=n",
            "GET /networks",
            {"filters": '{"driver":{"bridge":true},"name":{"n":true}}'},
        ),
        (
            "ps -a -q --filter status=running -n 3 -s",
            "GET /containers/json",
            {"all": "1", "filters": '{"status":{"running":true}}', "limit": "3", "size": "1"},
        ),
    ],
)
def test_queries(serve: Serve, play: Play, args: str, what: str, query: dict[str, str]) -> None:
    empty: Any = [] if what.startswith("GET /networks") or "json" in what else {}
    daemon = serve({what: (200, {} if what == "GET /networks/net" else empty)})
    result = play(*args.split())
    assert result.exit_code == 0, result.output
    assert daemon.query(what) == query
    assert daemon.order == [what]


def test_json_of_filters_stays_in_order(serve: Serve, play: Play) -> None:
    daemon = serve({"GET /networks": (200, [])})
    play("network", "ls", "-f", "scope=local", "-f", "id=b", "-f", "id=a")
    assert json.loads(daemon.query("GET /networks")["filters"]) == {
        "id": {"a": True, "b": True},
        "scope": {"local": True},
    }
