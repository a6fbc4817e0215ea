"""Addresses and routes: what of them is ours, and the requests that make and remove them."""

import errno
import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import Any

from seaway.datapath.resources import HOST, Address, Route
from seaway.datapath.rtnetlink_links import link
from seaway.datapath.rtnetlink_wire import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_GETADDR,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    Denied,
    Request,
    Wire,
)
from seaway.model.names import ROUTE_PROTOCOL

_MAIN = 254
_KERNEL = 2
_UNICAST = 1
_SCOPE_LINK = 253
_NO_DETECTION = 0x02
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT)


def addresses(
    wire: Wire, ns: str, names: Mapping[int, str], *, ours: bool = True, whole: bool = True
) -> list[Address]:
    """Addresses that wear our mark (the protocol number), or all of them. ``names`` by link number.

    One of ours without the kernel's route to its neighbours is half an address, and ``whole`` leaves it out.
    """
    found = []
    near = set(_neighbourhoods(wire)) if whole else set()
    for message in wire.dump(Request(RTM_GETADDR, {"family": socket.AF_UNSPEC})):
        attributes = dict(message["attrs"])
        marked = attributes.get("IFA_PROTO") == ROUTE_PROTOCOL
        if ours and not marked:
            continue
        text = attributes.get("IFA_LOCAL") or attributes.get("IFA_ADDRESS")
        device = names.get(message["index"])
        if not text or not device:
            continue
        address = Address(ns, device, f"{text}/{message['prefixlen']}")
        if not (whole and marked and _cut_off(wire, address, message["index"], near)):
            found.append(address)
    return found


def make_address(wire: Wire, address: Address) -> None:
    """Add an address; one that is there already, whoever put it there, will do. Raises Denied."""
    index = _device(wire, address.device)
    interface = ip_interface(address.cidr)
    fields = _address_fields(address, index)
    attributes: list[tuple[str, Any]] = [
        ("IFA_LOCAL", str(interface.ip)),
        ("IFA_ADDRESS", str(interface.ip)),
        ("IFA_PROTO", ROUTE_PROTOCOL),
    ]
    if interface.version == 4:
        fields["scope"] = _SCOPE_LINK if interface.ip.is_link_local else 0
        if interface.network.prefixlen < 31:
            attributes.append(("IFA_BROADCAST", str(interface.network.broadcast_address)))
    else:
        fields["flags"] = _NO_DETECTION
    request = Request(RTM_NEWADDR, fields, attributes, NLM_F_CREATE | NLM_F_EXCL)
    (denied,) = wire.send([request])
    if denied is None:
        return
    if denied.errno != errno.EEXIST:
        raise denied
    if interface.version == 6 and not has_address(wire, address):
        _replace_prefix(wire, address, index, request)
    if _cut_off(wire, address, index, set(_neighbourhoods(wire))):
        wire.do(_route_to_neighbours(interface, index))


def _cut_off(wire: Wire, address: Address, index: int, near: set[tuple[str, int]]) -> bool:
    """Whether the route to the neighbours is missing; a link that is down has none, and gets it when up."""
    if _neighbourhood(address.cidr, index) <= near:
        return False
    found = link(wire, address.device)
    return found is not None and found.up


def _neighbourhood(cidr: str, index: int) -> set[tuple[str, int]]:
    """The prefix and link of the route that the kernel adds with an address; none for IPv6 and for /32."""
    interface = ip_interface(cidr)
    if interface.version == 6 or interface.network.prefixlen == 32:
        return set()
    return {(str(interface.network), index)}


def _neighbourhoods(wire: Wire) -> Iterator[tuple[str, int]]:
    """Prefix and link of each IPv4 route that the kernel added by itself."""
    for message in _dump_routes(wire, {"family": socket.AF_INET, "table": _MAIN, "proto": _KERNEL}):
        attributes = dict(message["attrs"])
        if message["proto"] == _KERNEL and message["table"] == _MAIN and "RTA_DST" in attributes:
            yield f"{attributes['RTA_DST']}/{message['dst_len']}", attributes.get("RTA_OIF", 0)


def _route_to_neighbours(interface: IPv4Interface | IPv6Interface, index: int) -> Request:
    """The request that makes the route just as the kernel would have."""
    fields = {
        "family": socket.AF_INET,
        "dst_len": interface.network.prefixlen,
        "table": _MAIN,
        "proto": _KERNEL,
        "type": _UNICAST,
        "scope": _SCOPE_LINK,
    }
    attributes: list[tuple[str, Any]] = [
        ("RTA_DST", str(interface.network.network_address)),
        ("RTA_OIF", index),
        ("RTA_PREFSRC", str(interface.ip)),
    ]
    return Request(RTM_NEWROUTE, fields, attributes, NLM_F_CREATE)


def has_address(wire: Wire, address: Address) -> bool:
    """Whether the address stands on the device, ours or not; ours with its route."""
    index = wire.index(address.device)
    return index > 0 and address in addresses(wire, address.ns, {index: address.device}, ours=False)


