"""What must stand on the host itself, whatever networks there are: the firewall's frame and forwarding."""

from collections.abc import Iterator

from seaway.datapath.resources import HOST, Resource, Sysctl
from seaway.firewall.frame import table
from seaway.model import Snapshot


def host(snapshot: Snapshot) -> Iterator[Resource]:
    """The frame of the table, and IPv4 forwarding unless the node leaves that to its owner.

    IPv6 forwarding is asked for by the networks that have IPv6.
    """
    yield table(snapshot.node.table)
    if snapshot.node.ip_forward:
        yield Sysctl(ns=HOST, name="net.ipv4.ip_forward", value="1")
