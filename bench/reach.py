"""From a container's start on one host until it answers on another: Seaway, and docker.io 20.10."""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from bench.measure import Figure
from demo.host import Host, Street, UnixConnection
from tests.faces.image import NAME

STORE = "192.168.1.18"
_DOCKERD, _DOCKER = "/usr/sbin/dockerd", "/usr/bin/docker"
_GROUP = "seaway-bench-reach"

_PROBER = """
import os, select, socket, struct, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
sock.setblocking(False)
for line in sys.stdin:
    target, number, patience = line.split()
    number, end = int(number), time.monotonic() + float(patience)
    head = struct.pack("!BBHHH", 8, 0, 0, 7, number)
    total = sum(struct.unpack("!4H", head)); total = (total & 0xffff) + (total >> 16)
    packet = struct.pack("!BBHHH", 8, 0, ~total & 0xffff, 7, number)
    print("go", flush=True)
    found = 0.0
    while not found and time.monotonic() < end:
        try:
            sock.sendto(packet, (target, 0))
        except OSError:
            pass
        until = time.monotonic() + 0.002
        while not found and (rest := until - time.monotonic()) > 0:
            if select.select([sock], [], [], rest)[0]:
                data, (source, _) = sock.recvfrom(2048)
                if source == target and data[20:21] == b"\\0" and data[24:28] == packet[4:8]:
                    found = time.monotonic()
    print(found, flush=True)
"""
"""Pings every 2 ms, by the container's own ARP, until the first answer; tells when that came."""


class Docker:
    """A host with a daemon, and a client of its API."""

    def __init__(self, host: Host, socket: str) -> None:
        self.host, self.socket = host, socket

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request's answer."""
        link = UnixConnection(self.socket, 60)
        text = None if body is None else json.dumps(body)
        link.request(method, f"/v1.40{path}", text, {"Content-Type": "application/json"})
        answer = link.getresponse()
        raw = answer.read()
        link.close()
        assert answer.status < 300, (method, path, raw)
        return json.loads(raw) if raw.startswith((b"{", b"[")) else None

    def create(self, name: str, network: str, address: str, argv: Sequence[str]) -> str:
        """A container that waits to be started."""
        asked = {network: {"IPAMConfig": {"IPv4Address": address}}}
        body = {
            "Image": NAME,
            "Cmd": list(argv),
            "HostConfig": {"NetworkMode": network},
            "NetworkingConfig": {"EndpointsConfig": asked},
        }
        made: str = self.ask("POST", f"/containers/create?name={name}", body)["Id"]
        return made

    def remove(self, name: str) -> None:
        """Remove a container."""
        self.ask("DELETE", f"/containers/{name}?force=1")


def etcd(street: Street) -> None:
    """A store in the LAN's own machine that speaks both versions of the API."""
    lan, url = street.lan, f"http://{STORE}:2379"
    words = ["etcd", "--enable-v2=true", f"--listen-client-urls={url}", f"--advertise-client-urls={url}"]
    words += [f"--data-dir={lan.root}/etcd", "--log-level=warn", "--unsafe-no-fsync=true"]
    with (lan.root / "etcd.log").open("wb") as log:
        lan.popen(*words, stdout=log, stderr=log)
    ask = ["curl", "-fsS", "-m", "1", f"{url}/health"]
    _until(lambda: not lan.run(*ask, check=False).code, 20)


def seaway(street: Street, box: Path, numbers: tuple[int, int]) -> list[Docker]:
    """Two hosts with Seaway."""
    found = []
    for number in numbers:
        host = street.host(f"sw{number}", number)
        host.start(f"--cluster-store=etcd://{STORE}:2379/seaway", f"--cluster-advertise={host.address}",
                   "--log-level", "info")  # fmt: skip
        host.docker("import", str(box), NAME)
        found.append(Docker(host, host.socket))
    return found


def docker_io(street: Street, box: Path, numbers: tuple[int, int]) -> list[Docker]:
    """Two hosts with docker.io 20.10; none where it is not installed or does not start."""
    if not (Path(_DOCKERD).exists() and Path(_DOCKER).exists()):
        return []
    found: list[Docker] = []
    for number in numbers:
        host = street.host(f"dk{number}", number)
        socket = str(host.root / "d")
        words = ["-H", f"unix://{socket}", "--data-root", str(host.root / "lib")]
        words += ["--exec-root", str(host.root / "run"), "--pidfile", str(host.root / "d.pid")]
        words += ["--exec-opt", "native.cgroupdriver=cgroupfs", f"--cgroup-parent=/{_GROUP}"]
        words += [f"--cluster-store=etcd://{STORE}:2379", f"--cluster-advertise={host.address}:2376"]
        with (host.root / "dockerd.log").open("wb") as log:
            host.popen(_DOCKERD, *words, stdout=log, stderr=log)
        client = (_DOCKER, "-H", f"unix://{socket}")
        _until(lambda client=client, host=host: not host.run(*client, "version", check=False).code, 40)
        host.run(*client, "import", str(box), NAME)
        found.append(Docker(host, socket))
    return found


