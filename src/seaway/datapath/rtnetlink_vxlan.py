"""VXLAN devices: made in the host's namespace, where their UDP socket stays, and born in another one."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from seaway.datapath.resources import Vxlan
from seaway.datapath.rtnetlink_links import Link, alter, delete, link, links
from seaway.datapath.rtnetlink_wire import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWLINK,
    RTM_SETLINK,
    Denied,
    Request,
    Wire,
)
from seaway.model.names import LINK_GROUP

Opener: TypeAlias = Callable[[str], Wire]
"""Gives the socket in the namespace at a path; empty means the host's."""

PATIENCE = 0.5
"""Seconds to wait for a number that nobody is seen to hold: a namespace that dies gives it back later."""

_STEP = 0.05
_NO_LINK_LOCAL = 1
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL)


def make(wire: Opener, path: str, vxlan: Vxlan) -> None:
    """Make the device in the namespace at ``path``, or lead ours that is there to how it shall be.

    Raises Denied and OSError.
    """
    there = wire(vxlan.ns)
    master = there.index(vxlan.master)
    if not master:
        raise Denied(errno.ENODEV, f"bridge {vxlan.master} does not exist")
    now = link(there, vxlan.name)
    if now is not None:
        if not now.ours:
            raise Denied(errno.EEXIST, f"device {vxlan.name} exists already and is not ours")
        if now.kind == "vxlan" and _state(now) == (vxlan.vni, vxlan.local, vxlan.port):
            _do(there, vxlan, _alter(vxlan, master, now))
            return
        there.do(delete(now.index))
    _create(wire, path, vxlan, master)
    _dress(there, vxlan)


def read(ns: str, one: Link, view: Mapping[int, Link]) -> Vxlan:
    """The device as a plan would have it. One that is down, or learns, has an MTU of 0; port 0 means that
    it does not answer for neighbours, which cannot be put right in place."""
    master = view.get(one.master)
    vni, local, port = _state(one)
    sound = one.up and not one.learning and not one.data.get("IFLA_VXLAN_LEARNING")
    return Vxlan(ns, one.name, vni, local, port, one.mtu if sound else 0, master.name if master else "")


def _state(one: Link) -> tuple[int, str, int]:
    """VNI, local address and port; of one that could not be altered to ours, port 0."""
    data = one.data
    sound = data.get("IFLA_VXLAN_PROXY") and not any(data.get(f"IFLA_VXLAN_{x}") for x in _UNWANTED)
    local = data.get("IFLA_VXLAN_LOCAL") or data.get("IFLA_VXLAN_LOCAL6") or ""
    return data.get("IFLA_VXLAN_ID", 0), local, data.get("IFLA_VXLAN_PORT", 0) if sound else 0


_UNWANTED = ("GROUP", "GROUP6", "LINK", "COLLECT_METADATA")


