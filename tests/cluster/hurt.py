"""What can befall a town: power cuts, a frozen or empty store, a pulled cable; and how to look at nodes."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.host import Host, _forget_groups
from demo.machine import CommandFailed, Machine
from tests.cluster.town import NUMBERS, Pinging, Town

TTL = ("--cluster-store-opt=discovery.ttl=3s",)
"""The shortest lease there is: a host is down three seconds after its last sign of life (etcd adds one)."""

GONE = 9.0
"""Seconds after which a dead host counts as dead on all others, whatever the machine is busy with."""


def nodes(host: Host) -> dict[str, dict[str, Any]]:
    """What ``seaway node ls`` shows, by name."""
    found = json.loads(f"[{','.join(host.seaway('node', 'ls', '--format', 'json').out.splitlines())}]")
    return {node["Name"]: node for node in found}


def status(host: Host, name: str) -> str:
    """A node's status as a host sees it; empty when it is not listed."""
    try:
        code, told = host.http("GET", "/seaway/nodes")  # what the command asks, without starting it
    except OSError as error:
        raise CommandFailed(f"{host.name}: {error}") from error
    if code != 200:
        raise CommandFailed(f"{host.name}: {told}")
    return next((str(node["Status"]).capitalize() for node in told if node["Name"] == name), "")


def power_off(town: Town, name: str) -> None:
    """All processes of a host end at once, without a word; what is on its disk stays."""
    host = town[name]
    Machine.close(host)
    daemon, host._daemon = host._daemon, None
    if daemon is not None:
        daemon.wait(10)
    for folder in host.data.glob("containers/*"):
        _forget_groups(folder.name)
    town.street.lan.sh(f"ip link del p{NUMBERS[name]}", check=False)  # the kernel takes its time
    shutil.rmtree(host.exec, ignore_errors=True)  # it is in /run, which is memory


def boot(town: Town, name: str, *flags: str, wait: bool = True) -> Host:
    """The host again, with the disk it had."""
    old = town[name]
    host = Host(town.street.lan, old.root, name, NUMBERS[name])
    host.flags = flags or old.flags
    town.street.hosts[town.street.hosts.index(old)] = host
    town.hosts[name] = host
    if wait:
        host.start()
    return host


def log_since(host: Host, mark: int) -> str:
    """The daemon's log from a position on."""
    return host.log.read_text(errors="replace")[mark:]


def store_pids(town: Town) -> list[int]:
    """The store's processes, in our own numbering."""
    mark = f"{town.street.lan.root}/store".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                alone = (
                    os.stat(entry / "ns/pid").st_ino == os.stat(f"/proc/{town.street.lan.pid}/ns/pid").st_ino
                )
            except OSError:
                continue
            if alone and any(mark in word for word in words):
                found.append(int(entry.name))
    return found


@contextmanager
def frozen(town: Town) -> Iterator[None]:
    """The store says nothing for as long as the block lasts."""
    pids = store_pids(town)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # nsenter stops itself when its child stops, and would never reap it
        for pid in (*pids, town._server.pid if town._server else pids[0]):
            os.kill(pid, signal.SIGCONT)


def wipe(town: Town) -> None:
    """The store comes back without anything it knew."""
    town.stop_store()
    shutil.rmtree(town.street.lan.root / "store")
    town.start_store()


def cable(town: Town, name: str, state: str) -> None:
    """The switch's port of a host: ``up`` or ``down``."""
    town.street.lan.sh(f"ip link set p{NUMBERS[name]} {state}")


def etcdctl(town: Town, *argv: str) -> str:
    """Etcd's own command, in the store's machine."""
    command = ("etcdctl", "--endpoints", "http://192.168.1.18:2379", *argv)
    return town.street.lan.run(*command, env={"ETCDCTL_API": "3"}).out


def quick(host: Host, *argv: str, within: float) -> str:
    """A docker command that must succeed, and in time."""
    began = time.monotonic()
    out = host.docker(*argv).out
    took = time.monotonic() - began
    assert took < within, f"{host.name}$ docker {' '.join(argv)} took {took:.2f} s"
    return out


def connected(host: Host) -> bool:
    """Whether the daemon has its store."""
    return status(host, host.name) == "Ready"


def without_loss(going: Pinging) -> None:
    """Not one ping was lost."""
    numbers = [number for _, number in going.answers()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"pings were lost: {numbers}"


def well(town: Town, where: Mapping[str, str]) -> None:
    """All are connected, all pairs ping by name, the kernel holds the facts, nothing is doubled or leaked.

    ``where`` is container → host, of all containers on the only network, net1.
    """
    for on in town.hosts:
        for name in town.hosts:
            town.wait(lambda on=on, name=name: status(town[on], name) == "Ready", GONE, 0.2)
    town.same_as_facts(seconds=6)
    town.wait(lambda: _all_ping(town, where), 6, 0.2)
    (network,) = [n["Id"] for n in town["h1"].http("GET", "/networks")[1] if n["Name"] == "net1"]
    town.wait(lambda: not _store_differs(town, network, where), 8, 0.3)


def _all_ping(town: Town, where: Mapping[str, str]) -> bool:
    try:
        town.pairs_ping(where)
    except AssertionError:
        return False
    return True


def _store_differs(town: Town, network: str, where: Mapping[str, str]) -> list[Any]:
    """What the store holds of a network beside what the hosts do; what cools down is no leak."""
    ids = {node["Name"]: node["ID"] for node in town["h1"].http("GET", "/seaway/nodes")[1]}
    facts = [
        (one["EndpointID"], name, ids[on], one["MacAddress"], one["IPAddress"])
        for name, on in where.items()
        for one in [town[on].inspect(name)["NetworkSettings"]["Networks"]["net1"]]
    ]
    keys = town.keys()
    stored = [
        (one["id"], one["name"], one["node"], one["mac"], one["addresses"][0].partition("/")[0])
        for key, value in keys.items()
        if key.startswith("endpoints/")
        for one in [json.loads(value)["fact"]]
    ]
    claims = {
        key.rpartition("/")[2]: owner for key, owner in keys.items() if key.startswith(f"claims/{network}/")
    }
    held = sorted(address for address, owner in claims.items() if "endpoint:" in owner)
    differ = [] if sorted(facts) == sorted(stored) else [sorted(facts), sorted(stored)]
    return differ if held == sorted(fact[4] for fact in facts) else [*differ, held, claims]


def begin(host: Host, flags: Sequence[str], *before: str) -> "subprocess.Popen[bytes]":
    """Start a daemon without waiting for it; it may well end. ``before`` stands before its command line."""
    host.flags = tuple(flags)
    own = ["-H", host.url, "--data-root", str(host.data), "--exec-root", str(host.exec)]
    own += ["--pidfile", str(host.pidfile), "--log-level", "debug", *flags]
    with host.log.open("ab") as log:
        host._daemon = host.popen(*before, "seaway", "daemon", *own, stdout=log, stderr=log)
    return host._daemon
