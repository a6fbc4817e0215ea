"""A throw-away host with all the real hands, and commands run inside namespaces."""

import itertools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from seaway.datapath import netns
from seaway.datapath.forwards import ForwardHand
from seaway.datapath.ledger import Ledger
from seaway.datapath.netns import NetnsHand
from seaway.datapath.nft import NftHand
from seaway.datapath.reconcile import Operation
from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    Neighbour,
    Netns,
    NftElement,
    NftTable,
    Resource,
    Route,
    Sysctl,
    VethPair,
    Vxlan,
)
from seaway.datapath.rtnetlink import RtnetlinkHand
from seaway.datapath.sysctl import SysctlHand

TABLE = """
	set bridges { type ifname; }
	set icc { type ifname . ifname; }
	set nets { type ipv4_addr; flags interval; }
	map publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
	map publish6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname . oifname @icc counter accept comment "neighbours"
	}
"""

_numbers = itertools.count()


def inside(path: str, *command: str, check: bool = True) -> str:
    """What a command prints, run in the namespace at ``path``."""
    done = subprocess.run(
        ["nsenter", f"--net={path}", *command], capture_output=True, text=True, timeout=20, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def keys(operations: tuple[Operation, ...] | list[Operation]) -> set[tuple[str | int, ...]]:
    return {operation.resource.key for operation in operations}


@dataclass
class Ground:
    """A host in a namespace of its own at ``path``; sandboxes below ``boxes``; every hand there is."""

    root: Path = field(default_factory=lambda: Path(f"/run/swdp{os.getpid()}-{next(_numbers)}"))

    def __post_init__(self) -> None:
        self.path = str(self.root / "host")
        netns.create(self.path)
        self.links = RtnetlinkHand(self.path)
        self.forwards = ForwardHand(self.path)
        self.nft = NftHand(self.path)
        self.sysctls = SysctlHand(self.path)
        self.netns = NetnsHand(str(self.root / "boxes"))
        self.ledger = self.new_ledger()

    def new_ledger(self) -> Ledger:
        """A ledger that knows nothing, on the same hands."""
        links, nft = self.links, self.nft
        return Ledger(
            {
                Netns: self.netns,
                Bridge: links,
                Vxlan: links,
                VethPair: links,
                Forward: self.forwards,
                Neighbour: self.forwards,
                Address: links,
                Route: links,
                Sysctl: self.sysctls,
                NftTable: nft,
                NftElement: nft,
            }
        )

    def box(self, number: int) -> str:
        """The path of a sandbox."""
        return str(self.root / "boxes" / f"box{number}")

    def run(self, *command: str, check: bool = True) -> str:
        """A command on the host."""
        return inside(self.path, *command, check=check)

    def wants(self, *boxes: int) -> dict[str, tuple[Resource, ...]]:
        """A host with one bridge, both families, and sandboxes on it."""
        found: dict[str, tuple[Resource, ...]] = {
            "host": (NftTable("", "inet", "seaway", TABLE), Sysctl("", "net.ipv4.ip_forward", "1")),
            "net:1": (
                Bridge("", "br-one", 1450),
                Address("", "br-one", "172.30.0.1/16"),
                Address("", "br-one", "fd30::1/64"),
                NftElement("", "seaway", "bridges", '"br-one"'),
                Sysctl("", "net.ipv4.conf.br-one.route_localnet", "1"),
            ),
        }
        for number in boxes:
            found |= self.attach(number)
        return found

    def attach(self, number: int) -> dict[str, tuple[Resource, ...]]:
        """What one sandbox on the bridge wants."""
        box, low = self.box(number), number + 1
        return {
            f"box:{number}": (
                Netns(box),
                Route(box, "0.0.0.0/0", "eth0", "172.30.0.1"),
                Route(box, "::/0", "eth0", "fd30::1"),
                NftTable(box, "ip", "seaway-dns", "chain x { type filter hook output priority 0; }"),
                NftElement("", "seaway", "publish4", f"tcp . {8000 + number}", f"172.30.0.{low} . 80"),
            ),
            f"ep:{number}": (
                VethPair(
                    "",
                    f"veth{number}",
                    box,
                    "eth0",
                    1450,
                    f"02:42:ac:1e:00:{low:02x}",
                    "br-one",
                    hairpin=True,
                ),
                Sysctl(box, "net.ipv6.conf.eth0.disable_ipv6", "0"),
                Address(box, "eth0", f"172.30.0.{low}/16"),
                Address(box, "eth0", f"fd30::{low}/64"),
            ),
        }

    def everywhere(self, *boxes: int) -> list[str]:
        """The namespaces to read back."""
        return ["", *map(self.box, boxes)]

    def close(self) -> None:
        """Take everything away."""
        self.links.close()
        self.forwards.close()
        self.nft.close()
        for found in self.netns.read([]):
            netns.remove(found.path)
        netns.remove(self.path)
        for folder in (self.root / "boxes", self.root):
            if folder.is_dir():
                folder.rmdir()
