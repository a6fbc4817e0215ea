"""What the kernel says about ports: which it gives out by itself, which are reserved, which are in use."""

import socket
from pathlib import Path

IPPROTO_SCTP = 132
SYSCTLS = Path("/proc/sys/net/ipv4")
FALLBACK = range(49153, 65536)
"""Docker's, for when the kernel does not tell."""
SOCKETS = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}


def ephemeral_range() -> range:
    """The ports the kernel gives out by itself (``ip_local_port_range``), else 49153 to 65535."""
    try:
        low, high = map(int, (SYSCTLS / "ip_local_port_range").read_text().split())
    except (OSError, ValueError):
        return FALLBACK
    return range(low, high + 1)


def reserved_ports() -> frozenset[int]:
    """The ports the administrator keeps out of that range (``ip_local_reserved_ports``)."""
    try:
        text = (SYSCTLS / "ip_local_reserved_ports").read_text().strip()
    except OSError:
        return frozenset()
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


def ports_in_use() -> frozenset[tuple[str, int]]:
    """(protocol, port) of every socket that is bound in this namespace; a guess that can be out of date."""
    found: set[tuple[str, int]] = set()
    for proto, files in SOCKETS.items():
        for name in files:
            try:
                lines = Path("/proc/thread-self/net", name).read_text().splitlines()[1:]
            except OSError:
                continue
            found.update((proto, int(line.split(None, 2)[1].rpartition(":")[2], 16)) for line in lines)
    return frozenset(found)


def families() -> tuple[int, ...]:
    """The address families this kernel has: a host started without IPv6 publishes on IPv4 alone."""
    return (4, 6) if Path("/proc/thread-self/net/if_inet6").exists() else (4,)


def sctp_supported() -> bool:
    """Whether this kernel can have SCTP sockets."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
    except OSError:
        return False
    return True
