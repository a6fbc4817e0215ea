"""A town: hosts with a daemon each on one LAN, a store, and how tests look at what the hosts hold."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.host import Host, Street
from demo.machine import CommandFailed, Result
from seaway.errors import SeawayError
from seaway.lab.plan import Plan
from seaway.lab.stores import STORES, Member
from tests.cluster.hidden import Hidden, look
from tests.faces.box import until
from tests.faces.image import NAME

NUMBERS = {"h1": 21, "h2": 20, "h3": 19}
"""The tutorial's hosts: the last number of each one's address."""

CONSUL = Path(__file__).resolve().parents[2] / "build/consul/consul"

_ASK = 'exec 3<>"/dev/tcp/$0/$1" && printf "$2" >&3 && timeout 2 grep -q "$3" <&3'
READ_STORE = """
import asyncio, json, sys
from seaway.store.place import place
from seaway.store.table import cluster_store

async def main():
    store = cluster_store(place(sys.argv[1], {}))
    await store.open()
    found = (await store.read("")).items
    await store.close()
    print(json.dumps({key: item.value.decode(errors="replace") for key, item in found.items()}))

asyncio.run(main())
"""
_STARTED = ("bridge", "host", "none", "docker_gwbridge")


class Town:
    """Hosts of the tutorial over one store. ``flags`` are further flags of every daemon."""

    def __init__(
        self,
        image: Path,
        store: str = "etcd",
        hosts: Iterable[str] = NUMBERS,
        flags: Sequence[str] = (),
        store_options: Mapping[str, str] | None = None,
        mtu: int = 1500,
    ) -> None:
        self.street = Street()
        self.flags = tuple(flags)
        self.store = store
        self.plan = Plan(store=store, consul=str(CONSUL) if CONSUL.exists() else "")
        self.kind = STORES[store]
        self.url = f"{self.kind.scheme}://192.168.1.18:{self.kind.port}"
        self.options = dict(store_options or {})
        self._server: subprocess.Popen[bytes] | None = None
        self.hosts: dict[str, Host] = {}
        try:
            self.start_store()
            self.hosts = {name: self.street.host(name, NUMBERS[name], mtu) for name in hosts}
            self.together(lambda host: self._start(host, image))
            self.before = {name: self.links(host) for name, host in self.hosts.items()}
        except BaseException as error:
            error.add_note(self.tails())  # nobody can look any more afterwards
            self.close()
            raise

    def _start(self, host: Host, image: Path) -> None:
        options = [f"--cluster-store-opt={k}={v}" for k, v in self.options.items()]
        host.start(
            f"--cluster-store={self.url}", f"--cluster-advertise={host.address}", *options, *self.flags
        )
        host.docker("import", str(image), NAME)
        self.wait(lambda: len(host.http("GET", "/seaway/nodes")[1]) >= 1, 10)

    # -- the store's server

    def start_store(self, wait: float = 40) -> None:
        """Start the server in the LAN's own machine, and wait until it serves."""
        lan = self.street.lan
        folder = lan.root / "store"
        folder.mkdir(exist_ok=True)
        place = self.plan.store_places[0]
        member = Member(place=place, all=(place,), folder=folder, program=self.kind.program(self.plan))
        for name, text in self.kind.files(member).items():
            (folder / name).write_text(text)
        with (lan.root / "store.log").open("ab") as log:
            tell = ("sh", "-c", 'echo $$ > "$0"; exec "$@"', str(lan.root / "store.pid"))
            self._server = lan.popen(*tell, *self.kind.command(member), stdout=log, stderr=log)
        words = ("192.168.1.18", str(self.kind.port), self.kind.ask.replace("\r", "\\r"), self.kind.says)
        ask = ("bash", "-c", _ASK, *(w.replace("\n", "\\n") for w in words))
        until(lambda: not lan.run(*ask, check=False, timeout=4).code, wait)

    def stop_store(self) -> None:
        """End the server at once."""
        if self._server is not None:
            self.street.lan.run("kill", "-9", (self.street.lan.root / "store.pid").read_text().strip())
            self._server.wait(10)
            self._server = None

    def keys(self, prefix: str = "") -> dict[str, str]:
        """What the store holds, read past the daemons."""
        told = self.street.lan.run(sys.executable, "-c", READ_STORE, self.url, timeout=20).out
        return {k: v for k, v in json.loads(told).items() if k.startswith(prefix)}

    # -- hosts

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def together(self, act: Callable[[Host], Any]) -> list[Any]:
        """Do something on all hosts at once; the answers in the order of the hosts."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            return list(pool.map(act, self.hosts.values()))

    def docker(self, name: str, line: str, check: bool = True) -> Result:
        """The docker CLI on a host, with the words of a line."""
        return self.hosts[name].docker(*shlex.split(line), check=check)

    def create(self, line: str, on: str = "h1") -> str:
        """``docker network create -d overlay …``; its ID, once all hosts know it."""
        identity = self.docker(on, f"network create -d overlay {line}").out.strip()
        for host in self.hosts.values():
            self.wait(lambda host=host: host.http("GET", f"/networks/{identity}")[0] == 200, 5)
        return identity

    def idle(self, on: str, line: str) -> str:
        """``docker run -d`` of a container that does nothing; its ID."""
        return self.docker(on, f"run -d --stop-timeout 0 {line} {NAME} sleep 600").out.strip()

    def address(self, on: str, name: str, network: str) -> str:
        """A container's address on a network."""
        return self.hosts[on].container_address(name, network)

    def inside(self, on: str, name: str, *argv: str, check: bool = True, timeout: float = 60) -> Result:
        """Run a program of the host's in a container's network namespace."""
        pid = self.hosts[on].inspect(name)["State"]["Pid"]
        return self.hosts[on].run("nsenter", "-t", str(pid), "-n", *argv, check=check, timeout=timeout)

    def execute(self, on: str, name: str, *argv: str, check: bool = True) -> str:
        """Run a program of the container's in it; all it said."""
        return self.hosts[on].docker("exec", name, *argv, check=check).text

    def pings(self, on: str, name: str, target: str) -> bool:
        """Whether one ping of a container is answered."""
        return not self.hosts[on].docker("exec", name, "ping", "-c1", "-W1", target, check=False).code

    def asked(self, on: str, name: str, target: str) -> set[str]:
        """Addresses that a container learns for a name, or names for an address."""
        argv = ("dig", "+short", "+tries=1", "+time=2", "@127.0.0.11", "-t")
        kind = ("PTR", f"{'.'.join(reversed(target.split('.')))}.in-addr.arpa")
        kind = kind if re.fullmatch(r"[0-9.]+", target) else ("A", target)
        said = self.inside(on, name, *argv, *kind, check=False).out
        return {line for line in said.splitlines() if not line.startswith(";")}

    @staticmethod
    def wait(true: Callable[[], Any], seconds: float = 10, pause: float = 0.05) -> Any:
        """Ask until the answer is true; AssertionError with the last answer otherwise."""
        return until(true, seconds, pause)

    # -- what must be so

    def pairs_ping(self, where: Mapping[str, str], names: Mapping[str, str] | None = None) -> None:
        """Every container reaches every other one by name. ``where`` is container → host."""

        def ask(item: tuple[str, str]) -> list[str]:
            name, host = item
            others = " ".join((names or {}).get(o, o) for o in where if o != name)
            script = (
                f"for n in {others}; do ping -c1 -W1 $n >/tmp/p 2>&1 || {{ echo lost $n; cat /tmp/p; }}; done"
            )
            said = self.hosts[host].docker("exec", name, "sh", "-c", script).text
            return [f"{host}/{name}: {said}"] if said.strip() else []

        with ThreadPoolExecutor(4) as pool:
            lost = [line for lines in pool.map(ask, where.items()) for line in lines]
        assert not lost, "\n".join(lost)

    def hidden(self, host: Host) -> dict[str, Hidden]:
        """The hidden namespaces of a host, by file name."""
        return look(host)

    def room(self, on: str, network_id: str) -> Hidden:
        """The hidden namespace of a network on a host."""
        return self.hidden(self.hosts[on])[f"1-{network_id[:10]}"]

    def room_path(self, on: str, network_id: str) -> str:
        """Where the hidden namespace of a network lies."""
        return str(self.hosts[on].exec / "netns" / f"1-{network_id[:10]}")

    def differences(self, host: Host) -> list[str]:
        """In words: where entries of a host's hidden namespaces are not those of the remote endpoints."""
        wrong: list[str] = []
        rooms = self.hidden(host)
        wanted = {}
        for network in host.http("GET", "/networks")[1]:
            if network["Driver"] == "overlay":
                told = host.http("GET", f"/networks/{network['Id']}")[1]["Containers"]
                if any(not key.startswith("ep-") for key in told):
                    wanted[f"1-{network['Id'][:10]}"] = told
        if wanted.keys() != rooms.keys():
            wrong.append(f"{host.name}: namespaces {sorted(rooms)}, wanted {sorted(wanted)}")
        for room, told in wanted.items():
            if room not in rooms:
                continue
            far = [c for key, c in told.items() if key.startswith("ep-")]
            near = [c for key, c in told.items() if not key.startswith("ep-")]
            have = rooms[room]
            for what, is_so, should in (
                ("forwards", have.forwards(), {(c["MacAddress"], c["HostAddress"]) for c in far}),
                ("bridge entries", have.led(), {c["MacAddress"] for c in far}),
                ("neighbours", have.known("vx-"), set(_pairs(far))),
                ("own neighbours", have.known("ov-"), set(_pairs(near))),
            ):
                if is_so != should:
                    wrong.append(f"{host.name} {room}: {what} {is_so}, wanted {should}")
        return wrong

    def same_as_facts(self, *hosts: Host, seconds: float = 3) -> None:
        """Entries of the hidden namespaces are exactly those of the remote endpoints that inspect tells."""
        chosen = hosts or tuple(self.hosts.values())
        last: list[list[str]] = []

        def same() -> bool:
            last.append([line for host in chosen for line in self.differences(host)])
            return not last[-1]

        try:
            self.wait(same, seconds, 0.2)
        except AssertionError:
            raise AssertionError("\n".join(last[-1])) from None

    @staticmethod
    def links(host: Host) -> set[str]:
        """Names of a host's devices."""
        return {link["ifname"] for link in json.loads(host.run("ip", "-j", "link").out)}

    def empty(self) -> None:
        """Remove all containers of all hosts, then all networks."""
        self.together(_no_containers)
        for host in self.hosts.values():
            for network in host.http("GET", "/networks")[1]:
                if network["Name"] not in _STARTED:
                    host.http("DELETE", f"/networks/{network['Id']}")

    def leftovers(self) -> list[str]:
        """In words: what is there and must not be, when there are no containers and no networks."""
        left: list[str] = []
        for name, host in self.hosts.items():
            left += [f"{name}: namespace {room}" for room in host.sh(f"ls {host.exec}/netns").out.split()]
            more = self.links(host) - self.before[name] - {"docker_gwbridge"}
            left += [f"{name}: device {device}" for device in more]
            left += [f"{name}: network {n['Name']}" for n in host.http("GET", "/networks")[1]
                     if n["Name"] not in _STARTED]  # fmt: skip
        for key, value in self.keys().items():
            room = key.partition("/")[0]
            stays = {"networks": key == "networks/guard", "claims": "cooling:" in value}
            if room in ("endpoints", "networks", "claims") and not stays.get(room):
                left.append(f"store: {key} {value}")
        return left

    def nothing_left(self, seconds: float = 8) -> None:
        """Empty the town: no namespace, no device, no network, no endpoint and no claim stays."""
        self.empty()
        last: list[list[str]] = []

        def clean() -> bool:
            last.append(self.leftovers())
            return not last[-1]

        try:
            self.wait(clean, seconds, 0.2)
        except AssertionError:
            raise AssertionError("left behind:\n" + "\n".join(last[-1])) from None

    def tails(self, lines: int = 25) -> str:
        """The last lines of every daemon's log; of a host that is gone, that it is."""
        return "\n".join(f"--- {name}\n{self._tail(host, lines)}" for name, host in self.hosts.items())

    @staticmethod
    def _tail(host: Host, lines: int) -> str:
        try:
            return host.tail(lines)
        except OSError as error:
            return f"(no log: {error.strerror})"

    def close(self) -> None:
        """End all."""
        self.together(lambda host: host.close()) if self.hosts else None
        self.street.close()
        if self._server is not None:
            self._server.wait(10)


