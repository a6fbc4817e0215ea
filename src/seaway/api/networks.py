"""Networks over HTTP."""

from typing import Any

from aiohttp import web
from msgspec import Struct, field

from seaway.api import bodies, shapes_networks
from seaway.api.wire import Call, answer, convert, nothing, read_json


class Connect(Struct, rename="pascal"):
    """The body of ``POST /networks/{id}/connect``."""

    container: str = ""
    endpoint_config: dict[str, Any] = field(default_factory=dict)


class Disconnect(Struct, rename="pascal"):
    """The body of ``POST /networks/{id}/disconnect``."""

    container: str = ""
    force: bool = False


async def index(call: Call) -> web.StreamResponse:
    """Networks that pass the filters; their Containers are filled for old clients only."""
    snapshot = call.engine.snapshot()
    found = call.engine.networks.list(call.filters())
    full = call.before(28)
    return answer([shapes_networks.network(n, snapshot, call.version[1], full=full) for n in found])


async def inspect(call: Call) -> web.StreamResponse:
    """One network."""
    one = call.engine.networks.get(call.ref)
    return answer(shapes_networks.network(one, call.engine.snapshot(), call.version[1], full=True))


async def create(call: Call) -> web.StreamResponse:
    """Create a network."""
    raw = bodies.without_nulls(await read_json(call.request) or {})
    body = convert(raw, shapes_networks.Create)
    if call.before(48):
        body.enable_ipv4 = None
    network, warning = await call.engine.networks.create(shapes_networks.spec(body))
    return answer({"Id": network.id, "Warning": warning}, 201)


async def remove(call: Call) -> web.StreamResponse:
    """Remove a network."""
    await call.engine.networks.remove(call.ref)
    return nothing()


async def connect(call: Call) -> web.StreamResponse:
    """Put a container on a network."""
    body = convert(bodies.without_nulls(await read_json(call.request) or {}), Connect)
    wish = bodies.attachment(body.endpoint_config)
    await call.engine.networks.connect(call.ref, body.container, wish)
    return nothing(200)


async def disconnect(call: Call) -> web.StreamResponse:
    """Take a container off a network."""
    body = convert(bodies.without_nulls(await read_json(call.request) or {}), Disconnect)
    await call.engine.networks.disconnect(call.ref, body.container, body.force)
    return nothing(200)


async def prune(call: Call) -> web.StreamResponse:
    """Remove networks that nobody uses; null, not [], when there were none."""
    gone = await call.engine.networks.prune(call.filters())
    return answer({"NetworksDeleted": gone or None})