def remove_address(wire: Wire, address: Address) -> None:
    """Remove an address of ours; what is gone, or is not ours, stays so. Raises Denied."""
    index = wire.index(address.device)
    if index and address in addresses(wire, address.ns, {index: address.device}, whole=False):
        _delete_address(wire, address, index)


def routes(wire: Wire, ns: str, names: Mapping[int, str], *, ours: bool = True) -> list[Route]:
    """Unicast routes of the main table that wear our mark (the protocol number), or all of them."""
    return [
        Route(ns, destination, names[device], via)
        for destination, device, via in _routes(wire, ours=ours)
        if device in names
    ]


def _routes(wire: Wire, *, ours: bool) -> Iterator[tuple[str, int, str]]:
    fields = {"table": _MAIN, "proto": ROUTE_PROTOCOL} if ours else {"table": _MAIN}
    for family, anywhere in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
        for message in _dump_routes(wire, {"family": family, **fields}):
            attributes = dict(message["attrs"])
            if message["type"] != _UNICAST or message["table"] != _MAIN:
                continue
            if ours and message["proto"] != ROUTE_PROTOCOL:
                continue
            text = attributes.get("RTA_DST")
            destination = f"{text}/{message['dst_len']}" if text else anywhere
            yield destination, attributes.get("RTA_OIF", 0), attributes.get("RTA_GATEWAY", "")


def make_route(wire: Wire, route: Route) -> None:
    """Add a route, or alter ours. On the host somebody else's is never altered. Raises Denied."""
    index = _device(wire, route.device)
    fields, attributes = _route_parts(route)
    attributes.append(("RTA_OIF", index))
    if route.via:
        attributes.append(("RTA_GATEWAY", route.via))
    elif fields["family"] == socket.AF_INET:
        fields["scope"] = _SCOPE_LINK
    (denied,) = wire.send([Request(RTM_NEWROUTE, fields, attributes, NLM_F_CREATE | NLM_F_EXCL)])
    if denied is None:
        return
    if denied.errno != errno.EEXIST:
        raise denied
    if (route.destination, index, route.via) in _routes(wire, ours=False):
        return
    if route.ns == HOST and route.destination not in (r[0] for r in _routes(wire, ours=True)):
        raise Denied(errno.EEXIST, f"a route to {route.destination} exists already and is not ours")
    wire.do(Request(RTM_NEWROUTE, fields, attributes, NLM_F_CREATE | NLM_F_REPLACE))


def has_route(wire: Wire, route: Route) -> bool:
    """Whether just this route stands, ours or not."""
    index = wire.index(route.device)
    return index > 0 and route in routes(wire, route.ns, {index: route.device}, ours=False)


def remove_route(wire: Wire, route: Route) -> None:
    """Remove a route of ours; what is gone, or is not ours, stays so. Raises Denied."""
    fields, attributes = _route_parts(route)
    (denied,) = wire.send([Request(RTM_DELROUTE, fields, attributes)])
    if denied is not None and denied.errno not in (errno.ESRCH, errno.ENODEV, *_NO_FAMILY):
        raise denied


def _dump_routes(wire: Wire, fields: dict[str, Any]) -> list[Any]:
    try:
        return wire.dump(Request(RTM_GETROUTE, fields))
    except Denied as denied:
        if denied.errno in _NO_FAMILY:
            return []
        raise


def _device(wire: Wire, name: str) -> int:
    index = wire.index(name)
    if not index:
        raise Denied(errno.ENODEV, f"device {name} does not exist")
    return index


def _address_fields(address: Address, index: int) -> dict[str, Any]:
    interface = ip_interface(address.cidr)
    return {
        "family": _FAMILIES[interface.version],
        "prefixlen": interface.network.prefixlen,
        "index": index,
    }


def _delete_address(wire: Wire, address: Address, index: int) -> None:
    text = str(ip_interface(address.cidr).ip)
    attributes = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    (denied,) = wire.send([Request(RTM_DELADDR, _address_fields(address, index), attributes)])
    if denied is not None and denied.errno not in (errno.EADDRNOTAVAIL, errno.ENODEV):
        raise denied


def _replace_prefix(wire: Wire, address: Address, index: int, request: Request) -> None:
    """IPv6 knows an address once per device, whatever its prefix: ours makes way, another's does not."""
    text = address.cidr.partition("/")[0]
    for other in addresses(wire, address.ns, {index: address.device}):
        if other.cidr.partition("/")[0] == text:
            _delete_address(wire, other, index)
            wire.do(request)
            return
    raise Denied(errno.EEXIST, f"{text} is there already with another prefix, and is not ours")


def _route_parts(route: Route) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    network = ip_network(route.destination)
    fields = {
        "family": _FAMILIES[network.version],
        "dst_len": network.prefixlen,
        "table": _MAIN,
        "proto": ROUTE_PROTOCOL,
        "type": _UNICAST,
    }
    attributes: list[tuple[str, Any]] = []
    if network.prefixlen:
        attributes.append(("RTA_DST", str(network.network_address)))
    return fields, attributes
