"""Hosts of the cluster as JSON, in the manner of Docker's."""

from typing import Any

from seaway.engine.cluster_views import EndpointView, NodeView


def entry(one: NodeView) -> dict[str, Any]:
    """A host in the list: how many endpoints it has, not which."""
    return {
        "ID": one.id,
        "Name": one.name,
        "Address": one.address,
        "Version": one.version,
        "Status": "ready" if one.alive else "down",
        "Self": one.self,
        "EndpointCount": len(one.endpoints),
    }


def node(one: NodeView) -> dict[str, Any]:
    """A host with its endpoints."""
    return {**entry(one), "Endpoints": [_endpoint(e) for e in one.endpoints]}


def _endpoint(one: EndpointView) -> dict[str, Any]:
    return {
        "ID": one.id,
        "Network": one.network,
        "Name": one.name,
        "ContainerID": one.container_id,
        "MacAddress": one.mac,
        "Addresses": list(one.addresses),
    }
