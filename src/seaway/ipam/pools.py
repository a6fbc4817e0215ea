"""Pools: choose a subnet nobody uses, or check those that were asked for. Pure.

A subnet is looked for among the bases in their order, lowest first. What is taken (other networks) and
what is to be avoided (routes and name servers of the host) are jumped over, not tried one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)

import msgspec

from seaway.errors import Forbidden, InvalidInput
from seaway.model import Pool

Net = IPv4Network | IPv6Network
Addr = IPv4Address | IPv6Address

EXHAUSTED = "all predefined address pools have been fully subnetted"
OVERLAP = "invalid pool request: Pool overlaps with other one on this address space"


@dataclass(frozen=True, slots=True)
class Base:
    """A default address pool: networks of prefix length ``size`` are cut out of ``base``."""

    base: str
    size: int

    @property
    def net(self) -> Net:
        """The base as a network."""
        return ip_network(self.base)


DEFAULT_BASES = (
    Base("172.17.0.0/16", 16),
    Base("172.18.0.0/16", 16),
    Base("172.19.0.0/16", 16),
    Base("172.20.0.0/14", 16),
    Base("172.24.0.0/14", 16),
    Base("172.28.0.0/14", 16),
    Base("192.168.0.0/16", 20),
)
"""Docker's list: 31 networks in all."""


def parse_base(text: str) -> Base:
    """``base=172.30.0.0/16,size=24``, as ``--default-address-pool`` takes it. Raises InvalidInput."""
    fields = dict(part.strip().partition("=")[::2] for part in text.split(","))
    if set(fields) != {"base", "size"} or not fields["size"].isdecimal():
        raise InvalidInput(
            f"invalid default address pool {text!r}: write base=SUBNET,size=N, "
            "such as base=172.30.0.0/16,size=24"
        )
    return make_base(fields["base"], int(fields["size"]))


def make_base(base: str, size: int) -> Base:
    """A default address pool, checked. Raises InvalidInput."""
    net = _subnet(base)
    if not net.prefixlen <= size <= net.max_prefixlen:
        raise InvalidInput(
            f"invalid default address pool {base}, size {size}: "
            f"the size must be between {net.prefixlen} and {net.max_prefixlen}"
        )
    return Base(base, size)


def ula_base(host_id: str) -> Base:
    """A /48 of unique local addresses (RFC 4193) that follows from the host's ID; networks are /64."""
    prefix = b"\xfd" + sha256(host_id.encode()).digest()[:5]
    return Base(f"{IPv6Address(prefix + bytes(10))}/48", 64)


def choose_pool(
    taken: Iterable[str], avoid: Iterable[str] = (), bases: Sequence[Base] = DEFAULT_BASES, size: int = 0
) -> str:
    """The first free IPv4 subnet of the bases; ``size`` asks for another prefix length than theirs.

    ``taken`` are the subnets of other networks, ``avoid`` routes and addresses of the host; a default
    route is no obstacle. Raises InvalidInput naming the bases and what stands in the way.
    """
    return _choose([b for b in bases if b.net.version == 4], list(taken), list(avoid), size)


def choose_pool6(
    taken: Iterable[str],
    avoid: Iterable[str] = (),
    host_id: str = "",
    bases: Sequence[Base] = (),
    size: int = 0,
) -> str:
    """The first free IPv6 subnet: of the bases that are IPv6, else of the host's own ULA prefix."""
    six = [b for b in bases if b.net.version == 6] or [ula_base(host_id)]
    return _choose(six, list(taken), list(avoid), size)


