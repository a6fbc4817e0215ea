"""What must be so in a simulated cluster when nothing has happened for a while."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench.simulation import SimCluster, SimHost
from seaway.cluster import keys
from seaway.datapath.resources import Forward, Neighbour, Vxlan
from seaway.model import Endpoint, Network, Remote
from seaway.model.codec import decode


async def eventually_sound(cluster: SimCluster, seconds: float = 5.0) -> None:
    """Wait until everything agrees with everything; the last disagreement is raised."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            await check(cluster)
            return
        except AssertionError:
            if asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(0.02)


async def check(cluster: SimCluster) -> None:
    """AssertionError when something disagrees with something."""
    items = {key: item.value for key, item in cluster.server.read("").items.items()}
    networks = _decoded(items, keys.NETWORKS, Network)
    remotes = _decoded(items, keys.ENDPOINTS, Remote)
    alive = {key.removeprefix(keys.ALIVE) for key in items if key.startswith(keys.ALIVE)}
    _same(alive, {h.id for h in cluster.hosts})
    _nothing_twice(networks, remotes)
    _store_is_local(cluster, items, networks, remotes)
    for host in cluster.hosts:
        assert host.daemon.session.connected, host.daemon.session.state
        mirror = host.daemon.mirror
        _same(set(mirror.networks), {n.id for n in networks})
        shown = {r.id: (r.node, r.addresses) for a in mirror.abroad.values() for r in a.remotes.values()}
        stored = {r.id: (r.node, r.addresses) for r in remotes if r.node != host.id}
        _same(set(shown.items()), set(stored.items()))
        _kernel(host, remotes, {h.id: h.address for h in cluster.hosts})
        assert not await host.daemon.settler.differences(), host.name


def _decoded(items: dict[str, bytes], prefix: str, kind: type) -> list[Any]:
    return [decode(v, kind) for k, v in items.items() if k.startswith(prefix) and k != keys.GUARD]


def _nothing_twice(networks: list[Network], remotes: list[Remote]) -> None:
    addresses = [(r.network_id, a) for r in remotes for a in r.addresses]
    macs = [(r.network_id, r.mac) for r in remotes]
    vnis = [p.vni for n in networks for p in n.pools]
    subnets, names = [p.subnet for n in networks for p in n.pools], [n.name for n in networks]
    for values in (addresses, macs, vnis, subnets, names):
        assert not _twice(values)


def _twice(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _store_is_local(
    cluster: SimCluster, items: dict[str, bytes], networks: list[Network], remotes: list[Remote]
) -> None:
    """Endpoints and claims in the store are exactly those of the hosts' own facts."""
    known = {n.id for n in networks}
    here: dict[str, tuple[str, Endpoint]] = {}
    claims: dict[str, str] = {}
    for host in cluster.hosts:
        facts = host.daemon.facts
        for endpoint in facts.endpoints.values():
            here[endpoint.id] = (host.id, endpoint)
            assert endpoint.network_id in known, f"{endpoint.name} of {host.name} is on no network"
            assert endpoint.sandbox_id in facts.sandboxes
        for nid in facts.claimed_networks():
            for address, owner in facts.own_claims(nid).items():
                if nid in known:
                    assert keys.claim(nid, address) not in claims, f"{address} claimed by two"
                    claims[keys.claim(nid, address)] = f"{host.id} {owner}"
    stored = {(r.id, r.node, r.name, r.addresses, r.mac) for r in remotes}
    _same(stored, {(e.id, node, e.name, e.addresses, e.mac) for node, e in here.values()})
    for network in networks:
        claims |= {keys.claim(network.id, p.gateway): "gateway" for p in network.pools if p.gateway}
    held = {(k, v.decode()) for k, v in items.items() if k.startswith(keys.CLAIMS)}
    _same(held, set(claims.items()))
    for node, endpoint in here.values():
        for cidr in endpoint.addresses:
            claim = claims[keys.claim(endpoint.network_id, cidr.partition("/")[0])]
            assert claim == f"{node} endpoint:{endpoint.id}"
    for value in claims.values():
        node, owner = keys.holder(value)
        if owner.startswith("endpoint:"):
            assert owner.removeprefix("endpoint:") in here, f"{value}: held by nobody"
        elif owner.startswith("container:"):
            host = next(h for h in cluster.hosts if h.id == node)
            assert owner.removeprefix("container:") in host.daemon.facts.containers, (
                f"{value}: held by nobody"
            )


def _kernel(host: SimHost, remotes: list[Remote], addresses: dict[str, str]) -> None:
    """Forwards and neighbours are those of the remote endpoints on the networks that are here."""
    facts = host.daemon.facts
    here = facts.snapshot().present
    far = [r for r in remotes if r.node != host.id and r.network_id in here]
    state = list(host.kernel.state.values())
    _same({(r.mac, r.to) for r in state if isinstance(r, Forward)}, {(r.mac, addresses[r.node]) for r in far})
    wanted = {(a.partition("/")[0], r.mac) for r in [*far, *facts.endpoints.values()] for a in r.addresses}
    _same({(r.address, r.mac) for r in state if isinstance(r, Neighbour)}, wanted)
    assert len([r for r in state if isinstance(r, Vxlan)]) == len(here), host.name


def _same(found: Any, wanted: Any) -> None:
    assert found == wanted, f"too much {found - wanted}, too little {wanted - found}"
