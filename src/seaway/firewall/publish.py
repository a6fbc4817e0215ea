"""Published ports as elements: one exact entry of a map for each, so that ten thousand cost what one does."""

from seaway.datapath.resources import HOST, NftElement
from seaway.firewall.wall import quoted
from seaway.model import Binding
from seaway.model.publish import ANY


def translate(binding: Binding, target: str, table: str) -> NftElement:
    """The NAT entry that leads a host port to ``target`` (an address of the binding's family)."""
    where = f"{binding.proto} . {binding.host_port}"
    name = f"publish{binding.family}"
    if binding.host_ip != ANY[binding.family]:
        name, where = f"{name}_at", f"{binding.host_ip} . {where}"
    return NftElement(ns=HOST, table=table, set=name, element=where, value=f"{target} . {binding.port}")


def opening(binding: Binding, target: str, device: str, table: str) -> NftElement:
    """The gap in a routed network's wall through which others reach a container's own port."""
    element = f"{quoted(device)} . {target} . {binding.proto} . {binding.port}"
    return NftElement(ns=HOST, table=table, set=f"open{binding.family}", element=element)


def udp_door(element: NftElement) -> tuple[str, int] | None:
    """The host address and UDP port of an entry of ``translate``; None for other entries."""
    parts = element.element.split(" . ")
    if not element.set.startswith("publish") or parts[-2] != "udp":
        return None
    every = ANY[6 if element.set.startswith("publish6") else 4]
    return (parts[0] if len(parts) == 3 else every), int(parts[-1])