def check_pools(
    requested: Sequence[Pool],
    *,
    ipv4: bool = True,
    ipv6: bool = False,
    taken: Iterable[str] = (),
    avoid: Iterable[str] = (),
    bases: Sequence[Base] = DEFAULT_BASES,
    host_id: str = "",
    gateway: bool = True,
) -> tuple[Pool, ...]:
    """The pools of a network: what was asked for, validated, and the rest chosen. IPv4 before IPv6.

    Every pool returned is canonical, has a gateway (unless ``gateway`` is False: only those asked
    for), and does not overlap another. Raises InvalidInput with every fault at once, Forbidden for an
    overlap or an auxiliary address outside.
    """
    if not (ipv4 or ipv6):
        raise InvalidInput("IPv4 or IPv6 must be enabled")
    _refuse([fault for pool in requested for fault in _faults(pool)])
    held, away = list(taken), list(avoid)
    found: list[Pool] = []
    for family in (f for f, wanted in ((4, ipv4), (6, ipv6)) if wanted):
        asked = [p for p in requested if _family(p) == family] or [Pool(subnet="")]
        for pool in asked:
            chosen = _settled(pool, family, held, away, bases, host_id)
            held.append(chosen.subnet)
            found.append(_completed(chosen, gateway))
    return tuple(found)


def first_address(pool: Pool) -> str:
    """The default gateway: the first usable address of the range if there is one, else of the subnet."""
    subnet, part = ip_network(pool.subnet), ip_network(pool.ip_range or pool.subnet)
    first = part.network_address
    if first == subnet.network_address and subnet.num_addresses > 2:
        first += 1
    return str(first)


def _settled(
    pool: Pool, family: int, taken: list[str], avoid: list[str], bases: Sequence[Base], host_id: str
) -> Pool:
    """The pool with a real subnet: its own, or a chosen one when it named none or only a size."""
    net = ip_network(pool.subnet) if pool.subnet else None
    if net is not None and int(net.network_address):
        if any(o.version == net.version and o.overlaps(net) for o in map(ip_network, taken)):
            raise Forbidden(OVERLAP)
        return msgspec.structs.replace(pool, subnet=str(net), requested=True)
    size = net.prefixlen if net is not None else 0
    if family == 4:
        subnet = choose_pool(taken, avoid, bases, size)
    else:
        subnet = choose_pool6(taken, avoid, host_id, bases, size)
    chosen = msgspec.structs.replace(pool, subnet=subnet, requested=False)
    _refuse(list(_inner_faults(chosen)))
    return chosen


def _completed(pool: Pool, gateway: bool) -> Pool:
    net = ip_network(pool.subnet)
    for name, address in pool.aux.items():
        if ip_address(address) not in net:
            raise Forbidden(f"no matching subnet for aux-address {name}={address}: {net} does not contain it")
    return msgspec.structs.replace(
        pool,
        ip_range=str(ip_network(pool.ip_range)) if pool.ip_range else "",
        gateway=str(ip_address(pool.gateway)) if pool.gateway else first_address(pool) if gateway else "",
        gateway_requested=bool(pool.gateway),
        aux={name: str(ip_address(address)) for name, address in pool.aux.items()},
    )


def _family(pool: Pool) -> int:
    texts = (pool.subnet, pool.ip_range, pool.gateway, *pool.aux.values())
    return 6 if any(":" in text for text in texts) else 4


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise InvalidInput("invalid network config:\n" + "\n".join(faults))


def _faults(pool: Pool) -> Iterator[str]:
    """What is wrong with a pool as asked for, in Docker's words."""
    if pool.subnet:
        try:
            net = ip_network(pool.subnet, strict=False)
        except ValueError:
            yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
            return
        if "/" not in pool.subnet:
            yield f"invalid subnet {pool.subnet}: invalid CIDR block notation"
            return
        if ip_address(pool.subnet.partition("/")[0]) != net.network_address:
            yield f"invalid subnet {pool.subnet}: it should be {net}"
        if net.is_loopback or net.is_multicast:
            yield f"invalid subnet {pool.subnet}: loopback and multicast addresses are nobody's own"
    if not pool.subnet or int(ip_network(pool.subnet, strict=False).network_address):
        yield from _inner_faults(pool)


def _inner_faults(pool: Pool) -> Iterator[str]:
    subnet = ip_network(pool.subnet, strict=False) if pool.subnet else None
    if pool.ip_range:
        yield from _range_faults(pool.ip_range, subnet)
    if pool.gateway:
        yield from _address_faults("gateway", pool.gateway, subnet)
    for name, address in pool.aux.items():
        # Out of the subnet is another kind of refusal (403), so only the notation is looked at here.
        yield from _address_faults(f"auxiliary address {name}", address, None)