def _create(wire: Opener, path: str, vxlan: Vxlan, master: int) -> None:
    """Wait for a VNI while nobody is seen to hold it. Raises Denied."""
    end = time.monotonic() + PATIENCE
    while True:
        namespace = os.open(path or "/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            (denied,) = wire("").send([_new(vxlan, namespace, master)])
        finally:
            os.close(namespace)
        if denied is None:
            return
        if denied.errno != errno.EEXIST:
            raise denied
        holder = next(_holders(wire, path, vxlan), "")
        if holder or time.monotonic() > end:
            holder = holder or "a device in another network namespace, which cannot be seen from here"
            words = f"VNI {vxlan.vni} on UDP port {vxlan.port} is already in use on this host by {holder}"
            raise Denied(errno.EEXIST, words)
        time.sleep(_STEP)


def _holders(wire: Opener, path: str, vxlan: Vxlan) -> Iterator[str]:
    """Devices with that VNI and port on the host, and in the namespaces that stand beside the device's."""
    for one in _same(wire(""), vxlan):
        yield f"device {one.name}"
    home = Path(path).parent
    for place in sorted(home.iterdir()) if path and home.is_dir() else ():
        try:
            with Wire(str(place)) as there:
                for one in _same(there, vxlan):
                    yield f"device {one.name} in network namespace {place}"
        except OSError:
            continue


def _same(wire: Wire, vxlan: Vxlan) -> Iterator[Link]:
    for one in links(wire).values():
        data = one.data
        if (data.get("IFLA_VXLAN_ID"), data.get("IFLA_VXLAN_PORT")) == (vxlan.vni, vxlan.port):
            yield one


def _new(vxlan: Vxlan, namespace: int, master: int) -> Request:
    """The request that makes the device, down: it has no address yet, and its bridge could learn from it."""
    local = "IFLA_VXLAN_LOCAL6" if ":" in vxlan.local else "IFLA_VXLAN_LOCAL"
    data = [
        ("IFLA_VXLAN_ID", vxlan.vni),
        (local, vxlan.local),
        ("IFLA_VXLAN_PORT", vxlan.port),
        ("IFLA_VXLAN_LEARNING", 0),
        ("IFLA_VXLAN_PROXY", 1),
    ]
    attributes: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", vxlan.name),
        ("IFLA_MTU", vxlan.mtu),
        ("IFLA_GROUP", LINK_GROUP),
        ("IFLA_NET_NS_FD", namespace),
        ("IFLA_MASTER", master),
        ("IFLA_LINKINFO", _info(data)),
    ]
    return Request(RTM_NEWLINK, {}, attributes, NLM_F_CREATE | NLM_F_EXCL)


def _do(there: Wire, vxlan: Vxlan, requests: list[Request]) -> None:
    try:
        there.do(*requests)
    except Denied as denied:
        if denied.errno != errno.EADDRINUSE:
            raise
        words = f"UDP port {vxlan.port} is already in use on this host by another program"
        raise Denied(denied.errno, words) from denied


def _dress(there: Wire, vxlan: Vxlan) -> None:
    """Without an IPv6 address of its own, on a port that learns nothing, and up."""
    name = ("IFLA_IFNAME", vxlan.name)
    inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _NO_LINK_LOCAL)]}
    quiet = Request(RTM_SETLINK, {}, [name, ("IFLA_AF_SPEC", {"attrs": [("AF_INET6", inet6)]})])
    up = Request(RTM_SETLINK, {"flags": 1, "change": 1}, [name])
    (denied,) = there.send([quiet])
    if denied is not None and denied.errno not in _NO_IPV6:
        raise denied
    _do(there, vxlan, [_port(name), up])


def _alter(vxlan: Vxlan, master: int, now: Link) -> list[Request]:
    """Requests that lead the device from how it is to how it shall be."""
    index = {"index": now.index}
    attributes: list[tuple[str, Any]] = []
    if now.mtu != vxlan.mtu:
        attributes.append(("IFLA_MTU", vxlan.mtu))
    if now.group != LINK_GROUP:
        attributes.append(("IFLA_GROUP", LINK_GROUP))
    requests = []
    if now.master != master:
        requests.append(Request(RTM_SETLINK, index, [("IFLA_MASTER", master)]))
    if now.learning or now.master != master:
        requests.append(_port(("IFLA_IFNAME", vxlan.name)))
    if now.data.get("IFLA_VXLAN_LEARNING"):
        learn = ("IFLA_LINKINFO", _info([("IFLA_VXLAN_LEARNING", 0)]))
        requests.append(Request(RTM_NEWLINK, index, [learn]))
    return requests + alter(now, attributes)


def _info(data: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"attrs": [("IFLA_INFO_KIND", "vxlan"), ("IFLA_INFO_DATA", {"attrs": data})]}


def _port(name: tuple[str, str]) -> Request:
    flags = {"attrs": [("IFLA_BRPORT_LEARNING", 0)]}
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", flags)]
    return Request(RTM_NEWLINK, {}, [name, ("IFLA_LINKINFO", {"attrs": info})])