class Pair:
    """Two hosts of one kind with a network over both, and a prober on the second."""

    def __init__(self, name: str, hosts: list[Docker], second: int) -> None:
        self.name, (self.one, self.two) = name, hosts
        self.subnet = f"10.{second}.0"
        config = {"Config": [{"Subnet": f"{self.subnet}.0/24"}]}
        body = {"Name": "over", "Driver": "overlay", "IPAM": config, "CheckDuplicate": True}
        self.one.ask("POST", "/networks/create", body)
        _until(lambda: any(n["Name"] == "over" for n in self.two.ask("GET", "/networks")), 20)
        self.two.create("prober", "over", f"{self.subnet}.2", ["sleep", "3600"])
        self.two.ask("POST", "/containers/prober/start")
        pid = str(self.two.ask("GET", "/containers/prober/json")["State"]["Pid"])
        host = self.two.host
        words = ["nsenter", "-t", pid, "-n", sys.executable, "-u", "-c", _PROBER]
        self.prober = host.popen(*words, stdin=-1, stdout=-1)
        assert self.prober.stdin is not None and self.prober.stdout is not None
        self._in, self._out = self.prober.stdin, self.prober.stdout
        self.times: dict[str, list[float]] = {"start": [], "total": [], "after": []}
        self.missed = self.failed = 0

    def once(self, number: int, patience: float) -> None:
        """Start a container on the first host, and see when it answers on the second."""
        address = f"{self.subnet}.{10 + number}"
        name = f"target{number}"
        self.one.create(name, "over", address, ["sleep", "600"])
        self._say(f"{address} {number} {patience}")
        assert self._hear() == "go"
        began = time.monotonic()
        try:
            self.one.ask("POST", f"/containers/{name}/start")
        except AssertionError as error:  # it happens to docker.io that it does not find its own store
            print(f"  {self.name}: {error}", flush=True)
            self._hear()
            self.one.remove(name)
            self.failed += 1
            return
        returned = time.monotonic()
        answered = float(self._hear())
        self.one.remove(name)
        if not answered:
            self.missed += 1
            answered = returned + patience
        if number:
            self.times["start"].append((returned - began) * 1000)
            self.times["total"].append((answered - began) * 1000)
            self.times["after"].append((answered - returned) * 1000)

    def figures(self) -> list[Figure]:
        """What was measured."""
        names = {
            "start": "the API's start",
            "total": "start asked for until reachable from the other host",
            "after": "start answered until reachable from the other host (less than 0: before)",
        }
        found = [Figure(f"{self.name}: {names[k]}", "ms", tuple(v)) for k, v in self.times.items()]
        p99 = statistics.quantiles(self.times["total"], n=100)[98] if len(self.times["total"]) > 1 else 0.0
        found.append(Figure(f"{self.name}: the same until reachable, p99", "ms", (p99,)))
        found.append(Figure(f"{self.name}: starts that failed", "", (float(self.failed),)))
        found.append(Figure(f"{self.name}: never reachable within the patience", "", (float(self.missed),)))
        return found

    def close(self) -> None:
        """End the prober and its container."""
        self.prober.kill()
        self.prober.wait()
        with suppress(Exception):
            self.two.remove("prober")

    def _say(self, line: str) -> None:
        self._in.write(line.encode() + b"\n")
        self._in.flush()

    def _hear(self) -> str:
        return str(self._out.readline().decode().strip())


def measure(box: Path, count: int, *, with_docker: bool) -> list[Figure]:
    """Both kinds of hosts over one etcd, one container of each in turn."""
    with Street() as street, ExitStack() as stack:
        etcd(street)
        pairs = [Pair("seaway", seaway(street, box, (21, 22)), 71)]
        stack.callback(pairs[0].close)
        if with_docker and (hosts := docker_io(street, box, (31, 32))):
            stack.callback(_sweep)
            stack.callback(_end, hosts)
            pairs.append(Pair("docker.io 20.10", hosts, 72))
            stack.callback(pairs[1].close)
        for number in range(count + 1):
            for pair in pairs:
                pair.once(number, 5.0)
        return [figure for pair in pairs for figure in pair.figures()]


def _end(hosts: list[Docker]) -> None:
    for one in hosts:
        host = one.host
        host.run("sh", "-c", f"kill $(cat {host.root}/d.pid); sleep 2", check=False)


def _sweep() -> None:
    """Remove the groups that dockerd left, of which the machine outside knows."""
    top = Path("/sys/fs/cgroup")
    for group in sorted([*top.glob(f"*/{_GROUP}/**/"), *top.glob(f"{_GROUP}/**/")], reverse=True):
        with suppress(OSError):
            group.rmdir()


def _until(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit("it took too long")
        time.sleep(0.1)
