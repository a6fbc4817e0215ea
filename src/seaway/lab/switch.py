"""The virtual switch: a bridge on a machine of its own, which is the router too; a port for each machine."""

import json
from pathlib import Path

from seaway.errors import Failure
from seaway.lab import process
from seaway.lab.machine import Machine
from seaway.lab.plan import INTERNET, LAN, ROUTER, Place

BRIDGE = "br0"

CUTS = {"down": "ip link set {port} down", "silent": "bridge link set dev {port} state 0"}
"""How a port is cut off: so that the machine sees its cable pulled, or so that it sees nothing."""

_HEAL = """
ip link set {port} up
for try in 1 2 3 4 5 6 7 8 9 10; do bridge link set dev {port} state 3 2>&- && exit; sleep 0.05; done
bridge link set dev {port} state 3
"""
"""The bridge refuses a state until the link's carrier has been noticed."""

_ADDRESSES = """
ip link set lo up; ip link add {bridge} type bridge forward_delay 0 mcast_snooping 0; ip link set {bridge} up
ip addr add {four}.{router}/24 dev {bridge}; ip addr add {six}:{router}/64 dev {bridge} nodad
ip addr add {internet}/32 dev lo; ip addr add {internet6}/128 dev lo
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
"""

_PLUGGED = """
ip link set lo up
ip addr add {p.address}/24 brd + dev eth0; ip addr add {p.address6}/64 dev eth0 nodad
ip link set eth0 up
ip route add default via {four}.{router}; ip -6 route add default via {six}:{router}
"""


class Switch(Machine):
    """Ports carry the names of the machines behind them."""

    def __init__(self, folder: Path, ephemeral: bool = False) -> None:
        super().__init__("switch", folder, ephemeral=ephemeral)

    def boot(self) -> None:
        """Switch it on: an empty bridge, the router's addresses, the world outside."""
        super().boot()
        four, six = LAN
        names = {"bridge": BRIDGE, "four": four, "six": six, "router": ROUTER}
        self.sh("set -e;" + _ADDRESSES.format(**names, internet=INTERNET[0], internet6=INTERNET[1]))

    def plug(self, machine: Machine, place: Place, mtu: int) -> None:
        """Give a machine ``eth0`` with its address, and default routes through the router."""
        end = ["peer", "name", "eth0", "address", place.mac, "mtu", str(mtu), "netns", str(machine.pid)]
        wire = ["nsenter", "-t", str(self.pid), "-n", "ip", "link", "add", place.name, "mtu", str(mtu)]
        argv = [*wire, "type", "veth", *end]
        process.checked("switch", argv, process.run(argv, self.env))
        self.sh(f"ip link set {place.name} master {BRIDGE} up")
        machine.sh("set -e;" + _PLUGGED.format(p=place, four=LAN[0], six=LAN[1], router=ROUTER))

    def unplug(self, port: str) -> None:
        """Take a port away; the kernel would do it a moment after its machine has ended."""
        self.sh(f"ip link del {port} 2>&-", check=False)

    def ports(self) -> dict[str, str]:
        """Each port's state: ``connected``, ``down`` or ``silent``."""
        shown = json.loads(self.run("ip", "-j", "-d", "link", "show", "master", BRIDGE).out or "[]")
        found = {}
        for link in shown:
            up = "UP" in link["flags"]
            state = link.get("linkinfo", {}).get("info_slave_data", {}).get("state", "")
            found[link["ifname"]] = "down" if not up else "silent" if state == "disabled" else "connected"
        return found

    def cut(self, port: str, how: str = "down") -> None:
        """Cut a port off, as one row of ``CUTS`` says; one that is cut off already changes its way."""
        self.heal(port)
        self.sh(CUTS[how].format(port=port))

    def heal(self, port: str) -> None:
        """Connect a port again."""
        done = self.sh(_HEAL.format(port=port), check=False)
        if done.code:
            raise Failure(f"port {port} of the switch does not come up: {done.text.strip()}")