def lacking(store: str) -> str:
    """Why there can be no server of that kind here; empty when there can."""
    try:
        STORES[store].program(Plan(store=store, consul=str(CONSUL) if CONSUL.exists() else ""))
    except SeawayError as error:
        return error.message
    return ""


class Pinging:
    """A ping that goes on: when which answer came."""

    def __init__(self, town: Town, on: str, name: str, target: str, interval: float = 0.1) -> None:
        host = town[on]
        pid = str(host.inspect(name)["State"]["Pid"])
        self._host = host
        self._note = host.root / f"ping-{time.monotonic_ns()}"
        argv = ["ping", "-n", "-D", "-O", "-i", str(interval), "-W", "1", target]
        with self._note.open("wb") as note:
            self._process = host.popen("nsenter", "-t", pid, "-n", *argv, stdout=note, stderr=note)

    def answers(self) -> list[tuple[float, int]]:
        """Times (seconds since 1970) and numbers of the answers so far."""
        text = self._note.read_text(errors="replace")
        found = re.findall(r"^\[([0-9.]+)\] .*bytes from .*icmp_seq=(\d+) ", text, re.M)
        return [(float(at), int(number)) for at, number in found]

    def followed(self, within: float) -> float:
        """Seconds from now to the next answer; fails when there is none within so many."""
        there = time.time()
        later = until(lambda: [at for at, _ in self.answers() if at > there], within)
        return float(later[0]) - there

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(2)
        self._note.unlink(missing_ok=True)


@contextmanager
def pinging(town: Town, on: str, name: str, target: str, interval: float = 0.1) -> Iterator[Pinging]:
    """A ping from a container for as long as the block lasts; it has been answered when the block begins."""
    going = Pinging(town, on, name, target, interval)
    try:
        town.wait(going.answers, 3)
        yield going
    finally:
        going.stop()


def _pairs(places: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for place in places:
        for key in ("IPv4Address", "IPv6Address"):
            if place[key]:
                yield place[key].partition("/")[0], place["MacAddress"]


def _no_containers(host: Host) -> None:
    for container in host.http("GET", "/containers/json?all=1")[1]:
        host.http("DELETE", f"/containers/{container['Id']}?force=1&v=1")


__all__ = ["READ_STORE", "CommandFailed", "Pinging", "Town", "lacking", "pinging"]
