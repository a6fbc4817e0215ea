"""Plain hands: resources to the kernel by ``ip``, ``bridge``, ``sysctl`` and ``nft``, to test plans alone.

They make and never change or remove: the namespaces of a test go away as a whole.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator

from seaway.datapath.resources import (
    Address,
    Bridge,
    Netns,
    NftElement,
    NftTable,
    Resource,
    Route,
    Sysctl,
    VethPair,
)


def run(*command: str, text: str = "") -> str:
    """Run a command; its output. Fails with what it said."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{text}"
    return done.stdout


class Plain:
    """``host`` is the name of the ``ip netns`` that stands for the host."""

    def __init__(self, host: str) -> None:
        self._host = host

    def make(self, resources: Iterable[Resource]) -> None:
        """Everything, in the order of its rank."""
        elements: dict[tuple[str, str], list[str]] = {}
        for resource in sorted(set(resources), key=lambda r: (r.rank, repr(r.key))):
            if isinstance(resource, NftElement):
                value = f" : {resource.value}" if resource.value else ""
                line = f"add element inet {resource.table} {resource.set} {{ {resource.element}{value} }}"
                elements.setdefault((resource.ns, resource.table), []).append(line)
                continue
            for command in self._commands(resource):
                run(*command)
            if isinstance(resource, NftTable):
                text = f"table {resource.family} {resource.name} {{\n{resource.text}\n}}\n"
                run("ip", "netns", "exec", self._name(resource.ns), "nft", "-f", "-", text=text)
        for (ns, _table), lines in elements.items():
            run("ip", "netns", "exec", self._name(ns), "nft", "-f", "-", text="\n".join(lines) + "\n")

    def _name(self, ns: str) -> str:
        return os.path.basename(ns) or self._host

    def _commands(self, r: Resource) -> Iterator[tuple[str, ...]]:
        match r:
            case Netns():
                yield ("ip", "netns", "add", self._name(r.path))
                yield ("ip", "-n", self._name(r.path), "link", "set", "lo", "up")
            case Bridge():
                yield ("ip", "-n", self._name(r.ns), "link", "add", r.name, "address", r.mac,
                       "mtu", str(r.mtu), "type", "bridge")  # fmt: skip
                yield ("ip", "-n", self._name(r.ns), "link", "set", r.name, "up")
            case VethPair():
                yield from self._veth(r)
            case Sysctl():
                path = "/".join(part.replace("/", ".") for part in r.name.split("."))
                yield ("ip", "netns", "exec", self._name(r.ns), "sh", "-c",
                       f"echo {r.value} > /proc/sys/{path}")  # fmt: skip
            case Address():
                nodad = ("nodad",) if ":" in r.cidr else ()
                yield ("ip", "-n", self._name(r.ns), "addr", "add", r.cidr, "dev", r.device, *nodad)
            case Route():
                yield ("ip", "-n", self._name(r.ns), "route", "add", r.destination, "via", r.via,
                       "dev", r.device)  # fmt: skip

    def _veth(self, r: VethPair) -> Iterator[tuple[str, ...]]:
        near, far = self._name(r.ns), self._name(r.peer_ns)
        yield ("ip", "-n", near, "link", "add", r.name, "mtu", str(r.mtu), "type", "veth", "peer",
               "name", r.peer, "netns", far, "address", r.mac, "mtu", str(r.mtu))  # fmt: skip
        yield ("ip", "-n", near, "link", "set", r.name, "master", r.master, "up")
        yield ("ip", "netns", "exec", near, "bridge", "link", "set", "dev", r.name,
               "hairpin", _switch(r.hairpin), "isolated", _switch(r.isolated))  # fmt: skip
        yield ("ip", "-n", far, "link", "set", r.peer, "up")


def _switch(on: bool) -> str:
    return "on" if on else "off"
