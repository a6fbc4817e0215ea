"""Networks as Docker's JSON, and Docker's JSON as what the network verbs take."""

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from msgspec import Struct, field

from seaway.api.shapes import listed, split
from seaway.engine.specs import NetworkSpec
from seaway.errors import InvalidInput
from seaway.model import Attachment, Container, Endpoint, Network, Pool, Remote, Snapshot

# -- out


def network(one: Network, snapshot: Snapshot, minor: int, *, full: bool) -> dict[str, Any]:
    """The network object of ``GET /networks`` and, with ``full``, of an inspect."""
    endpoints = snapshot.endpoints_of_network(one.id) if full else []
    shape: dict[str, Any] = {
        "Name": one.name,
        "Id": one.id,
        "Created": one.created,
        "Scope": one.scope,
        "Driver": one.driver,
        "EnableIPv4": one.ipv4,
        "EnableIPv6": one.ipv6,
        "IPAM": {
            "Driver": one.ipam_driver or "default",
            "Options": one.ipam_options,
            "Config": None if one.driver in ("host", "null") else [pool(p) for p in one.pools],
        },
        "Internal": one.internal,
        "Attachable": one.attachable,
        "Ingress": one.ingress,
        "ConfigFrom": {"Network": one.config_from},
        "ConfigOnly": one.config_only,
        "Containers": {
            **{e.container_id: place(e) for e in endpoints},
            **({f"ep-{r.id}": place(r) | _host(r, snapshot) for r in _abroad(one, snapshot)} if full else {}),
        },
        "Options": dict(one.options),
        "Labels": dict(one.labels),
    }
    if minor < 48:
        del shape["EnableIPv4"]
    return shape


def _abroad(one: Network, snapshot: Snapshot) -> list[Remote]:
    """Endpoints on other hosts, by name."""
    return sorted(snapshot.remotes(one.id).remotes.values(), key=lambda r: (r.name, r.id))


def _host(remote: Remote, snapshot: Snapshot) -> dict[str, str]:
    """Which host an endpoint is on: keys of Seaway's own beside Docker's."""
    member = snapshot.members.get(remote.node)
    return {
        "Host": member.name if member else remote.node,
        "HostAddress": member.address if member else "",
        "HostStatus": "ready" if remote.node in snapshot.alive else "down",
    }


def pool(one: Pool) -> dict[str, Any]:
    """One entry of IPAM.Config; what is empty is left out."""
    shape: dict[str, Any] = {
        "Subnet": one.subnet,
        "IPRange": one.ip_range,
        "Gateway": split(one.gateway)[0],
        "AuxiliaryAddresses": dict(one.aux),
    }
    return {key: value for key, value in shape.items() if value}


def place(endpoint: Endpoint | Remote) -> dict[str, str]:
    """One entry of a network's Containers."""
    return {
        "Name": endpoint.name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac,
        "IPv4Address": address_of(endpoint, 4),
        "IPv6Address": address_of(endpoint, 6),
    }


def address_of(endpoint: Endpoint | Remote | None, family: int) -> str:
    """An endpoint's first address of a family, with its prefix; empty when it has none."""
    if endpoint is None:
        return ""
    return next((a for a in endpoint.addresses if (":" in a) == (family == 6)), "")


def gateway_of(one: Network | None, address: str) -> str:
    """The gateway of the pool that holds an address; none on internal networks and those of a cluster."""
    if one is None or not address or one.internal or one.shared:
        return ""
    inside = ip_address(split(address)[0])
    return next((split(p.gateway)[0] for p in one.pools if inside in ip_network(p.subnet)), "")


def settings(
    wish: Attachment, container: Container, endpoint: Endpoint | None, one: Network | None, *, brief: bool
) -> dict[str, Any]:
    """EndpointSettings: a container's place on one network; ``brief`` is the form in lists."""
    v4, v6 = address_of(endpoint, 4), address_of(endpoint, 6)
    known = endpoint is not None or container.state.started[:4] != "0001"
    named = endpoint is not None and not brief and one is not None and one.driver not in ("host", "null")
    return {
        "IPAMConfig": _ipam(wish),
        "Links": listed(wish.links),
        "Aliases": None if brief else listed(wish.aliases),
        "MacAddress": endpoint.mac if endpoint else wish.mac_address,
        "DriverOpts": wish.driver_opts,
        "GwPriority": wish.gw_priority,
        "NetworkID": one.id if one and known else "",
        "EndpointID": endpoint.id if endpoint else "",
        "Gateway": gateway_of(one, v4),
        "IPAddress": split(v4)[0],
        "IPPrefixLen": split(v4)[1],
        "IPv6Gateway": gateway_of(one, v6),
        "GlobalIPv6Address": split(v6)[0],
        "GlobalIPv6PrefixLen": split(v6)[1],
        "DNSNames": listed(endpoint.dns_names)
        if endpoint and named and one and not one.default_bridge
        else None,
    }


