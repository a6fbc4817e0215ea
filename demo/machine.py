"""A throw-away machine, as the lab has them, and a little LAN to wire it to.

Nothing gets a name outside, so nothing can be left behind: when the init process ends, the kernel
takes all processes, mounts, devices and rules of the machine with it. The init process ends with
whoever started it.
"""

import subprocess
from pathlib import Path

from seaway.lab import machine as lab
from seaway.lab.process import CommandFailed, Result

__all__ = ["INTERNET", "LAN", "PEER", "CommandFailed", "Lan", "Machine", "Result"]

INTERNET = ("203.0.113.1", "2001:db8:113::1")
"""Addresses behind the LAN's router: the world outside."""

LAN = ("192.168.1", "fd00:c0a8:1:")
"""Prefixes of the LAN; a machine's number follows."""

PEER = 18
"""Number of the LAN's own machine, which is switch, router and neighbour in one."""


class Machine(lab.Machine):
    """Namespaces of its own, up from the start; ``root`` is its folder outside."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root, ephemeral=True)
        self.prepare(resolver=f"{LAN[0]}.{PEER}")
        self.boot()

    def close(self) -> None:
        """End the machine and all that is in it."""
        self.kill()


class Lan(Machine):
    """The LAN: a switch whose own machine is router and neighbour (192.168.1.18), and the world behind it."""

    def __init__(self, root: Path) -> None:
        super().__init__("lan", root)
        four, six = LAN
        self.sh(
            "ip link set lo up; ip link add br0 type bridge forward_delay 0; ip link set br0 up;"
            f"ip addr add {four}.{PEER}/24 dev br0; ip addr add {six}:{PEER}/64 dev br0 nodad;"
            f"ip addr add {INTERNET[0]}/32 dev lo; ip addr add {INTERNET[1]}/128 dev lo"
        )

    def plug(self, machine: Machine, number: int, mtu: int = 1500) -> None:
        """Give a machine ``eth0`` on this LAN: 192.168.1.<number>, default routes through the router."""
        four, six = LAN
        port = f"p{number}"
        wire = ["nsenter", "-t", str(self.pid), "-n", "ip", "link", "add", port, "mtu", str(mtu)]
        wire += ["type", "veth", "peer", "name", "eth0", "mtu", str(mtu), "netns", str(machine.pid)]
        subprocess.run(wire, check=True)
        self.sh(f"ip link set {port} master br0 up")
        machine.sh(
            "ip link set lo up;"
            f"ip addr add {four}.{number}/24 brd + dev eth0; ip addr add {six}:{number}/64 dev eth0 nodad;"
            f"ip link set eth0 up; ip route add default via {four}.{PEER};"
            f"ip -6 route add default via {six}:{PEER}"
        )
