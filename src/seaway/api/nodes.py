"""Hosts of the cluster over HTTP: routes of Seaway's own, since Docker's ``/nodes`` belong to its swarm."""

from aiohttp import web

from seaway.api import shapes_nodes
from seaway.api.wire import Call, answer
from seaway.engine.cluster_views import NO_CLUSTER, Nodes
from seaway.errors import Unavailable


def _nodes(call: Call) -> Nodes:
    """The verbs on hosts. Raises Unavailable on a host that is in no cluster."""
    found: Nodes | None = getattr(call.engine, "nodes", None)
    if found is None:
        raise Unavailable(NO_CLUSTER)
    return found


async def index(call: Call) -> web.StreamResponse:
    """All hosts."""
    return answer([shapes_nodes.entry(node) for node in _nodes(call).list()])


async def inspect(call: Call) -> web.StreamResponse:
    """One host, and its endpoints."""
    return answer(shapes_nodes.node(_nodes(call).inspect(call.ref)))


async def remove(call: Call) -> web.StreamResponse:
    """Forget a host, and free what it held; the answer is that host as it was."""
    return answer(shapes_nodes.node(await _nodes(call).remove(call.ref, call.flag("force"))))
