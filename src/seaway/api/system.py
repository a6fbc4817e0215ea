"""The daemon itself over HTTP: ping, version, info, events, disk usage, login."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec
from aiohttp import web

from seaway.api import shapes_containers, shapes_images, shapes_system, shapes_volumes
from seaway.api.containers import sizes
from seaway.api.wire import Call, answer, opened, read_json, while_there
from seaway.engine.events import Event
from seaway.engine.filters import moment
from seaway.errors import InvalidInput


async def ping(call: Call) -> web.StreamResponse:
    """Whether we are there; what clients want is in the headers."""
    return web.Response(
        text="OK" if call.request.method == "GET" else None, headers=shapes_system.ping_headers()
    )


async def version(_call: Call) -> web.StreamResponse:
    """Versions."""
    return answer(shapes_system.version())


async def info(call: Call) -> web.StreamResponse:
    """Facts about the daemon and its host."""
    return answer(shapes_system.info(call.engine.info()))


def when(call: Call, key: str) -> float | None:
    """A moment in the query (``since``, ``until``) in seconds since 1970; None when not given."""
    text = call.text(key)
    return moment(text, time.time()) if text else None


async def events(call: Call) -> web.StreamResponse:
    """Events as they happen; the head goes out at once."""
    since, until = when(call, "since"), when(call, "until")
    if since is not None and until is not None and since > until:
        raise InvalidInput(
            f"`since` time ({call.text('since')}) cannot be after `until` time ({call.text('until')})"
        )
    found = call.engine.events.subscribe(since, until, call.filters())
    async with aclosing(cast("Any", found)) as happening:
        stream = await opened(call.request)

        async def tell() -> None:
            async for one in cast("AsyncIterator[Event]", happening):
                await stream.write(msgspec.json.encode(shapes_system.event(one)) + b"\n")

        await while_there(call.request, tell())
    return stream


async def df(call: Call) -> web.StreamResponse:
    """What takes space, by kind."""
    engine, snapshot = call.engine, call.engine.snapshot()
    images = await engine.images.list()
    containers = engine.containers.list(all=True, limit=0, filters={})
    users: dict[str, int] = {}
    for one in containers:
        users[one.image] = users.get(one.image, 0) + 1
    everything: dict[str, Any] = {
        "LayersSize": sum(i.size for i in images),
        "Images": [shapes_images.entry(i, containers=users.get(i.id, 0), shared=0) for i in images],
        "Containers": [
            shapes_containers.entry(c, snapshot, (), size=await sizes(call, c)) for c in containers
        ],
        "Volumes": [shapes_volumes.volume(v, used=True) for v in engine.volumes.list({})],
        "BuildCache": [],
    }
    kinds = {"image": "Images", "container": "Containers", "volume": "Volumes", "build-cache": "BuildCache"}
    wanted = call.texts("type")
    for kind in wanted:
        if kind not in kinds:
            raise InvalidInput(f"unknown object type: {kind}")
    return answer({k: v for k, v in everything.items() if not wanted or k in {kinds[w] for w in wanted}})


async def login(call: Call) -> web.StreamResponse:
    """Take credentials as they are: the client keeps them, and the registry judges them at a pull."""
    raw = await read_json(call.request)
    if not isinstance(raw, dict):
        raise InvalidInput("credentials must be a JSON object with username, password and serveraddress")
    return answer(
        {
            "Status": "Credentials kept unchecked; the registry will see them with the next pull",
            "IdentityToken": "",
        }
    )
