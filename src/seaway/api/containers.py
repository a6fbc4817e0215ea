"""Containers over HTTP: everything but streams."""

import base64
from typing import Any

import msgspec
from aiohttp import web

from seaway.api import bodies, shapes_containers
from seaway.api.wire import Call, answer, nothing, read_json, stream_bytes
from seaway.errors import InvalidInput, NotFound
from seaway.model import Container

TAR = "application/x-tar"


async def index(call: Call) -> web.StreamResponse:
    """Containers that pass the filters; the running ones only, unless ``all``."""
    containers = call.engine.containers
    found = containers.list(all=call.flag("all"), limit=call.number("limit") or 0, filters=call.filters())
    links = shapes_containers.link_names(containers.list(all=True, limit=0, filters={}))
    snapshot = call.engine.snapshot()
    measured = {c.id: await sizes(call, c) for c in found} if call.flag("size") else {}
    return answer(
        [
            shapes_containers.entry(
                c, snapshot, [*links.get(c.name, ()), *links.get(c.id, ())], size=measured.get(c.id)
            )
            for c in found
        ]
    )


async def inspect(call: Call) -> web.StreamResponse:
    """One container."""
    one = call.engine.containers.get(call.ref)
    view = call.engine.containers.health(one)
    facts = call.engine.info()
    shape = shapes_containers.inspect(one, call.engine.snapshot(), facts, call.version[1], view)
    if call.flag("size"):
        shape |= shapes_containers.sizes(*await sizes(call, one))
    return answer(shape)


async def sizes(call: Call, one: Container) -> tuple[int, int]:
    """Bytes that a container wrote, and bytes of its image (0 when the image was forced away)."""
    written = await call.engine.containers.size(one)
    try:
        image = await call.engine.images.get(one.image)
    except NotFound:
        return written, 0
    return written, image.size


async def create(call: Call) -> web.StreamResponse:
    """Create a container."""
    raw = await read_json(call.request)
    spec, warnings = bodies.container(raw, call.text("name"), call.text("platform"), call.version)
    identity, more = await call.engine.containers.create(spec)
    return answer({"Id": identity, "Warnings": [*warnings, *more]}, 201)


async def start(call: Call) -> web.StreamResponse:
    """Start a container."""
    await call.engine.containers.start(call.ref)
    return nothing()


async def stop(call: Call) -> web.StreamResponse:
    """Stop a container: a signal, a grace period in seconds, then SIGKILL."""
    await call.engine.containers.stop(call.ref, timeout=call.number("t"), signal=call.text("signal") or None)
    return nothing()


async def restart(call: Call) -> web.StreamResponse:
    """Stop, then start."""
    await call.engine.containers.restart(
        call.ref, timeout=call.number("t"), signal=call.text("signal") or None
    )
    return nothing()


async def kill(call: Call) -> web.StreamResponse:
    """Send a signal."""
    await call.engine.containers.kill(call.ref, call.text("signal") or "SIGKILL")
    return nothing()


async def pause(call: Call) -> web.StreamResponse:
    """Freeze."""
    await call.engine.containers.pause(call.ref)
    return nothing()


async def unpause(call: Call) -> web.StreamResponse:
    """Thaw."""
    await call.engine.containers.unpause(call.ref)
    return nothing()


async def rename(call: Call) -> web.StreamResponse:
    """Give it another name."""
    await call.engine.containers.rename(call.ref, call.text("name"))
    return nothing()


async def resize(call: Call) -> web.StreamResponse:
    """Set the terminal's size."""
    height, width = size_of(call)
    await call.engine.containers.resize(call.ref, height, width)
    return nothing(200)


def size_of(call: Call) -> tuple[int, int]:
    """Height and width in characters, from ``h`` and ``w``."""
    height, width = call.number("h"), call.number("w")
    if height is None or width is None or not (0 <= height < 1 << 16 and 0 <= width < 1 << 16):
        raise InvalidInput("h and w must both be given, as whole numbers from 0 to 65535")
    return height, width


async def update(call: Call) -> web.StreamResponse:
    """Change limits or the restart policy; only what is given and not zero changes."""
    raw = bodies.without_nulls(await read_json(call.request) or {})
    host = bodies.host_config(raw, "")
    given = msgspec.to_builtins(host)
    changes: dict[str, Any] = {k: given[k] for k in raw if k in given and bodies.asked(raw[k])}
    warnings = await call.engine.containers.update(call.ref, changes)
    return answer({"Warnings": warnings or None})


async def remove(call: Call) -> web.StreamResponse:
    """Remove a container."""
    await call.engine.containers.remove(
        call.ref, force=call.flag("force"), volumes=call.flag("v"), link=call.flag("link")
    )
    return nothing()


async def prune(call: Call) -> web.StreamResponse:
    """Remove every stopped container; null, not [], when there were none."""
    gone, space = await call.engine.containers.prune(call.filters())
    return answer({"ContainersDeleted": gone or None, "SpaceReclaimed": space})


async def top(call: Call) -> web.StreamResponse:
    """Its processes, as ``ps`` shows them."""
    return answer(await call.engine.containers.top(call.ref, call.text("ps_args") or "-ef"))


async def changes(call: Call) -> web.StreamResponse:
    """What the writable layer changes; null when nothing."""
    return answer(await call.engine.containers.changes(call.ref) or None)


async def export(call: Call) -> web.StreamResponse:
    """The file system as a tar."""
    pieces = await call.engine.containers.export(call.ref)
    return await stream_bytes(call.request, TAR, pieces)


async def commit(call: Call) -> web.StreamResponse:
    """An image from a container."""
    raw = bodies.without_nulls(await read_json(call.request) or {})
    identity = await call.engine.containers.commit(
        call.text("container"),
        call.text("repo"),
        call.text("tag"),
        call.text("comment"),
        call.text("author"),
        call.texts("changes"),
        call.flag("pause", default=True),
        raw,
    )
    return answer({"Id": identity}, 201)


def _path(call: Call) -> str:
    path = call.text("path")
    if not path:
        raise InvalidInput("path cannot be empty")
    return path


def _stat_header(stat: dict[str, Any]) -> dict[str, str]:
    return {"X-Docker-Container-Path-Stat": base64.b64encode(msgspec.json.encode(stat)).decode()}


async def archive_stat(call: Call) -> web.StreamResponse:
    """What stands at a path in the container, in a header."""
    stat = await call.engine.containers.archive_stat(call.ref, _path(call))
    return web.Response(headers=_stat_header(stat))


async def archive_get(call: Call) -> web.StreamResponse:
    """A path of the container as a tar."""
    stat, pieces = await call.engine.containers.archive_get(call.ref, _path(call))
    return await stream_bytes(call.request, TAR, pieces, _stat_header(stat))


async def archive_put(call: Call) -> web.StreamResponse:
    """Unpack a tar in the container."""
    await call.engine.containers.archive_put(
        call.ref, _path(call), call.body(), no_overwrite=call.flag("noOverwriteDirNonDir")
    )
    return nothing(200)
