"""Hosts of the cluster over HTTP: routes of Seaway's own, since Docker's ``/nodes`` belong to its swarm."""

from aiohttp import web

from seaway.api import shapes_nodes
from seaway.api.wire import Call, answer


async def index(call: Call) -> web.StreamResponse:
    """All hosts."""
    return answer([shapes_nodes.entry(node) for node in call.engine.nodes.list()])


async def inspect(call: Call) -> web.StreamResponse:
    """One host, and its endpoints."""
    return answer(shapes_nodes.node(call.engine.nodes.inspect(call.ref)))


async def remove(call: Call) -> web.StreamResponse:
    """Forget a host, and free what it held; the answer is that host as it was."""
    return answer(shapes_nodes.node(await call.engine.nodes.remove(call.ref, call.flag("force"))))
