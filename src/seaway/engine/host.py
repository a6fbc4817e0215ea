"""What this host is: its routes, its uplink's MTU, its name servers. Read when asked, never kept."""

import array
import fcntl
import ipaddress
import os
import socket
import struct
from pathlib import Path

SIOCGIFMTU = 0x8921
DEFAULT_MTU = 1500


def routes() -> list[str]:
    """Destinations of the host's routes as CIDR text, default routes left out."""
    return [*_routes4(), *_routes6()]


def _routes4() -> list[str]:
    found = []
    for line in _lines("/proc/self/net/route")[1:]:
        fields = line.split()
        net = socket.inet_ntoa(struct.pack("=I", int(fields[1], 16)))
        mask = socket.inet_ntoa(struct.pack("=I", int(fields[7], 16)))
        if mask != "0.0.0.0":
            found.append(str(ipaddress.ip_network(f"{net}/{mask}", strict=False)))
    return found


def _routes6() -> list[str]:
    found = []
    for line in _lines("/proc/self/net/ipv6_route"):
        fields = line.split()
        length = int(fields[1], 16)
        address = ipaddress.IPv6Address(int(fields[0], 16))
        if 0 < length < 128 and not address.is_link_local and not address.is_multicast:
            found.append(f"{address}/{length}")
    return found


def devices() -> list[str]:
    """Names of the host's network devices."""
    return [name for _index, name in socket.if_nameindex()]


def uplink() -> str:
    """The device of the default route; empty when there is none."""
    for line in _lines("/proc/self/net/route")[1:]:
        fields = line.split()
        if fields[1] == "00000000" and fields[7] == "00000000":
            return fields[0]
    for line in _lines("/proc/self/net/ipv6_route"):
        fields = line.split()
        if fields[1] == "00" and fields[9] != "lo":
            return fields[9]
    return ""


def device_mtu(device: str) -> int:
    """MTU of a device in bytes; asked by ioctl, since /sys may show another namespace's devices."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        answer = fcntl.ioctl(probe, SIOCGIFMTU, struct.pack("16sI", device.encode(), 0))
    return int(struct.unpack("16sI", answer)[1])


def uplink_mtu() -> int:
    """MTU of the uplink in bytes, 1500 when there is no uplink."""
    device = uplink()
    try:
        return device_mtu(device) if device else DEFAULT_MTU
    except OSError:
        return DEFAULT_MTU


def name_servers() -> str:
    """The host's resolv.conf as text; empty when there is none."""
    try:
        return Path("/etc/resolv.conf").read_text(errors="replace")
    except OSError:
        return ""


def memory() -> int:
    """Bytes of memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def operating_system() -> str:
    """PRETTY_NAME of os-release, or ``Linux``."""
    for line in _lines("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return "Linux"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B


def address_of(device: str) -> str:
    """The first IPv4 address of a device as ``address/prefix``; empty when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        name = struct.pack("256s", device.encode()[:15])
        try:
            address = socket.inet_ntoa(fcntl.ioctl(probe, SIOCGIFADDR, name)[20:24])
            mask = socket.inet_ntoa(fcntl.ioctl(probe, SIOCGIFNETMASK, name)[20:24])
        except OSError:
            return ""
    return f"{address}/{ipaddress.ip_network(f'0.0.0.0/{mask}').prefixlen}"


SIOCGIFCONF = 0x8912
IFREQ = 40
IFA_F_TEMPORARY, IFA_F_DADFAILED = 0x01, 0x08


def addresses() -> list[tuple[str, str, int]]:
    """The host's addresses as (device, address, MTU of the device), by device; IPv4 before IPv6.

    What bears an address of ``lo`` travels through the uplink, so the MTU is the uplink's.
    """
    order = {name: index for index, name in socket.if_nameindex()}
    found = sorted([*_addresses4(), *_addresses6()], key=lambda pair: order.get(pair[0], 0))
    mtus = {device: uplink_mtu() if device == "lo" else _mtu_or_usual(device) for device, _ in found}
    return [(device, address, mtus[device]) for device, address in found]


def _addresses4() -> list[tuple[str, str]]:
    """All of them, secondary ones too. A label such as ``eth0:1`` is an address's, not a device's name."""
    size = 64 * IFREQ
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        while True:
            room = array.array("B", bytes(size))
            start, _ = room.buffer_info()
            answer = fcntl.ioctl(probe, SIOCGIFCONF, struct.pack("iP", size, start))
            filled = struct.unpack("iP", answer)[0]
            if filled <= size - IFREQ:  # else there may be more than fits
                break
            size *= 4
    entries = (room[at : at + IFREQ].tobytes() for at in range(0, filled, IFREQ))
    return [(e[:16].split(b"\0")[0].decode().partition(":")[0], socket.inet_ntoa(e[20:24])) for e in entries]


def _addresses6() -> list[tuple[str, str]]:
    """Those that can be used, temporary ones last."""
    found = []
    for line in _lines("/proc/self/net/if_inet6"):
        text, _index, _length, _scope, flags, device = line.split()
        if not int(flags, 16) & IFA_F_DADFAILED:
            address = str(ipaddress.IPv6Address(int(text, 16)))
            found.append((int(flags, 16) & IFA_F_TEMPORARY, device, address))
    return [(device, address) for _, device, address in sorted(found, key=lambda one: one[0])]


def _mtu_or_usual(device: str) -> int:
    try:
        return device_mtu(device)
    except OSError:  # gone meanwhile
        return DEFAULT_MTU
