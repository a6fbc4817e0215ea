"""Links as the kernel has them, and the requests that make and alter ours."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seaway.datapath import netns
from seaway.datapath.resources import Bridge, VethPair
from seaway.datapath.rtnetlink_wire import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_NEWLINK,
    RTM_SETLINK,
    SPARSE,
    Request,
    Wire,
)
from seaway.model.names import LINK_GROUP

DOOMED_GROUPS = 0x5EA1
"""Upper half of the link groups that links wear in the moment before they are deleted together."""

DEFAULT_MTU = 1500

_UP = 1
_NO_LINK_LOCAL = 1
_ALIAS = "seaway"


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the kernel has it. ``master`` and ``partner`` are link numbers, 0 for none."""

    index: int
    name: str
    kind: str
    up: bool
    group: int
    mtu: int
    mac: str
    master: int
    partner: int
    alias: str
    hairpin: bool
    isolated: bool
    learning: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    """What is only told of a VXLAN device."""

    @property
    def ours(self) -> bool:
        """Whether it wears our mark."""
        return self.group == LINK_GROUP or self.group >> 16 == DOOMED_GROUPS


def links(wire: Wire, kind: str = "") -> dict[int, Link]:
    """All links of a namespace by number, or those of one kind."""
    attributes: list[tuple[str, Any]] = [SPARSE]
    if kind:
        attributes.append(("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]}))
    found = map(_link, wire.dump(Request(RTM_GETLINK, {}, attributes)))
    return {link.index: link for link in found}


def link(wire: Wire, name: str) -> Link | None:
    """One link, or None."""
    message = wire.get(Request(RTM_GETLINK, {}, [("IFLA_IFNAME", name), SPARSE]))
    return None if message is None else _link(message)


def _link(message: Any) -> Link:
    attributes = dict(message["attrs"])
    info = dict(attributes.get("IFLA_LINKINFO", {"attrs": ()})["attrs"])
    port = info.get("IFLA_INFO_SLAVE_DATA") if info.get("IFLA_INFO_SLAVE_KIND") == "bridge" else None
    flags = dict(port["attrs"]) if port else {}
    return Link(
        index=message["index"],
        name=attributes["IFLA_IFNAME"],
        kind=info.get("IFLA_INFO_KIND", ""),
        up=bool(message["flags"] & _UP),
        group=attributes.get("IFLA_GROUP", 0),
        mtu=attributes.get("IFLA_MTU", 0),
        mac=attributes.get("IFLA_ADDRESS", ""),
        master=attributes.get("IFLA_MASTER", 0),
        partner=attributes.get("IFLA_LINK", 0),
        alias=attributes.get("IFLA_IFALIAS", ""),
        hairpin=bool(flags.get("IFLA_BRPORT_MODE")),
        isolated=bool(flags.get("IFLA_BRPORT_ISOLATED")),
        learning=bool(flags.get("IFLA_BRPORT_LEARNING")),
        data=dict(info["IFLA_INFO_DATA"]["attrs"]) if info.get("IFLA_INFO_KIND") == "vxlan" else {},
    )


def steady_mac(path: str, name: str) -> str:
    """The MAC address of a bridge for which none was asked: as long as host and kernel live, the same.

    Without one of its own a bridge takes its lowest port's, and loses connections when that goes.
    """
    seed = f"{Path('/proc/sys/kernel/random/boot_id').read_text()}{netns.inode(path)} {name}"
    return "02:44:" + hashlib.blake2b(seed.encode(), digest_size=4).digest().hex(":")


def new_bridge(bridge: Bridge, mac: str) -> list[Request]:
    """Requests that make a bridge.

    An MTU is set afterwards, because only then the kernel takes it for the user's choice and keeps it
    when ports come and go. In a hidden namespace no VLAN is made for ports, as that would double each
    entry for a MAC address.
    """
    data = {"attrs": [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0)]}
    if bridge.ns:
        data["attrs"].append(("IFLA_BR_VLAN_DEFAULT_PVID", 0))
    info = {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", data)]}
    make = Request(
        RTM_NEWLINK,
        {"flags": _UP, "change": _UP},
        [
            ("IFLA_IFNAME", bridge.name),
            ("IFLA_GROUP", LINK_GROUP),
            ("IFLA_ADDRESS", mac),
            ("IFLA_LINKINFO", info),
        ],
        NLM_F_CREATE | NLM_F_EXCL,
    )
    mtu = Request(RTM_SETLINK, {}, [("IFLA_IFNAME", bridge.name), ("IFLA_MTU", bridge.mtu)])
    return [make] if bridge.mtu == DEFAULT_MTU else [make, mtu]


def alter_bridge(bridge: Bridge, mac: str, now: Link) -> list[Request]:
    """Requests that lead a bridge from how it is to how it shall be."""
    attributes: list[tuple[str, Any]] = []
    if now.mtu != bridge.mtu:
        attributes.append(("IFLA_MTU", bridge.mtu))
    if now.mac != mac:
        attributes.append(("IFLA_ADDRESS", mac))
    if now.group != LINK_GROUP:
        attributes.append(("IFLA_GROUP", LINK_GROUP))
    return alter(now, attributes)


def new_veth(pair: VethPair, namespace: int, master: int) -> Request:
    """The request that makes a pair, its peer in the namespace of that descriptor and down, since the
    kernel cannot set it up before there is a pair."""
    peer = {
        "index": 0,
        "attrs": [
            ("IFLA_IFNAME", pair.peer),
            ("IFLA_ADDRESS", pair.mac),
            ("IFLA_MTU", pair.mtu),
            ("IFLA_GROUP", LINK_GROUP),
            ("IFLA_NET_NS_FD", namespace),
        ],
    }
    data = {"attrs": [("VETH_INFO_PEER", peer)]}
    attributes: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", pair.name),
        ("IFLA_MTU", pair.mtu),
        ("IFLA_GROUP", LINK_GROUP),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}),
    ]
    if master:
        attributes.append(("IFLA_MASTER", master))
    return Request(RTM_NEWLINK, {"flags": _UP, "change": _UP}, attributes, NLM_F_CREATE | NLM_F_EXCL)


