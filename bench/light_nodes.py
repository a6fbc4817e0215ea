"""Hosts of a simulated cluster that are nothing but what they write into its store."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

from seaway.cluster import keys
from seaway.cluster.reading import Record
from seaway.engine.shared import network_items
from seaway.model import Member, Network, Pool, Remote
from seaway.model.codec import encode
from seaway.model.names import mac_of
from seaway.store import LIMIT, Check, Put, Store

WRITERS = 8
"""Commits under way while a store is filled."""


@dataclass(frozen=True)
class Size:
    """How large a cluster is; its endpoints are spread evenly."""

    nodes: int
    endpoints: int
    networks: int = 100

    def __str__(self) -> str:
        return f"{self.nodes:,} nodes, {self.endpoints:,} endpoints, {self.networks} networks"


def network(number: int) -> Network:
    """A network of the cluster with room for 4,000 endpoints."""
    subnet = f"10.{number}.0.0/20"
    pool = Pool(subnet=subnet, gateway=f"10.{number}.0.1", requested=True, vni=256 + number)
    identity = sha256(f"network {number}".encode()).hexdigest()
    return Network(
        id=identity,
        name=f"net{number}",
        driver="overlay",
        created="2026-01-01T00:00:00Z",
        scope="global",
        internal=True,
        pools=(pool,),
    )


def join(number: int, net: Network, index: int, node: str) -> tuple[list[Check], list[Put]]:
    """A container's start on some node, as its one commit: endpoint ``index`` of a network."""
    identity = sha256(f"endpoint {number}".encode()).hexdigest()
    address = str(ip_address(net.pools[0].subnet.partition("/")[0]) + 2 + index)
    remote = Remote(
        id=identity,
        network_id=net.id,
        node=node,
        container_id=identity[::-1],
        name=f"c{number}",
        mac=mac_of(address, identity),
        addresses=(f"{address}/20",),
        dns_names=(f"c{number}", identity[::-1][:12]),
    )
    claim = keys.claim(net.id, address)
    owner = keys.owner(node, f"endpoint:{identity}").encode()
    return [Check(claim)], [Put(claim, owner), Put(keys.endpoint(net.id, identity), encode(remote))]


async def fill(store: Store, size: Size) -> None:
    """Write a whole cluster, but for the node 0, which is to be a full one."""
    await store.commit([], [Put(keys.RECORD, encode(Record(id="bench", epoch="1")))])
    work = _commits(size)
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(_write(store, work))


async def _write(store: Store, work: Iterator[list[Put]]) -> None:
    for writes in work:
        await store.commit([], writes)


def _commits(size: Size) -> Iterator[list[Put]]:
    part: list[Put] = []
    for put in _puts(size):
        part.append(put)
        if len(part) == LIMIT:
            yield part
            part = []
    yield part


def _puts(size: Size) -> Iterator[Put]:
    for number in range(1, size.nodes):
        address = f"192.168.{number // 250}.{number % 250 + 1}"
        member = Member(id=f"node{number}", name=f"h{number}", address=address)
        yield Put(keys.node(member.id), encode(member))
        yield Put(keys.advertise(address), member.id.encode())
        yield Put(keys.alive(member.id), b"1")
    networks = [network(n) for n in range(size.networks)]
    for net in networks:
        yield from (Put(key, value) for key, value in network_items(net))
    for number in range(size.endpoints):
        node = f"node{1 + number % (size.nodes - 1)}"
        yield from join(number, networks[number % size.networks], number // size.networks, node)[1]