def _ipam(wish: Attachment) -> dict[str, Any] | None:
    asked = wish.ipam_config
    if asked is None:
        return None
    shape = {"IPv4Address": asked.ipv4, "IPv6Address": asked.ipv6, "LinkLocalIPs": listed(asked.link_local)}
    return {key: value for key, value in shape.items() if value}


# -- in


class IpamPool(Struct, rename="pascal"):
    """One entry of IPAM.Config as it comes."""

    subnet: str = ""
    ip_range: str = field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = field(default_factory=dict)


class Ipam(Struct, rename="pascal"):
    """IPAM as it comes."""

    driver: str = ""
    options: dict[str, str] | None = None
    config: list[IpamPool] = field(default_factory=list)


class ConfigFrom(Struct, rename="pascal"):
    """ConfigFrom as it comes."""

    network: str = ""


class Create(Struct, rename="pascal"):
    """The body of ``POST /networks/create``."""

    name: str = ""
    driver: str = ""
    scope: str = ""
    enable_ipv4: bool | None = field(default=None, name="EnableIPv4")
    enable_ipv6: bool | None = field(default=None, name="EnableIPv6")
    ipam: Ipam = field(default_factory=Ipam, name="IPAM")
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigFrom = field(default_factory=ConfigFrom)
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def spec(body: Create) -> NetworkSpec:
    """A request as what the engine takes. Raises InvalidInput with every reason at once."""
    reasons: list[str] = []
    pools = tuple(p for p in (_pool(c, reasons) for c in body.ipam.config) if p is not None)
    if reasons:
        raise InvalidInput("\n".join(["invalid network config:", *reasons]))
    return NetworkSpec(
        name=body.name,
        driver=body.driver or "bridge",
        scope=body.scope,
        ipv4=body.enable_ipv4,
        ipv6=body.enable_ipv6,
        ipam_driver=body.ipam.driver or "default",
        ipam_options=body.ipam.options,
        pools=pools,
        internal=body.internal,
        attachable=body.attachable,
        ingress=body.ingress,
        config_only=body.config_only,
        config_from=body.config_from.network,
        options=body.options,
        labels=body.labels,
    )


def _pool(one: IpamPool, reasons: list[str]) -> Pool | None:
    """One pool in canonical text; what is wrong with it goes to ``reasons`` in Docker's words."""
    if not one.subnet:
        if one.ip_range or one.gateway or one.auxiliary_addresses:
            reasons.append(
                "invalid ipam config: a subnet must be given with an ip-range, gateway or aux-address"
            )
        return None
    try:
        subnet = ip_interface(one.subnet).network if "/" in one.subnet else None
    except ValueError:
        subnet = None
    if subnet is None:
        reasons.append(f"invalid subnet {one.subnet}: invalid CIDR block notation")
        return None
    if str(ip_interface(one.subnet)) != str(subnet):
        reasons.append(f"invalid subnet {one.subnet}: it should be {subnet}")
    return Pool(
        subnet=str(subnet),
        ip_range=_range(one.ip_range, subnet, reasons),
        gateway=_address("gateway", one.gateway, subnet, reasons),
        aux={
            name: _address(f"auxiliary address {name}", text, subnet, reasons)
            for name, text in one.auxiliary_addresses.items()
        },
        requested=True,
        gateway_requested=bool(one.gateway),
    )


def _range(text: str, subnet: Any, reasons: list[str]) -> str:
    if not text:
        return ""
    try:
        inner = ip_interface(text).network if "/" in text else None
    except ValueError:
        inner = None
    if inner is None:
        reasons.append(f"invalid ip-range {text}: invalid CIDR block notation")
    elif str(ip_interface(text)) != str(inner):
        reasons.append(f"invalid ip-range {text}: it should be {inner}")
    elif inner.version != subnet.version or not inner.subnet_of(subnet):
        reasons.append(f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range")
    return str(inner or "")


def _address(what: str, text: str, subnet: Any, reasons: list[str]) -> str:
    if not text:
        return ""
    try:
        address = ip_address(text)
    except ValueError:
        reasons.append(f"invalid {what} {text}: invalid address")
        return ""
    if address not in subnet:
        reasons.append(f"invalid {what} {text}: parent subnet {subnet} doesn't contain this address")
    return str(address)
