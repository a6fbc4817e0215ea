"""What several drivers share: options parsed once, a network's gateways, and plans of nothing."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias, TypeVar

from seaway.datapath.resources import Resource
from seaway.errors import InvalidInput
from seaway.firewall.wall import MODES
from seaway.model import Endpoint, Network, Pool, Remote, Snapshot

PREFIX = "com.docker.network."
BRIDGE = PREFIX + "bridge."
MTU = PREFIX + "driver.mtu"
IFACE_PREFIX = PREFIX + "container_iface_prefix"
INTERFACE = re.compile(r"[^/\s:]{1,15}")
"""What the kernel takes as an interface's name."""
AUX_GATEWAY = {4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6"}
"""Docker's ``--aux-address`` names for a gateway that is not the bridge."""
TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")

NO_WAY_OUT = frozenset({"overlay"})
"""Kinds of network whose gateways lead to their own other subnets only, never out."""

T = TypeVar("T")

Options: TypeAlias = Mapping[str, tuple[str, Callable[[str], object]]]
"""The options a driver knows: the field each is for (empty: only checked), and how its text is read."""


class Nothing:
    """The plans of a driver that wants nothing: drivers begin here and say what they do want."""

    def network(self, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """Nothing."""
        return ()

    def endpoint(self, endpoint: Endpoint, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """Nothing."""
        return ()

    def remote(self, remote: Remote, network: Network, snapshot: Snapshot) -> Iterable[Resource]:
        """Nothing."""
        return ()

    def rooms(self, network: Network, snapshot: Snapshot) -> Iterable[str]:
        """None."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """A bridge network's options, typed. ``mtu`` 0 means the uplink's; empty text means unset."""

    name: str = ""
    icc: bool = True
    masquerade: bool = True
    inhibit_ipv4: bool = False
    default_bridge: bool = False
    mode4: str = MODES[0]
    mode6: str = MODES[0]
    host_binding: str = ""
    trusted: tuple[str, ...] = ()
    mtu: int = 0
    prefix: str = "eth"
    source4: str = ""
    source6: str = ""

    @staticmethod
    def parse(options: Mapping[str, str]) -> "BridgeOptions":
        """Options typed. Raises InvalidInput with the option, its value and what is allowed.

        Keys outside ``com.docker.network.bridge.`` that nobody knows are kept and have no effect, as in
        Docker; inside it they are refused, because there a slip of the pen would open or close a wall.
        """
        return BridgeOptions(**typed(options, _OPTIONS, "bridge", BRIDGE))  # type: ignore[arg-type]

    def mode(self, family: int) -> str:
        """The gateway mode of a family (4 or 6)."""
        return self.mode6 if family == 6 else self.mode4

    def source(self, family: int) -> str:
        """The address sources are translated to, or empty."""
        return self.source6 if family == 6 else self.source4


def typed(options: Mapping[str, str], known: Options, kind: str, own: str) -> dict[str, object]:
    """Fields and values of the options a kind of network knows. Raises InvalidInput.

    Unknown ones are refused when they begin with ``own``, and else let pass.
    """
    found = {}
    for key, value in options.items():
        if key in known:
            field, read = known[key]
            found[field] = _read(key, value, read)
        elif key.startswith(own):
            names = ", ".join(sorted(known))
            raise InvalidInput(f"unknown option {key}={value} of the {kind} driver; known are: {names}")
    found.pop("", None)
    return found


def gateway(network: Network, family: int) -> str:
    """The address containers of a network use as their gateway in a family; empty when they have none."""
    pool = pool_of(network, family)
    if pool is None or network.internal or network.driver in NO_WAY_OUT:
        return ""
    return pool.aux.get(AUX_GATEWAY[family]) or pool.gateway


def pool_of(network: Network, family: int) -> Pool | None:
    """The network's pool of a family."""
    return next((p for p in network.pools if p.family == family), None)


def sysctl_device(device: str) -> str:
    """A device's name as part of a sysctl's: dots become slashes, as sysctl(8) has it."""
    return device.replace(".", "/")


def _read(key: str, value: str, read: Callable[[str], T]) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise InvalidInput(f"failed to parse {key} value: {value} ({error})") from error


def truth(value: str) -> bool:
    """True or false, as Docker reads them. Raises ValueError."""
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ValueError("allowed are true and false")


def _mode(value: str) -> str:
    if value and value not in MODES:
        raise ValueError(f"unknown gateway mode {value}; allowed are {', '.join(MODES)}")
    return value or MODES[0]


def mtu(value: str) -> int:
    """A size of packets in bytes, 0 for the usual. Raises ValueError."""
    if not value.isdecimal() or not (int(value) == 0 or 68 <= int(value) <= 65535):
        raise ValueError(f"invalid MTU number: {value}; allowed are 68 to 65535, and 0 for the uplink's")
    return int(value)


def _interface(value: str) -> str:
    if value and (not INTERFACE.fullmatch(value) or value in (".", "..")):
        raise ValueError("an interface's name has 1 to 15 characters, no blank, no '/' and no ':'")
    return value


def ifname_prefix(value: str) -> str:
    """What interfaces' names begin with inside containers. Raises ValueError."""
    if len(value) > 12:
        raise ValueError("a prefix has at most 12 characters, so that a number fits behind it")
    return _interface(value) or "eth"


def _interfaces(value: str) -> tuple[str, ...]:
    return tuple(_interface(part) for part in value.split(":") if part)


def _address4(value: str) -> str:
    return str(IPv4Address(value)) if value else ""


def _address6(value: str) -> str:
    return str(IPv6Address(value)) if value else ""


def _address(value: str) -> str:
    return _address6(value) if ":" in value else _address4(value)


_OPTIONS: Options = {
    BRIDGE + "name": ("name", _interface),
    BRIDGE + "enable_icc": ("icc", truth),
    BRIDGE + "enable_ip_masquerade": ("masquerade", truth),
    BRIDGE + "host_binding_ipv4": ("host_binding", _address),
    BRIDGE + "inhibit_ipv4": ("inhibit_ipv4", truth),
    BRIDGE + "gateway_mode_ipv4": ("mode4", _mode),
    BRIDGE + "gateway_mode_ipv6": ("mode6", _mode),
    BRIDGE + "trusted_host_interfaces": ("trusted", _interfaces),
    BRIDGE + "default_bridge": ("default_bridge", truth),
    MTU: ("mtu", mtu),
    IFACE_PREFIX: ("prefix", ifname_prefix),
    PREFIX + "host_ipv4": ("source4", _address4),
    PREFIX + "host_ipv6": ("source6", _address6),
    PREFIX + "enable_ipv4": ("", truth),
    PREFIX + "enable_ipv6": ("", truth),
}
