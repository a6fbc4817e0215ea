"""The address pools of a new network, chosen with an eye on the host it will stand on."""

from collections.abc import Iterable
from ipaddress import ip_address

from seaway.engine import host
from seaway.engine.settings import Settings
from seaway.engine.specs import NetworkSpec
from seaway.ipam.addresses import check_reserved
from seaway.ipam.pools import DEFAULT_BASES, Base, check_pools, make_base
from seaway.model import Network, Pool

OVERLAY_BASES = (Base("10.0.0.0/8", 24),)
"""Where networks of a cluster get their subnets (Docker's global address space)."""


def allot_pools(
    spec: NetworkSpec, others: Iterable[Network], settings: Settings, bases: tuple[Base, ...] = ()
) -> tuple[Pool, ...]:
    """Validated pools for a network: those asked for, or free ones that no host route collides with.

    ``bases`` are where to look; empty means the daemon's default address pools.
    """
    taken = [p.subnet for n in others for p in n.pools]
    bases = bases or tuple(make_base(base, size) for base, size in settings.pools) or DEFAULT_BASES
    pools = check_pools(
        spec.pools,
        ipv4=spec.ipv4 is not False,
        ipv6=bool(spec.ipv6),
        taken=taken,
        avoid=[*host.routes(), *_resolvers()],
        bases=bases,
        host_id=str(settings.data_root),
    )
    for pool in pools:
        check_reserved(pool)
    return pools


def _resolvers() -> list[str]:
    """Name servers of the host: a network over them would cut the host's own names off."""
    found = []
    for line in host.name_servers().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                address = ip_address(words[1].partition("%")[0])
            except ValueError:
                continue
            if not address.is_loopback:
                found.append(str(address))
    return found
