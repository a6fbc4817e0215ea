"""Endpoints: giving a container its place on networks, and taking it back. Facts only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import msgspec

from seaway.drivers import driver, endpoint_options
from seaway.drivers.segments import segments
from seaway.engine.clock import identity
from seaway.engine.facts import Change, Facts
from seaway.errors import Failure, Forbidden, InvalidInput, Unavailable
from seaway.ipam.addresses import check_address, next_address
from seaway.ipam.claims import COOLING, by_container, by_cooling, by_endpoint, claim_key
from seaway.model import Attachment, Container, Endpoint, Network, Pool, Sandbox
from seaway.model.names import mac_of, short, veth_device

IFACE_PREFIX = "com.docker.network.container_iface_prefix"


@dataclass(frozen=True, slots=True)
class Given:
    """What the cluster's store has given an endpoint already. ``addresses`` are ``address/prefix`` text."""

    id: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """An address chosen out of a pool; ``holder`` is who has it so far and may be taken it from."""

    address: str
    prefix: int
    holder: str = ""


def propose(
    facts: Facts,
    container: Container,
    network: Network,
    attachment: Attachment,
    sandbox: Sandbox,
    taken: Sequence[Endpoint],
    change: Change,
    given: Given | None = None,
) -> Endpoint:
    """An endpoint for a container on a network, with its addresses claimed in ``change``.

    ``taken`` are the endpoints the container has or is about to have; ``given`` what a network of the
    cluster has given it. Raises InvalidInput, Forbidden or Unavailable when the addresses asked for
    cannot be had.
    """
    usage = driver(network.driver).usage
    eid = given.id if given else identity()
    addresses: list[str] = []
    if given is not None:
        addresses = list(given.addresses)
        for cidr in addresses:
            change.take(claim_key(network.id, cidr.partition("/")[0]), by_endpoint(eid))
    elif usage.addressed:
        addresses = claim_addresses(facts, container, network, attachment, by_endpoint(eid), change)
    endpoint = Endpoint(
        id=eid,
        network_id=network.id,
        container_id=container.id,
        sandbox_id=sandbox.id,
        name=container.name,
        mac=mac_for(container, network, attachment, addresses, eid) if usage.device else "",
        addresses=tuple(addresses),
        link_local=_link_local(attachment),
        ifname=_ifname(network, attachment, taken) if usage.device else "",
        device=veth_device(eid) if usage.device else "",
        dns_names=dns_names(container, attachment) if usage.resolver and not network.default_bridge else (),
        links=_links(attachment),
        gw_priority=attachment.gw_priority,
        options=attachment.driver_opts or {},
    )
    change.put(endpoint)
    return endpoint


def claim_addresses(
    facts: Facts, container: Container, network: Network, attachment: Attachment, owner: str, change: Change
) -> list[str]:
    """Claim one address of each pool, the one asked for or the lowest free. ``address/prefix`` text."""
    choices = choose_addresses(network, container, attachment, facts.claims(network.id))
    for choice in choices:
        key = claim_key(network.id, choice.address)
        if choice.holder:
            change.take(key, owner)
        else:
            change.claim(key, owner)
    return [f"{choice.address}/{choice.prefix}" for choice in choices]


def choose_addresses(
    network: Network, container: Container, attachment: Attachment, claims: Mapping[str, str]
) -> list[Choice]:
    """Addresses for an endpoint: one of each family of one segment. Raises as ``propose`` does.

    ``claims`` tells who holds what. One that was asked for may be taken from the container itself, and on a
    network of the cluster from whoever left it a moment ago; one that was not may be the container's last.
    """
    wanted = _wanted(network, attachment)
    mine = {by_container(container.id), by_cooling(container.id)}
    full: Unavailable | None = None
    for segment in segments(network.pools):
        if not all(any(_contains(p, a) for p in segment.pools) for a in wanted.values()):
            continue
        try:
            return [_choose(pool, wanted.get(pool.family, ""), mine, claims) for pool in segment.pools]
        except Unavailable as error:
            full = full or error
    if full is not None:
        raise full
    if wanted:
        together = "; ".join(" with ".join(p.subnet for p in s.pools) for s in segments(network.pools))
        raise InvalidInput(
            f"invalid config for network {network.name}: {' and '.join(wanted.values())} are of subnets that "
            f"do not belong together. Those of one segment are: {together}"
        )
    return []


def _choose(pool: Pool, wanted: str, mine: set[str], claims: Mapping[str, str]) -> Choice:
    if wanted:
        holder = claims.get(wanted, "")
        if holder and holder not in mine and not holder.rpartition(" ")[2].startswith(COOLING):
            raise Forbidden("Address already in use")
        return Choice(wanted, pool.prefix, holder)
    last = next((a for a, o in claims.items() if o in mine and _contains(pool, a)), "")
    if last:
        return Choice(last, pool.prefix, claims[last])
    return Choice(next_address(pool, claims), pool.prefix)


def _contains(pool: Pool, address: str) -> bool:
    """Whether an address is of a pool's subnet."""
    if (":" in address) != (pool.family == 6):
        return False
    return ip_address(address) in ip_network(pool.subnet)


