"""Bodies must be what the docker command line sends for the same flags (recorded from docker 28)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import ID, Stub

Serve = Callable[[dict[str, Any]], Stub]


def bare(value: Any) -> Any:
    """A body without what is empty: zero values say nothing in Docker's API."""
    if isinstance(value, dict):
        found = {key: bare(member) for key, member in value.items()}
        return {key: member for key, member in found.items() if member not in (None, "", [], {}, 0, False)}
    return [bare(member) for member in value] if isinstance(value, list) else value


def created(serve: Serve, play: Play, *args: str) -> dict[str, Any]:
    daemon = serve({"POST /containers/create": (201, {"Id": ID, "Warnings": []})})
    result = play("create", *args)
    assert result.exit_code == 0, result.output
    assert result.output == f"{ID}\n"
    body = bare(daemon.body("POST /containers/create"))
    assert body.pop("AttachStdout")
    assert body.pop("AttachStderr")
    return body


HOST = {"RestartPolicy": {"Name": "no"}}
DEFAULT = {"EndpointsConfig": {"default": {}}}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "host mode with ports": (
        "--network host -p 5001:5001 img python app.py",
        {
            "Image": "img",
            "Cmd": ["python", "app.py"],
            "HostConfig": {"NetworkMode": "host", "PortBindings": {"5001/tcp": [{"HostPort": "5001"}]}},
        },
    ),
    "everything of one network": (
        "--network n_all --ip 10.9.5.10 --network-alias web --network-alias www --dns 8.8.8.8 "
        "--dns-search ex.org --dns-option ndots:1 --hostname h1 --domainname d.org --add-host db:10.9.5.11 "
        "--mac-address 02:42:0a:09:05:0a --link-local-ip 169.254.1.1 img sleep 100",
        {
            "Hostname": "h1",
            "Domainname": "d.org",
            "Cmd": ["sleep", "100"],
            "Image": "img",
            "HostConfig": {
                "NetworkMode": "n_all",
                "Dns": ["8.8.8.8"],
                "DnsOptions": ["ndots:1"],
                "DnsSearch": ["ex.org"],
                "ExtraHosts": ["db:10.9.5.11"],
            },
            "NetworkingConfig": {
                "EndpointsConfig": {
                    "n_all": {
                        "IPAMConfig": {"IPv4Address": "10.9.5.10", "LinkLocalIPs": ["169.254.1.1"]},
                        "Aliases": ["web", "www"],
                        "MacAddress": "02:42:0a:09:05:0a",
                    }
                }
            },
        },
    ),
    "ports": (
        "-p 5001:5001 -p 127.0.0.1::53/udp -p 8000-8002:8000-8002 -p 9000-9005:90 -p [::1]:81:80 -P img sh",
        {
            "Cmd": ["sh"],
            "Image": "img",
            "HostConfig": {
                "NetworkMode": "default",
                "PortBindings": {
                    "5001/tcp": [{"HostPort": "5001"}],
                    "53/udp": [{"HostIp": "127.0.0.1"}],
                    "8000/tcp": [{"HostPort": "8000"}],
                    "8001/tcp": [{"HostPort": "8001"}],
                    "8002/tcp": [{"HostPort": "8002"}],
                    "90/tcp": [{"HostPort": "9000-9005"}],
                    "80/tcp": [{"HostIp": "::1", "HostPort": "81"}],
                },
                "PublishAllPorts": True,
            },
        },
    ),
    "container mode": (
        "--network container:c1 img sh",
        {"Cmd": ["sh"], "Image": "img", "HostConfig": {"NetworkMode": "container:c1"}},
    ),
    "none": ("--net none img", {"Image": "img", "HostConfig": {"NetworkMode": "none"}}),
    "the long form, and a second network": (
        "--network name=n_all,alias=x,ip=10.9.5.12,mac-address=02:42:0a:09:05:0c,"
        "driver-opt=com.docker.network.endpoint.ifname=foo0,gw-priority=1 --network n6 img sh",
        {
            "Cmd": ["sh"],
            "Image": "img",
            "HostConfig": {"NetworkMode": "n_all"},
            "NetworkingConfig": {
                "EndpointsConfig": {
                    "n_all": {
                        "IPAMConfig": {"IPv4Address": "10.9.5.12"},
                        "Aliases": ["x"],
                        "MacAddress": "02:42:0a:09:05:0c",
                        "DriverOpts": {"com.docker.network.endpoint.ifname": "foo0"},
                        "GwPriority": 1,
                    },
                }
            },
        },
    ),
    "links on the default bridge": (
        "--link c1:db --link c2 img sh",
        {"Cmd": ["sh"], "Image": "img", "HostConfig": {"NetworkMode": "default", "Links": ["c1:db", "c2"]}},
    ),
    "what runs": (
        "-e A=b -v /tmp:/x -w / -u 0 --privileged --cap-add NET_ADMIN --cap-drop all "
        "--sysctl net.ipv4.ip_forward=1 --init --restart always -l a=b --entrypoint sh img -c true",
        {
            "User": "0",
            "Env": ["A=b"],
            "Cmd": ["-c", "true"],
            "Image": "img",
            "WorkingDir": "/",
            "Entrypoint": ["sh"],
            "Labels": {"a": "b"},
            "HostConfig": {
                "Binds": ["/tmp:/x"],
                "NetworkMode": "default",
                "RestartPolicy": {"Name": "always"},
                "CapAdd": ["CAP_NET_ADMIN"],
                "CapDrop": ["ALL"],
                "Privileged": True,
                "Sysctls": {"net.ipv4.ip_forward": "1"},
                "Init": True,
            },
        },
    ),
    "limits": (
        "-m 512m --cpus 1.5 --pids-limit 10 --ulimit nofile=10:20 --shm-size 1g --memory-swap -1 "
        "--device /dev/null:/dev/x:r --device-read-bps /dev/sda:1mb --read-only --tmpfs /run:size=1m "
        "--stop-signal INT --stop-timeout 3 --log-driver json-file --log-opt max-size=1m "
        "--restart on-failure:3 --health-cmd true --health-interval 1m30s img",
        {
            "Image": "img",
            "StopSignal": "INT",
            "StopTimeout": 3,
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 90_000_000_000},
            "HostConfig": {
                "NetworkMode": "default",
                "Memory": 512 << 20,
                "NanoCpus": 1_500_000_000,
                "PidsLimit": 10,
                "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
                "ShmSize": 1 << 30,
                "MemorySwap": -1,
                "Devices": [
                    {"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}
                ],
                "BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1 << 20}],
                "ReadonlyRootfs": True,
                "Tmpfs": {"/run": "size=1m"},
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            },
        },
    ),
    "mounts": (
        "--mount type=bind,source=/a,target=/b,readonly --mount type=volume,src=v,dst=/c,volume-label=k=v "
        "--mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 -v data:/d:ro -v /anonymous img",
        {
            "Image": "img",
            "Volumes": {"/anonymous": {}},
            "HostConfig": {
                "NetworkMode": "default",
                "Binds": ["data:/d:ro"],
                "Mounts": [
                    {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True},
                    {
                        "Type": "volume",
                        "Source": "v",
                        "Target": "/c",
                        "VolumeOptions": {"Labels": {"k": "v"}},
                    },
                    {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1770}},
                ],
            },
        },
    ),
    "clusters, switches with a value, flags behind the image": (
        "-it --rm=false --init=false img sh -p 1:1",
        {
            "Image": "img",
            "Cmd": ["sh", "-p", "1:1"],
            "Tty": True,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "HostConfig": {"NetworkMode": "default"},
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_create_sends_what_docker_sends(serve: Serve, play: Play, case: str) -> None:
    args, wanted = CASES[case]
    wanted = {**wanted, "HostConfig": HOST | wanted["HostConfig"]}
    body = created(serve, play, *args.split())
    if "Volumes" in wanted:
        wanted["Volumes"] = {}
    assert body == bare(wanted)


def test_exposed_ports_and_second_networks_are_there_though_empty(serve: Serve, play: Play) -> None:
    daemon = serve({"POST /containers/create": (201, {"Id": ID})})
    args = ["-p", "80:80", "--expose", "90-91/udp", "--network", "a", "--network", "b", "-v", "/x", "img"]
    assert play("create", *args).exit_code == 0
    body = daemon.body("POST /containers/create")
    assert body["ExposedPorts"] == {"80/tcp": {}, "90/udp": {}, "91/udp": {}}
    assert body["NetworkingConfig"]["EndpointsConfig"] == {"a": {}, "b": {}}
    assert body["Volumes"] == {"/x": {}}


def test_init_false_is_said_and_not_left_out(serve: Serve, play: Play) -> None:
    daemon = serve({"POST /containers/create": (201, {"Id": ID})})
    play("create", "--init=false", "img")
    assert daemon.body("POST /containers/create")["HostConfig"]["Init"] is False


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("-p 70000:80 img", '"70000" is no port'),
        ("-p 80/icmp img", "the protocol must be one of tcp, udp, sctp"),
        ("-p 1.2.3:80:80 img", '"1.2.3" is no address'),
        ("-p 1-3:80-81 img", "of different lengths"),
        ("-m much img", 'invalid argument "much" for "--memory" flag: must be a size'),
        ("--restart sometimes:3 img", "must be no, always, unless-stopped or on-failure"),
        ("--network name=a,speed=5 img", 'invalid field "speed=5"'),
        ("--network a --network host img", "both user-defined and non-user-defined"),
        ("--network a --network a img", 'network "a" is specified multiple times'),
        ("--network name=a,ip=1.1.1.1 --ip 2.2.2.2 img", "cannot specify both --ip and per-network ip"),
        ("--network container:x --link a img", "links are only supported for user-defined networks"),
        ("--mount type=bind,where=/x img", "known keys"),
        ("--mount type=bind,source=/x img", "target is required"),
        ("--rm --restart always img", "cannot specify both --restart and --rm"),
        ("--rm=perhaps img", "must be true or false"),
        ("--env-file /no/such img", "open /no/such: no such file"),
        ("--no-such-flag img", "unknown flag: --no-such-flag"),
    ],
)
def test_wrong_flags_ask_nothing_and_end_with_125(serve: Serve, play: Play, args: str, says: str) -> None:
    daemon = serve({})
    for command in ("create", "run"):
        result = play(command, *args.split())
        assert (result.exit_code, says in result.output) == (125, True), result.output
    assert daemon.order == []


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