def dress_veth(pair: VethPair, *, quiet: bool) -> list[Request]:
    """Requests that dress a new pair's host end; ``quiet`` denies it an IPv6 link-local address.

    The first one fails, and does nothing, when ``quiet`` is asked of a kernel without IPv6.
    """
    name = ("IFLA_IFNAME", pair.name)
    attributes: list[tuple[str, Any]] = [name, ("IFLA_IFALIAS", alias(pair))]
    if quiet:
        inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _NO_LINK_LOCAL)]}
        attributes.append(("IFLA_AF_SPEC", {"attrs": [("AF_INET6", inet6)]}))
    dress = Request(RTM_SETLINK, {}, attributes)
    return [dress, _port(name, pair)] if pair.hairpin or pair.isolated else [dress]


def set_up(name: str) -> Request:
    """The request that sets a link up."""
    return Request(RTM_SETLINK, {"flags": _UP, "change": _UP}, [("IFLA_IFNAME", name)])


def alter_veth(pair: VethPair, master: int, now: Link) -> list[Request]:
    """Requests that lead the host end from how it is to how it shall be."""
    attributes: list[tuple[str, Any]] = []
    if now.mtu != pair.mtu:
        attributes.append(("IFLA_MTU", pair.mtu))
    if now.master != master:
        attributes.append(("IFLA_MASTER", master))
    if now.group != LINK_GROUP:
        attributes.append(("IFLA_GROUP", LINK_GROUP))
    if now.alias != alias(pair):
        attributes.append(("IFLA_IFALIAS", alias(pair)))
    requests = alter(now, attributes)
    if master and (now.master != master or (now.hairpin, now.isolated) != (pair.hairpin, pair.isolated)):
        requests.append(_port(("IFLA_IFNAME", pair.name), pair))
    return requests


def alter_peer(pair: VethPair, now: Link) -> list[Request]:
    """Requests that lead the peer from how it is to how it shall be."""
    attributes: list[tuple[str, Any]] = []
    if now.mtu != pair.mtu:
        attributes.append(("IFLA_MTU", pair.mtu))
    if now.mac != pair.mac:
        attributes.append(("IFLA_ADDRESS", pair.mac))
    if now.group != LINK_GROUP:
        attributes.append(("IFLA_GROUP", LINK_GROUP))
    return alter(now, attributes)


def alter(now: Link, attributes: Sequence[tuple[str, Any]]) -> list[Request]:
    """Requests that set attributes of a link, and set it up; none when nothing is to be done."""
    if now.up and not attributes:
        return []
    return [Request(RTM_SETLINK, {"index": now.index, "flags": _UP, "change": _UP}, attributes)]


def regroup(index: int, group: int) -> Request:
    """The request that puts a link into a group."""
    return Request(RTM_SETLINK, {"index": index}, [("IFLA_GROUP", group)])


def delete(index: int) -> Request:
    """The request that deletes a link."""
    return Request(RTM_DELLINK, {"index": index})


def delete_group(group: int) -> Request:
    """The request that deletes all links of a group at once: one wait of the kernel for all of them."""
    return Request(RTM_DELLINK, {}, [("IFLA_GROUP", group)])


def alias(pair: VethPair) -> str:
    """What a pair's host end wears as its alias: where its peer is, and which MAC address that has."""
    return f"{_ALIAS} {pair.peer} {pair.mac} {pair.peer_ns}"


def peer_of(link: Link) -> tuple[str, str, str] | None:
    """Name, MAC address and namespace of the peer as the alias tells them; None without our alias."""
    word, _, rest = link.alias.partition(" ")
    parts = rest.split(" ", 2)
    return (parts[0], parts[1], parts[2]) if word == _ALIAS and len(parts) == 3 else None


def _port(name: tuple[str, str], pair: VethPair) -> Request:
    flags = [("IFLA_BRPORT_MODE", int(pair.hairpin)), ("IFLA_BRPORT_ISOLATED", int(pair.isolated))]
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": flags})]
    return Request(RTM_NEWLINK, {}, [name, ("IFLA_LINKINFO", {"attrs": info})])