def reserve(facts: Facts, container: Container, network: Network, attachment: Attachment) -> Change:
    """Claim the addresses a container asked for while it does not run; taken ones are left alone.

    They are refused when the container starts, as Docker does.
    """
    change = Change()
    if driver(network.driver).usage.addressed:
        for address in _wanted(network, attachment).values():
            if address not in facts.claims(network.id):
                change.claim(claim_key(network.id, address), by_container(container.id))
    return change


def release(facts: Facts, container: Container, endpoints: Sequence[Endpoint], change: Change) -> None:
    """Remove endpoints; addresses the container asked for stay reserved for it while it exists."""
    for endpoint in endpoints:
        change.remove(endpoint)
        network = facts.networks.get(endpoint.network_id)
        asked = _asked(container, network.name if network else "")
        for cidr in endpoint.addresses:
            address = cidr.partition("/")[0]
            if address in asked:
                change.take(claim_key(endpoint.network_id, address), by_container(container.id))
            else:
                give_back(network, endpoint.network_id, address, container, change)


def give_back(
    network: Network | None, network_id: str, address: str, container: Container, change: Change
) -> None:
    """Free an address, on a network of the cluster not before it has cooled down."""
    key = claim_key(network_id, address)
    if network is not None and network.shared:
        change.take(key, by_cooling(container.id))
    else:
        change.free(key)


def free_reservations(facts: Facts, container: Container, network_id: str, change: Change) -> None:
    """Give back the addresses kept for a container on one network."""
    for address, owner in facts.own_claims(network_id).items():
        if owner == by_container(container.id):
            give_back(facts.networks.get(network_id), network_id, address, container, change)


def dns_names(container: Container, attachment: Attachment) -> tuple[str, ...]:
    """Names of an endpoint, in Docker's order: name, aliases, short ID, hostname."""
    names = [container.name, *(attachment.aliases or ()), short(container.id)]
    if container.config.hostname:
        names.append(container.config.hostname)
    return tuple(dict.fromkeys(names))


def _wanted(network: Network, attachment: Attachment) -> dict[int, str]:
    """The addresses asked for, by family, canonical. Raises InvalidInput or Forbidden."""
    given = attachment.ipam_config
    asked = {4: given.ipv4, 6: given.ipv6} if given else {}
    found = {}
    for family, address in asked.items():
        pools = [p for p in network.pools if p.family == family]
        if address and not any(p.requested for p in pools):
            raise InvalidInput(f"invalid config for network {network.name}: invalid endpoint settings:\n"
                               f"* user specified IP address is supported only when connecting to networks "
                               f"with user configured subnets: {address}")  # fmt: skip
        if address:
            found[family] = check_address(pools, address)
    return found


def _asked(container: Container, network_name: str) -> tuple[str, ...]:
    attachment = container.networks.get(network_name)
    wanted = attachment.ipam_config if attachment else None
    return (wanted.ipv4, wanted.ipv6) if wanted else ()


def mac_for(
    container: Container, network: Network, attachment: Attachment, addresses: Sequence[str], eid: str
) -> str:
    """The MAC address asked for, or the one that follows from the first address."""
    if attachment.mac_address:
        return attachment.mac_address.lower()
    mode = container.host.network_mode
    if container.config.mac_address and mode in (network.name, network.id):
        return container.config.mac_address.lower()
    return mac_of(addresses[0] if addresses else "", eid)


def _link_local(attachment: Attachment) -> tuple[str, ...]:
    wanted = attachment.ipam_config
    return tuple(f"{a}/64" if ":" in a else f"{a}/16" for a in (wanted.link_local or () if wanted else ()))


def _ifname(network: Network, attachment: Attachment, taken: Sequence[Endpoint]) -> str:
    prefix = network.options.get(IFACE_PREFIX) or "eth"
    used = {e.ifname for e in taken}
    asked = (attachment.driver_opts or {}).get(endpoint_options.IFNAME, "")
    if asked in used:
        raise Forbidden(f"interface name {asked} is taken: the container has {', '.join(sorted(used))}")
    if asked:
        return asked
    return next(name for name in (f"{prefix}{i}" for i in range(len(used) + 1)) if name not in used)


def _links(attachment: Attachment) -> dict[str, str]:
    """Alias → name or ID. The container need not exist yet: the name is looked up when it is asked for."""
    found = {}
    for link in attachment.links or ():
        target, _, alias = link.partition(":")
        if not target:
            raise InvalidInput(f"invalid link {link!r}: write NAME or NAME:ALIAS")
        found[alias or target.removeprefix("/")] = target.removeprefix("/")
    return found


def with_names(endpoint: Endpoint, container: Container, attachment: Attachment) -> Endpoint:
    """An endpoint with the names of a container that was renamed."""
    names = dns_names(container, attachment) if endpoint.dns_names else ()
    return msgspec.structs.replace(endpoint, name=container.name, dns_names=names)


def network_of(facts: Facts, endpoint: Endpoint) -> Network:
    """The network of an endpoint; its absence is a defect of the store."""
    network = facts.networks.get(endpoint.network_id)
    if network is None:
        raise Failure(f"endpoint {short(endpoint.id)} is on network {short(endpoint.network_id)}, "
                      "which does not exist")  # fmt: skip
    return network
