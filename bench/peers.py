"""What others need for the same: dockerd, podman and the CNI bridge plug-in, each on a throw-away host."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import Figure, repeat, timed
from demo.host import Host, Street, UnixConnection
from tests.faces.image import NAME

_DOCKERD = "/usr/sbin/dockerd"
_DOCKER = "/usr/bin/docker"
_CNI = "/usr/lib/cni"
_GROUP = "seaway-bench"
"""Where the peers keep their containers' cgroups, so that they can be removed."""


def start_time(socket: str, network: str, ports: tuple[str, ...] = ()) -> float:
    """Milliseconds that ``POST /containers/{id}/start`` takes for a new container, by any Docker API."""

    def ask(method: str, path: str, body: object = None) -> object:
        link = UnixConnection(socket)
        headers = {"Content-Type": "application/json"}
        link.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = link.getresponse()
        raw = answer.read()
        link.close()
        assert answer.status < 300, raw
        return json.loads(raw) if raw and method != "DELETE" else None

    host_config = {
        "NetworkMode": network,
        "PortBindings": {p: [{"HostPort": p.split("/")[0]}] for p in ports},
    }
    config = {"Image": NAME, "Cmd": ["sleep", "60"], "HostConfig": host_config}
    config["ExposedPorts"] = {p: {} for p in ports}
    made = ask("POST", "/v1.41/containers/create", config)
    assert isinstance(made, dict)
    took = timed(lambda: ask("POST", f"/v1.41/containers/{made['Id']}/start"))
    ask("DELETE", f"/v1.41/containers/{made['Id']}?force=1")
    return took


def by_api(name: str, socket: str, count: int) -> list[Figure]:
    """Container start by the API on none and on bridge; their difference is the networking part."""
    modes = {"none": (), "bridge": (), "bridge -p": ("8080/tcp",)}
    values: dict[str, list[float]] = {mode: [] for mode in modes}
    for n in range(count + 1):
        for mode, ports in modes.items():
            took = start_time(socket, mode.split()[0], ports)
            if n:
                values[mode].append(took)
    found = [Figure(f"{name}: start, {mode}", "ms", tuple(v)) for mode, v in values.items()]
    gap = tuple(b - n for b, n in zip(values["bridge"], values["none"], strict=True))
    return [*found, Figure(f"{name}: bridge minus none", "ms", gap)]


def dockerd(street: Street, box: Path, count: int) -> list[Figure]:
    """Debian's docker.io."""
    if not (Path(_DOCKERD).exists() and Path(_DOCKER).exists()):
        return []
    host = street.host("dockerd", 40)
    socket = str(host.root / "d")
    flags = [
        "-H",
        f"unix://{socket}",
        "--data-root",
        str(host.root / "lib"),
        "--exec-root",
        str(host.root / "run"),
    ]
    flags += ["--pidfile", str(host.root / "d.pid"), "--exec-opt", "native.cgroupdriver=cgroupfs"]
    log = (host.root / "dockerd.log").open("wb")
    host.popen(_DOCKERD, *flags, f"--cgroup-parent=/{_GROUP}", stdout=log, stderr=log)
    client = (_DOCKER, "-H", f"unix://{socket}")
    _until(lambda: host.run(*client, "version", check=False).code == 0, 40)
    host.run(*client, "import", str(box), NAME)
    figures = by_api("docker.io 20.10", socket, count)
    figures.append(_run_figure(host, "docker.io 20.10: docker run", client, count))
    host.run("sh", "-c", f"kill $(cat {host.root}/d.pid); sleep 2")
    log.close()
    host.close()
    _sweep()
    return figures


def podman(street: Street, box: Path, count: int) -> list[Figure]:
    """Debian's podman: run on none and on bridge, their difference."""
    if not shutil.which("podman"):
        return []
    host = street.host("podman", 41)
    config = host.root / "containers.conf"
    config.write_text('[engine]\ncgroup_manager="cgroupfs"\nevents_logger="file"\nruntime="runc"\n')
    host.env["CONTAINERS_CONF"] = str(config)
    policy = host.root / "home/.config/containers"
    policy.mkdir(parents=True)
    (policy / "policy.json").write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    client = ("podman", "--root", str(host.root / "lib"), "--runroot", str(host.root / "run"))
    host.run(*client, "import", str(box), NAME)

    def start(network: str) -> float:
        made = host.run(
            *client, "create", "--cgroup-parent", f"/{_GROUP}", "--network", network, NAME, "sleep", "60"
        ).out.strip()
        took = timed(lambda: host.run(*client, "start", made))
        host.run(*client, "rm", "-f", "-t", "0", made)
        return took

    pairs = [(start("none"), start("podman")) for _ in range(count + 1)][1:]
    none, bridge = (tuple(column) for column in zip(*pairs, strict=True))
    host.close()
    _sweep()
    return [
        Figure("podman 4.3: start, none", "ms", none),
        Figure("podman 4.3: start, bridge", "ms", bridge),
        Figure("podman 4.3: bridge minus none", "ms", tuple(b - n for n, b in pairs)),
    ]


def cni(street: Street, count: int) -> list[Figure]:
    """The CNI plug-ins bridge and portmap: ADD, which is the networking part itself."""
    if not Path(_CNI, "bridge").exists():
        return []
    host = street.host("cni", 42)
    ipam = {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}
    ipam["dataDir"] = str(host.root / "ipam")
    common = {"cniVersion": "0.4.0", "name": "n"}
    bridge = {**common, "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}
    ports = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}

    def call(command: str, plugin: str, number: int, config: object) -> str:
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": f"c{number}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": _CNI,
        }
        env["CNI_NETNS"] = f"/run/netns/c{number}"
        return host.run(f"{_CNI}/{plugin}", input=json.dumps(config), env=env).out

    def add(number: int) -> float:
        host.run("ip", "netns", "add", f"c{number}")
        answers: list[str] = []
        took = timed(lambda: answers.append(call("ADD", "bridge", number, bridge)))
        mapping = {
            **common,
            "type": "portmap",
            "runtimeConfig": ports,
            "capabilities": {"portMappings": True},
        }
        mapping["prevResult"] = json.loads(answers[0])
        both = took + timed(lambda: call("ADD", "portmap", number, mapping))
        call("DEL", "portmap", number, mapping)
        call("DEL", "bridge", number, bridge)
        host.run("ip", "netns", "del", f"c{number}")
        seen.append(both)
        return took

    seen: list[float] = []
    first = repeat("CNI bridge: ADD", count, add)
    enter = repeat("(of which entering the host: nsenter)", count, lambda _: timed(lambda: host.run("true")))
    host.close()
    return [first, Figure("CNI bridge + portmap: ADD", "ms", tuple(seen[1:])), enter]


def _run_figure(host: Host, name: str, client: tuple[str, ...], count: int) -> Figure:
    return repeat(name, count, lambda _: timed(lambda: host.run(*client, "run", "--rm", NAME, "true")))


def _sweep() -> None:
    for folder in sorted(Path("/sys/fs/cgroup").glob(f"*/{_GROUP}/**/"), reverse=True):
        folder.rmdir()


def _until(true: Callable[[], bool], wait: float) -> None:
    deadline = time.monotonic() + wait
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("a peer did not start")
        time.sleep(0.2)
