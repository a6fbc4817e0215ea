"""Small worlds of wants: networks, boxes and endpoints as plans would have them."""

from collections.abc import Iterable, Mapping

from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    HostPort,
    Neighbour,
    Netns,
    NftElement,
    NftTable,
    Relay,
    Resolver,
    Resource,
    Route,
    Sysctl,
    VethPair,
    Vxlan,
)

Wants = Mapping[str, tuple[Resource, ...]]


def path(box: int) -> str:
    return f"/ns/{box}"


def host(text: str = "set bridges { }") -> tuple[Resource, ...]:
    return NftTable("", "inet", "seaway", text), Sysctl("", "net.ipv4.ip_forward", "1")


def network(number: int, *, mtu: int = 1500, ours: bool = True) -> tuple[Resource, ...]:
    name = f"br{number}"
    return (
        Bridge("", name, mtu, ours=ours),
        Address("", name, f"10.{number}.0.1/24"),
        Sysctl("", f"net.ipv4.conf.{name}.route_localnet", "1"),
        NftElement("", "seaway", "bridges", f'"{name}"'),
    )


def box(number: int, *, via: str = "10.1.0.1", relayed: bool = False) -> tuple[Resource, ...]:
    port = Relay("", "tcp", "::", 80 + number, "10.1.0.2", 80) if relayed else None
    return (
        Netns(path(number)),
        Route(path(number), "0.0.0.0/0", "eth0", via),
        Resolver(path(number), f"box{number}"),
        port or HostPort("", "tcp", "::", 80 + number),
        NftElement("", "seaway", "publish", f"tcp . {80 + number}", f"10.1.0.{number + 2} . 80"),
    )


def endpoint(box: int, number: int, *, mtu: int = 1500, peer: str = "eth0") -> tuple[Resource, ...]:
    return (
        VethPair(
            "", f"veth{box}", path(box), peer, mtu, f"02:42:0a:{number:02x}:00:{box + 2:02x}", f"br{number}"
        ),
        Address(path(box), peer, f"10.{number}.0.{box + 2}/24"),
        Sysctl(path(box), f"net.ipv6.conf.{peer}.disable_ipv6", "1"),
    )


HIDDEN = "/ns/1-hidden"


def segment(*, vni: int = 256, local: str = "192.0.2.1", mtu: int = 1450, bridge: str = "ov") -> Wants:
    """An overlay network in its hidden namespace."""
    fixed = (
        Netns(HIDDEN),
        Bridge(HIDDEN, bridge, mtu),
        Vxlan(HIDDEN, "vx", vni, local, 4789, mtu, bridge),
        Address(HIDDEN, bridge, "10.9.0.1/24"),
        Sysctl(HIDDEN, f"net.ipv4.conf.{bridge}.nonsense", "1", optional=True),
    )
    return {"net:ov": fixed}


def remote(number: int, *, host: int = 2, at: int = 0, bridge: str = "ov") -> Wants:
    """A container on another host."""
    mac = f"02:42:0a:09:{at:02x}:{number:02x}"
    to, address = f"192.0.2.{host}", f"10.9.0.{number}"
    return {
        f"peer:ov/{number}": (Forward(HIDDEN, "vx", mac, to), Neighbour(HIDDEN, "vx", address, mac, bridge))
    }


def world(boxes: Iterable[int], *, number: int = 1, mtu: int = 1500, text: str = "set bridges { }") -> Wants:
    """A host, one network, and boxes on it."""
    wants: dict[str, tuple[Resource, ...]] = {"host": host(text), f"net:{number}": network(number, mtu=mtu)}
    for each in boxes:
        wants[f"box:{each}"] = box(each, via=f"10.{number}.0.1")
        wants[f"ep:{each}"] = endpoint(each, number, mtu=mtu)
    return wants


def namespaces(*worlds: Wants) -> list[str]:
    """The host's and those of every box."""
    found = {r.path: None for wants in worlds for rs in wants.values() for r in rs if isinstance(r, Netns)}
    return ["", *found]


def resources(wants: Wants) -> dict[tuple[str | int, ...], Resource]:
    return {r.key: r for rs in wants.values() for r in rs}


def leaving(old: Wants, new: Wants) -> Wants:
    """The new wants, and owners of old ones who want nothing any more."""
    return {**dict.fromkeys(old, ()), **new}
