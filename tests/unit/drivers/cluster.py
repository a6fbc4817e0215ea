"""Facts for tests of overlay networks: hosts, networks with VNIs, what stands here and elsewhere."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

from seaway.datapath.resources import Resource
from seaway.drivers import driver
from seaway.drivers.segments import choose_vnis, segments, with_vnis
from seaway.model import Abroad, Endpoint, Member, Network, Node, Pool, Remote, Sandbox, Snapshot
from seaway.model.names import mac_of, veth_device
from tests.facts import endpoint, network, snapshot

HERE = Node(name="h1", id="node1", advertise="192.168.1.21")
HOSTS = {"node1": "192.168.1.21", "node2": "192.168.1.20", "node3": "192.168.1.22"}


def overlay(name: str, *subnets: str, taken: Iterable[int] = (), **more: Any) -> Network:
    """An overlay network whose gateways are the first addresses of the subnets, with VNIs."""
    pools = [Pool(subnet=s, gateway=str(ip_network(s)[1])) for s in subnets]
    vnis = choose_vnis(len(segments(pools)), taken)
    fields: dict[str, Any] = {"driver": "overlay", "scope": "global", "device": ""}
    return network(name, **fields | {"pools": with_vnis(pools, vnis)} | more)


def remote(name: str, node: str, net: Network, *addresses: str, **more: Any) -> Remote:
    """A container on another host."""
    identity = sha256(f"{node} {name}".encode()).hexdigest()
    fields: dict[str, Any] = {
        "mac": mac_of(addresses[0] if addresses else "", identity),
        "dns_names": (name,),
    }
    return Remote(id=identity, network_id=net.id, node=node, container_id=identity[::-1], name=name,
                  addresses=addresses, **fields | more)  # fmt: skip


def place(box: Sandbox, net: Network, *addresses: str, **more: Any) -> Endpoint:
    """A container's place on a network, with an ID and a device that nobody else has."""
    identity = sha256(f"{box.id} {net.id}".encode()).hexdigest()
    return endpoint(box, net, *addresses, **{"id": identity, "device": veth_device(identity)} | more)


def abroad(remotes: Iterable[Remote]) -> Abroad:
    """What stands elsewhere on one network, the one published last holding what several claim."""
    by_id, by_address, by_mac = {}, {}, {}
    for one in sorted(remotes, key=lambda r: r.revision):
        by_id[one.id] = by_mac[one.mac] = one
        by_address.update({a.partition("/")[0]: one for a in one.addresses})
    return Abroad(by_id, by_address, by_mac)


def cluster(
    *facts: Network | Sandbox | Endpoint | Remote, node: Node = HERE, hosts: dict[str, str] | None = None
) -> Snapshot:
    """All of them known at once on one node; present are the networks with an endpoint here."""
    base = snapshot(*(f for f in facts if not isinstance(f, Remote)), node=node)
    remotes = [f for f in facts if isinstance(f, Remote)]
    known = hosts or HOSTS
    return replace(
        base,
        abroad={n: abroad(r for r in remotes if r.network_id == n) for n in base.networks},
        members={i: Member(id=i, name=i, address=a) for i, a in known.items()},
        alive=frozenset(known),
        present=frozenset(e.network_id for e in base.endpoints.values()),
    )


def peers(facts: Snapshot) -> list[Resource]:
    """What all remote endpoints want here."""
    return [
        resource
        for nid, net in facts.networks.items()
        for one in facts.remotes(nid).remotes.values()
        for resource in driver(net.driver).remote(one, net, facts)
    ]
