"""The node: this host, as far as plans depend on it."""

from msgspec import Struct


class Node(Struct, frozen=True, kw_only=True):
    """What a plan needs to know about the host it is for.

    ``namespace`` is the path of the host's network namespace; the empty string is the one the daemon
    itself runs in. ``mtu`` is the uplink's, in bytes. ``table`` is the nftables table's name.

    The rest is for networks of a cluster: ``id`` is this node's in it; ``advertise`` the address its VXLAN
    packets bear, of a device with ``advertise_mtu``; ``vxlan_port`` the UDP port; ``rooms`` the directory
    where hidden namespaces are mounted.
    """

    name: str = ""
    namespace: str = ""
    mtu: int = 1500
    table: str = "seaway"
    userland_proxy: bool = True
    ip_forward: bool = True
    ip_masq: bool = True
    id: str = ""
    advertise: str = ""
    advertise_mtu: int = 1500
    vxlan_port: int = 4789
    rooms: str = "/run/seaway/netns"
