"""Every naming rule: IDs, device names, MAC addresses, and the marks by which we know our own.

Device names are Docker's, so that people's eyes and scripts work. Whatever we make wears a mark that
Docker's own do not have (a link group, a route protocol, an nft table), so that what is not ours is
never touched.
"""

from ipaddress import ip_address

LINK_GROUP = 0x5EA0
"""Link group of every device Seaway makes (``ip link show group 24224``)."""

ROUTE_PROTOCOL = 158
"""Route protocol number of every route Seaway makes (``ip route show proto 158``)."""

TABLE = "seaway"
"""Name of the one nftables table, family ``inet``, in the host's namespace."""

RESOLVER_ADDRESS = "127.0.0.11"
"""Where containers on user-defined networks find the embedded DNS (Docker's address)."""

RESOLVER_PORT = 61053
"""Port the resolver really listens on inside a sandbox; port 53 is redirected to it.

Not 53 itself, so that a container may run a DNS server on 0.0.0.0:53.
"""

DEFAULT_BRIDGES = ("docker0", "seaway0")
"""Names tried for the default bridge, in this order."""

VNIS = (256, 2**24 - 1)
"""Lowest and highest VXLAN network identifier that is given out (Docker 1.12; before, up to 1000)."""

VXLAN_PORT = 4789
"""UDP port of VXLAN (RFC 7348, IANA)."""

SHORT = 12
"""Digits of a shortened ID."""


def short(identity: str) -> str:
    """The first 12 digits of an ID, as Docker shows it."""
    return identity[:SHORT]


def bridge_device(network_id: str) -> str:
    """Device name of a user-defined bridge: ``br-`` and 12 digits (15 characters, the kernel's limit)."""
    return f"br-{network_id[:SHORT]}"


def veth_device(endpoint_id: str) -> str:
    """Host end of an endpoint's veth pair: ``veth`` and 7 digits, as Docker has it."""
    return f"veth{endpoint_id[:7]}"


def overlay_bridge(vni: int, network_id: str) -> str:
    """Device name of an overlay segment's bridge, in the network's hidden namespace: ``ov-000100-1de98``."""
    return f"ov-{vni:06x}-{network_id[:5]}"


def overlay_vxlan(vni: int, network_id: str) -> str:
    """Device name of an overlay segment's VXLAN device: ``vx-000100-1de98``."""
    return f"vx-{vni:06x}-{network_id[:5]}"


def hidden_namespace(rooms: str, network_id: str) -> str:
    """Path of an overlay network's hidden namespace; ``1-`` and 10 digits, as Docker has it."""
    return f"{rooms}/1-{network_id[:10]}"


def mac_of(address: str, endpoint_id: str) -> str:
    """A locally administered unicast MAC address for an endpoint.

    ``02:42`` and the four bytes of an IPv4 address, as Docker's up to 27 and its overlay; for an
    endpoint with no IPv4 address, ``02:43`` and four bytes of the endpoint's ID.
    """
    if address and ":" not in address:
        tail = ip_address(address.partition("/")[0]).packed
        return "02:42:" + ":".join(f"{b:02x}" for b in tail)
    return "02:43:" + ":".join(endpoint_id[i : i + 2] for i in range(0, 8, 2))
