"""The vocabulary of plans: everything that can stand in the kernel, as frozen values.

A resource has a ``key`` (what it is: two resources with one key cannot both exist), a ``rank`` (a
lower rank is made earlier and removed later) and a hand that makes it (the table in hands.py).
Everything else about it is its state, and is compared for equality. ``ns`` is the path of the network
namespace a resource stands in; the empty string is the host's own.

Things born together are one resource: both ends of a veth pair, a namespace and its loopback.
"""

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

HOST = ""
"""The namespace the daemon was started in."""

Key: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Netns:
    """A named network namespace: a file at ``path`` on which it is mounted; its ``lo`` is up."""

    rank: ClassVar[int] = 0
    path: str

    @property
    def key(self) -> Key:
        """Its path."""
        return ("netns", self.path)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A Linux bridge, up. ``ours`` False: it must exist already; it is neither made nor removed."""

    rank: ClassVar[int] = 10
    ns: str
    name: str
    mtu: int = 1500
    mac: str = ""
    ours: bool = True

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return ("link", self.ns, self.name)


@dataclass(frozen=True, slots=True)
class Vxlan:
    """A VXLAN device, up: made in the host's namespace, where its UDP packets go, and moved to ``ns``.

    It learns nothing (``nolearning``), answers for neighbours it knows (``proxy``), sends from ``local`` and
    is a port of the bridge ``master`` that does not learn either. ``mtu`` is in bytes, of the inner frames.
    MTU and master change in place; for another ``vni``, ``local`` or ``port`` it is made anew.
    """

    rank: ClassVar[int] = 15
    ns: str
    name: str
    vni: int
    local: str
    port: int
    mtu: int
    master: str

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return ("link", self.ns, self.name)


@dataclass(frozen=True, slots=True)
class Forward:
    """Where frames for a MAC address go: out of VXLAN device ``device`` to the VTEP ``to``.

    Two entries of the kernel, born together: the device's own (``bridge fdb … self permanent dst``), and
    the bridge's that leads to the device (``… master static``), so that nothing is flooded.
    """

    rank: ClassVar[int] = 45
    ns: str
    device: str
    mac: str
    to: str

    @property
    def key(self) -> Key:
        """Namespace, device and MAC address."""
        return ("forward", self.ns, self.device, self.mac)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A permanent neighbour entry: ``address`` on ``device`` has ``mac`` (ARP for IPv4, ND for IPv6).

    When it is made or changed, that is told to all on the segment of ``announce`` (a bridge in the same
    namespace; empty: to nobody) by a gratuitous ARP or an unsolicited neighbour advertisement: whoever is
    asking or knows an older MAC address follows at once.
    """

    rank: ClassVar[int] = 46
    ns: str
    device: str
    address: str
    mac: str
    announce: str = field(default="", compare=False)

    @property
    def key(self) -> Key:
        """Namespace, device and address."""
        return ("neighbour", self.ns, self.device, self.address)


@dataclass(frozen=True, slots=True)
class VethPair:
    """Both ends of a veth pair, up: ``name`` in ``ns`` (on bridge ``master``), ``peer`` in ``peer_ns``.

    ``hairpin`` and ``isolated`` are bridge port flags of ``name`` (``bridge -d link``). ``mac`` is the
    peer's address. ``mtu`` is in bytes, of both ends. MTU, MAC, master and flags change in place.
    """

    rank: ClassVar[int] = 20
    ns: str
    name: str
    peer_ns: str
    peer: str
    mtu: int
    mac: str
    master: str = ""
    hairpin: bool = False
    isolated: bool = False

    @property
    def key(self) -> Key:
        """Namespace and name of the first end."""
        return ("link", self.ns, self.name)


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel parameter below ``net``: ``name`` with dots as sysctl(8) has it; a ``/`` in it stands for
    a dot in a device's name. It keeps its value when the resource goes away. ``optional``: a kernel that
    does not have it is fine."""

    rank: ClassVar[int] = 30
    ns: str
    name: str
    value: str
    optional: bool = False

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return ("sysctl", self.ns, self.name)


@dataclass(frozen=True, slots=True)
class Address:
    """An address (``address/prefix``) on a device. IPv6 ones are set without duplicate detection."""

    rank: ClassVar[int] = 40
    ns: str
    device: str
    cidr: str

    @property
    def key(self) -> Key:
        """Namespace, device and address with prefix."""
        return ("address", self.ns, self.device, self.cidr)


@dataclass(frozen=True, slots=True)
class Route:
    """A route in the main table: ``destination`` is a CIDR (``0.0.0.0/0``, ``::/0`` for the default).

    ``via`` is the gateway's address, or empty for a device route.
    """

    rank: ClassVar[int] = 50
    ns: str
    destination: str
    device: str
    via: str = ""

    @property
    def key(self) -> Key:
        """Namespace and destination: one route to a destination."""
        return ("route", self.ns, self.destination)


@dataclass(frozen=True, slots=True)
class NftTable:
    """An nftables table as one text: sets, maps, chains and rules, but no elements of ours.

    ``text`` is what stands between ``table <family> <name> {`` and ``}``. Writing it replaces the
    table with all its elements in the same transaction.
    """

    rank: ClassVar[int] = 60
    ns: str
    family: str
    name: str
    text: str = field(repr=False)

    @property
    def key(self) -> Key:
        """Namespace, family and name."""
        return ("nft-table", self.ns, self.family, self.name)


@dataclass(frozen=True, slots=True)
class NftElement:
    """One element of a set (``value`` empty) or of a map, of a table of ours in the host's namespace.

    ``element`` and ``value`` are in nft's own notation, parts of a concatenation separated by `` . ``:
    ``tcp . 5001`` and ``172.17.0.2 . 80``; interface names in double quotes.
    """

    rank: ClassVar[int] = 70
    ns: str
    table: str
    set: str
    element: str
    value: str = ""

    @property
    def key(self) -> Key:
        """Namespace, table, set and element."""
        return ("nft-element", self.ns, self.table, self.set, self.element)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host port held by a socket of ours (bound, not listening), so that nobody else can take it."""

    rank: ClassVar[int] = 55
    ns: str
    proto: str
    host_ip: str
    host_port: int

    @property
    def key(self) -> Key:
        """Protocol, address and port."""
        return ("host-port", self.ns, self.proto, self.host_ip, self.host_port)


@dataclass(frozen=True, slots=True)
class Relay:
    """A user-space relay, where NAT cannot serve: the host's ``::`` to a sandbox without IPv6, and ``::1``.

    It holds the host port as HostPort does, and passes what arrives there to ``target``/``port``.
    """

    rank: ClassVar[int] = 56
    ns: str
    proto: str
    host_ip: str
    host_port: int
    target: str
    port: int

    @property
    def key(self) -> Key:
        """As the HostPort it stands in for: the two exclude each other."""
        return ("host-port", self.ns, self.proto, self.host_ip, self.host_port)


@dataclass(frozen=True, slots=True)
class Resolver:
    """The embedded DNS of one sandbox: sockets in ``ns``, answers by the zone of ``sandbox``."""

    rank: ClassVar[int] = 80
    ns: str
    sandbox: str

    @property
    def key(self) -> Key:
        """Its namespace."""
        return ("resolver", self.ns)


Resource: TypeAlias = (
    Netns | Bridge | Vxlan | VethPair | Sysctl | Address | Forward | Neighbour | Route
    | NftTable | NftElement | HostPort | Relay | Resolver
)  # fmt: skip
