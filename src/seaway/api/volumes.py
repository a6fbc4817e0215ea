"""Volumes over HTTP."""

from aiohttp import web
from msgspec import Struct, field

from seaway.api import bodies, shapes_volumes
from seaway.api.wire import Call, answer, convert, nothing, read_json


class Create(Struct, rename="pascal"):
    """The body of ``POST /volumes/create``."""

    name: str = ""
    driver: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    driver_opts: dict[str, str] = field(default_factory=dict)


async def index(call: Call) -> web.StreamResponse:
    """Volumes that pass the filters."""
    found = [shapes_volumes.volume(v) for v in call.engine.volumes.list(call.filters())]
    return answer({"Volumes": found, "Warnings": None})


async def inspect(call: Call) -> web.StreamResponse:
    """One volume."""
    return answer(shapes_volumes.volume(call.engine.volumes.get(call.ref)))


async def create(call: Call) -> web.StreamResponse:
    """Create a volume; one that exists already is given back."""
    body = convert(bodies.without_nulls(await read_json(call.request) or {}), Create)
    one = await call.engine.volumes.create(body.name, body.driver or "local", body.labels, body.driver_opts)
    return answer(shapes_volumes.volume(one), 201)


async def remove(call: Call) -> web.StreamResponse:
    """Remove a volume."""
    await call.engine.volumes.remove(call.ref, call.flag("force"))
    return nothing()


async def prune(call: Call) -> web.StreamResponse:
    """Remove volumes that nobody uses; before API 1.42 the named ones too."""
    filters = call.filters()
    if call.before(42):
        filters["all"] = ["true"]
    gone, space = await call.engine.volumes.prune(filters)
    return answer({"VolumesDeleted": gone, "SpaceReclaimed": space})
