"""Claims: turns "this one wants these addresses" into checks and writes of one store commit.

One key for each address of each network. Whoever writes it first has the address; the check that the
key does not exist makes the store the judge, on one host and on many. Nothing here does I/O: the
engine commits, and on StoreConflict proposes again with what is used by then.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from seaway.errors import Forbidden
from seaway.ipam.addresses import TAKEN, check_address, next_address
from seaway.model import Network
from seaway.store.contract import Check, Delete, Put

PREFIX = "claims/"
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Addresses to be had (``address/prefix``, IPv4 before IPv6) if this commit succeeds."""

    addresses: tuple[str, ...]
    checks: tuple[Check, ...]
    writes: tuple[Put, ...]


def claim_key(network_id: str, address: str) -> str:
    """The key that stands for an address of a network; ``address`` is canonical text."""
    return f"{PREFIX}{network_id}/{address}"


def claim_value(owner: str) -> bytes:
    """What a claim holds: ``endpoint:<id>``, ``container:<id>``, ``gateway`` or ``aux:<name>`` as owner."""
    return json.dumps({"owner": owner}).encode()


def owner_of(value: bytes) -> str:
    """The owner a claim names."""
    return str(json.loads(value)["owner"])


def propose(network: Network, wanted4: str, wanted6: str, used: Container[str], owner: str) -> Proposal:
    """One address of each pool for ``owner``: the wanted one, or the lowest free.

    ``used`` are the network's claimed addresses. Raises InvalidInput or Forbidden for a wanted address
    that cannot be had, Unavailable when a pool is full.
    """
    given: list[str] = []
    keys: list[str] = []
    for pool in network.pools:
        wanted = wanted6 if pool.family == 6 else wanted4
        address = check_address(network.pools, wanted) if wanted else next_address(pool, used)
        if wanted and address in used:
            raise Forbidden(TAKEN)
        given.append(f"{address}/{pool.prefix}")
        keys.append(claim_key(network.id, address))
    return Proposal(tuple(given), *_claim(dict.fromkeys(keys, owner)))


def of_network(network: Network) -> tuple[tuple[Check, ...], tuple[Put, ...]]:
    """Claims of a new network itself: its gateways and its auxiliary addresses."""
    owners: dict[str, str] = {}
    for pool in network.pools:
        owners.update({claim_key(network.id, a): f"aux:{name}" for name, a in pool.aux.items()})
        if pool.gateway:
            owners[claim_key(network.id, pool.gateway)] = GATEWAY
    return _claim(owners)


def release(network_id: str, addresses: Iterable[str]) -> tuple[Delete, ...]:
    """Give addresses (with or without prefix) back."""
    return tuple(Delete(claim_key(network_id, a.partition("/")[0])) for a in addresses)


def hand_over(network_id: str, addresses: Sequence[str], owner: str) -> tuple[Put, ...]:
    """Keep addresses under another owner: those a container asked for, while it does not run."""
    value = claim_value(owner)
    return tuple(Put(claim_key(network_id, a.partition("/")[0]), value) for a in addresses)


def _claim(owners: Mapping[str, str]) -> tuple[tuple[Check, ...], tuple[Put, ...]]:
    return (
        tuple(Check(key) for key in owners),
        tuple(Put(key, claim_value(owner)) for key, owner in owners.items()),
    )