def _range_faults(text: str, subnet: Net | None) -> Iterator[str]:
    try:
        net = ip_network(text, strict=False)
    except ValueError:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
        return
    if "/" not in text:
        yield f"invalid ip-range {text}: invalid CIDR block notation"
    elif ip_address(text.partition("/")[0]) != net.network_address:
        yield f"invalid ip-range {text}: it should be {net}"
    if subnet is None:
        return
    if net.version != subnet.version:
        yield f"invalid ip-range {text}: parent subnet {subnet} is of another address family"
    elif net.prefixlen < subnet.prefixlen:
        yield f"invalid ip-range {text}: CIDR block is bigger than its parent subnet {subnet}"
    elif not net.subnet_of(subnet):  # type: ignore[arg-type]
        yield f"invalid ip-range {text}: parent subnet {subnet} doesn't contain ip-range"


def _address_faults(what: str, text: str, subnet: Net | None) -> Iterator[str]:
    try:
        address = ip_address(text)
    except ValueError:
        yield f"invalid {what} {text}: invalid address"
        return
    if subnet is not None and address not in subnet:
        yield f"invalid {what} {text}: parent subnet {subnet} doesn't contain this address"


def _subnet(text: str) -> Net:
    _refuse(list(_faults(Pool(subnet=text))))
    return ip_network(text)


def _choose(bases: Sequence[Base], taken: list[str], avoid: list[str], size: int) -> str:
    version = bases[0].net.version if bases else 4
    walls = sorted(_walls(version, taken, avoid))
    for base in bases:
        prefix = size or base.size
        if prefix >= base.net.prefixlen:
            found = _first_gap(base.net, prefix, walls)
            if found is not None:
                return str(found)
    raise InvalidInput(_no_pool(bases, taken, avoid, size))


def _walls(version: int, taken: Iterable[str], avoid: Iterable[str]) -> Iterator[tuple[int, int]]:
    """First and last address of everything in the way; overlapping ones are no harm."""
    for net in [ip_network(t) for t in taken] + _routes(avoid):
        if net.version == version:
            yield int(net.network_address), int(net.broadcast_address)


def _routes(avoid: Iterable[str]) -> list[Net]:
    """Routes and addresses as networks, without default routes."""
    return [net for net in (ip_network(a, strict=False) for a in avoid) if net.prefixlen]


def _first_gap(base: Net, prefix: int, walls: Sequence[tuple[int, int]]) -> Net | None:
    step = 1 << (base.max_prefixlen - prefix)
    start, last = int(base.network_address), int(base.broadcast_address)
    for low, high in walls:
        if high < start:
            continue
        if low >= start + step:
            break
        start = (high // step + 1) * step
    if start + step - 1 > last:
        return None
    kind = IPv6Network if base.version == 6 else IPv4Network
    return kind((start, prefix))


def _no_pool(bases: Sequence[Base], taken: list[str], avoid: list[str], size: int) -> str:
    pools = ", ".join(f"{b.base} in /{size or b.size}" for b in bases) or "none of this family"
    nets = [b.net for b in bases]

    def _hits(found: Iterable[Net]) -> str:
        hits = [n for n in found if any(n.version == b.version and n.overlaps(b) for b in nets)]
        shown = ", ".join(map(str, _merged(hits)[:12]))
        return f"{shown}, …" if len(_merged(hits)) > 12 else shown or "none"

    return (
        f"{EXHAUSTED}: the pools are {pools}; in use by networks: {_hits(ip_network(t) for t in taken)}; "
        f"colliding routes and name servers of the host: {_hits(_routes(avoid))}. "
        "Remove a network, choose a --subnet, or set --default-address-pool"
    )


def _merged(nets: Sequence[Net]) -> list[Net]:
    """Sorted, neighbours joined, so that a message stays short."""
    spans: list[tuple[Addr, Addr]] = []
    for net in sorted(set(nets), key=lambda n: (n.version, int(n.network_address))):
        first, last = net.network_address, net.broadcast_address
        if spans and first.version == spans[-1][1].version and int(first) <= int(spans[-1][1]) + 1:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last, key=int))
        else:
            spans.append((first, last))
    return [n for first, last in spans for n in summarize_address_range(first, last)]
