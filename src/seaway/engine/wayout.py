"""The way out of networks that lead nowhere else: an endpoint on docker_gwbridge, as Docker has it."""

from collections.abc import Iterable, Sequence

import msgspec

from seaway.drivers import driver
from seaway.drivers.sandbox import GATEWAY_BRIDGE
from seaway.engine import endpoints
from seaway.engine.facts import Change, Facts
from seaway.engine.specs import NetworkSpec
from seaway.model import Attachment, Container, Endpoint, Network, Sandbox
from seaway.model.names import short

SPEC = NetworkSpec(
    name=GATEWAY_BRIDGE,
    driver="bridge",
    options={
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.name": GATEWAY_BRIDGE,
    },
)


def needed(networks: Iterable[Network]) -> bool:
    """Whether a container on these networks gets a way out."""
    return any(driver(n.driver).usage.way_out and not n.internal for n in networks)


def bridge(facts: Facts) -> Network | None:
    """The gateway bridge, if it has been made."""
    return next((n for n in facts.networks.values() if n.name == GATEWAY_BRIDGE and not n.shared), None)


def of_sandbox(facts: Facts, places: Iterable[Endpoint]) -> Endpoint | None:
    """The endpoint on the gateway bridge among these."""
    way = bridge(facts)
    return next((e for e in places if way is not None and e.network_id == way.id), None)


def propose(
    facts: Facts, container: Container, box: Sandbox, taken: Sequence[Endpoint], change: Change
) -> Endpoint | None:
    """The endpoint on the gateway bridge, claimed in ``change``; None when the bridge has gone meanwhile."""
    network = bridge(facts)
    if network is None:
        return None
    place = endpoints.propose(facts, container, network, Attachment(), box, taken, change)
    place = msgspec.structs.replace(place, name=f"gateway_{short(box.id)}", dns_names=(), links={})
    change.put(place)
    return place


def is_way_out(facts: Facts, place: Endpoint) -> bool:
    """Whether an endpoint is on the gateway bridge, which its container did not ask for."""
    network = facts.networks.get(place.network_id)
    return network is not None and network.name == GATEWAY_BRIDGE and place.name.startswith("gateway_")
