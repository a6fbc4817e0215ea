"""Keys and values of a cluster's store, in few words."""

from zlib import crc32

from seaway.cluster import keys
from seaway.model import Member, Network, Pool, Remote
from seaway.model.codec import encode
from seaway.store import Batch, Event

NET = "n" * 64


def remote(name: str, node: str, *addresses: str, net: str = NET, mac: str = "") -> tuple[str, bytes]:
    """An endpoint as its node published it: key and value."""
    fact = Remote(
        id=name,
        network_id=net,
        node=node,
        container_id=name,
        name=name,
        mac=mac or f"02:42:00:{crc32(name.encode()) & 0xFF:02x}:00:{len(name):02x}",
        addresses=addresses,
    )
    return keys.endpoint(net, name), encode(fact)


def network(identity: str = NET, name: str = "net0") -> tuple[str, bytes]:
    """A network: key and value."""
    pool = Pool(subnet="10.0.0.0/24", gateway="10.0.0.1", vni=256)
    fact = Network(id=identity, name=name, driver="overlay", created="", scope="global", pools=(pool,))
    return keys.network(identity), encode(fact)


def member(identity: str, address: str) -> tuple[str, bytes]:
    """A node: key and value."""
    return keys.node(identity), encode(Member(id=identity, name=f"name of {identity}", address=address))


def put(revision: int, *items: tuple[str, bytes]) -> Batch:
    """A batch that writes."""
    return Batch(revision, [Event(key, value, revision) for key, value in items])


def gone(revision: int, *names: str) -> Batch:
    """A batch that removes."""
    return Batch(revision, [Event(key, None, revision) for key in names])
