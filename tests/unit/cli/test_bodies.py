"""Bodies must be what the docker command line sends for the same flags (recorded from docker 28)."""

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
