"""Hosts joined by a switch, one overlay network over them, and containers on it, by the real hands."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from seaway.datapath.ledger import Report
from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    Neighbour,
    Netns,
    Resource,
    VethPair,
    Vxlan,
)
from tests.kernel.datapath.ground import Ground, inside

OV, VX = "ov-000100-1de98", "vx-000100-1de98"

_switches = itertools.count()


def mac(number: int) -> str:
    return f"02:42:0a:00:{number >> 8:02x}:{number & 255:02x}"


def v4(number: int) -> str:
    return f"10.0.{number >> 8}.{number & 255}"


def v6(number: int) -> str:
    return f"fd00:9::{number:x}"


def vtep(host: int, version: int = 4) -> str:
    return f"192.0.2.{host}" if version == 4 else f"fd99::{host}"


def peer(ns: str, number: int, to: str, *, at: str = "") -> tuple[Resource, ...]:
    """One remote container: the way to it and its addresses."""
    where = at or mac(number)
    return (
        Forward(ns, VX, where, to),
        Neighbour(ns, VX, v4(number), where, OV),
        Neighbour(ns, VX, v6(number), where, OV),
    )


@dataclass
class Host:
    """One host with its part of the network: a hidden namespace, containers by number."""

    ground: Ground
    vtep: str
    wants: dict[str, tuple[Resource, ...]] = field(default_factory=dict)

    @property
    def hidden(self) -> str:
        return self.ground.box(0)

    def base(self, *, vni: int = 256, port: int = 4789) -> tuple[Resource, ...]:
        ns = self.hidden
        return (
            Netns(ns),
            Bridge(ns, OV, 1450),
            Vxlan(ns, VX, vni, self.vtep, port, 1450, OV),
            Address(ns, OV, "10.0.255.254/16"),
            Address(ns, OV, "fd00:9::ffff/64"),
        )

    def container(self, number: int, *, at: str = "") -> tuple[Resource, ...]:
        box = self.ground.box(number)
        return (
            Netns(box),
            VethPair(self.hidden, f"veth{number}", box, "eth0", 1450, at or mac(number), OV),
            Address(box, "eth0", f"{v4(number)}/16"),
            Address(box, "eth0", f"{v6(number)}/64"),
            Neighbour(self.hidden, OV, v4(number), at or mac(number), OV),
        )

    def settle(self, **wants: tuple[Resource, ...]) -> Report:
        """Settle these owners; nothing may be refused."""
        self.wants |= wants
        report = self.ground.ledger.settle(wants)
        assert not report.refusals, [r.reason for r in report.refusals]
        return report

    def verify(self) -> Report:
        report = self.ground.ledger.verify(self.wants, self.namespaces())
        assert not report.refusals, [r.reason for r in report.refusals]
        return report

    def namespaces(self) -> list[str]:
        return ["", *(r.path for rs in self.wants.values() for r in rs if isinstance(r, Netns))]

    def run(self, *command: str) -> str:
        """A command in the hidden namespace."""
        return inside(self.hidden, *command)

    def within(self, number: int, *command: str, check: bool = True) -> str:
        """A command in a container."""
        return inside(self.ground.box(number), *command, check=check)

    def reaches(self, number: int, other: int) -> bool:
        """Whether one packet from a container to another, in each family, is answered in time."""
        forwarding(self.hidden)
        said = [
            self.within(number, "ping", "-n", "-c1", "-W1", to, check=False) for to in (v4(other), v6(other))
        ]
        print(*said)
        return all(" 0% packet loss" in words for words in said)


def forwarding(path: str) -> None:
    """Wait until every port of bridges there passes frames: of a carrier the kernel tells them later."""
    end = time.monotonic() + 3
    while "state disabled" in inside(path, "bridge", "link") and time.monotonic() < end:
        time.sleep(0.01)


def joined(hosts: list[Host]) -> None:
    """A switch between them, on the first one's machine, as each has only one uplink."""
    first = hosts[0].ground
    first.run("ip", "link", "add", "lan", "type", "bridge")
    for number, host in enumerate(hosts):
        path = host.ground.path
        first.run("ip", "link", "add", f"p{number}", "type", "veth", "peer", "name", "uplink", "netns", path)
        first.run("ip", "link", "set", f"p{number}", "master", "lan", "up")
        host.ground.run("ip", "link", "set", "uplink", "up")
        width = "64" if ":" in host.vtep else "24"
        nodad = ("nodad",) if ":" in host.vtep else ()
        host.ground.run("ip", "addr", "add", f"{host.vtep}/{width}", "dev", "uplink", *nodad)
    first.run("ip", "link", "set", "lan", "up")
    forwarding(first.path)


@contextmanager
def town(count: int = 2, version: int = 4) -> Iterator[list[Host]]:
    """Hosts with the network on each and nobody on it."""
    hosts: list[Host] = []
    try:
        for number in range(1, count + 1):
            hosts.append(Host(Ground(), vtep(number, version)))
        if count > 1:
            joined(hosts)
        for host in hosts:
            host.settle(net=host.base())
        yield hosts
    finally:
        for host in hosts:
            host.ground.close()
