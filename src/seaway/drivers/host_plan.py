"""What must stand on the host itself, whatever networks there are: the firewall's frame and forwarding."""

from collections.abc import Iterator

from seaway.datapath.resources import HOST, NftElement, Resource, Sysctl
from seaway.firewall.frame import table
from seaway.model import Snapshot


def host(snapshot: Snapshot) -> Iterator[Resource]:
    """The frame of the table, and IPv4 forwarding unless the node leaves that to its owner.

    IPv6 forwarding is asked for by the networks that have IPv6. A host of a cluster lets no container send
    VXLAN packets.
    """
    node = snapshot.node
    yield table(node.table)
    if node.advertise:
        yield NftElement(ns=HOST, table=node.table, set="wire", element=f"udp . {node.vxlan_port}")
    if node.ip_forward:
        yield Sysctl(ns=HOST, name="net.ipv4.ip_forward", value="1")
