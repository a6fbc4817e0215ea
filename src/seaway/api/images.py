"""Images over HTTP."""

import base64
import binascii

import msgspec
from aiohttp import web

from seaway.api import image_filters, shapes_images
from seaway.api.wire import Call, answer, nothing, opened, stream_bytes, stream_json
from seaway.errors import InvalidInput

TAR = "application/x-tar"

NO_DIGEST = "refusing to create a tag with a digest reference"


def credentials(header: str) -> dict[str, str]:
    """X-Registry-Auth: base64url of a JSON object. Empty and ``{}`` are anonymous; so is what is broken."""
    if not header:
        return {}
    try:
        padded = header + "=" * (-len(header) % 4)
        raw = msgspec.json.decode(base64.urlsafe_b64decode(padded))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return {}
    return {k: v for k, v in raw.items() if isinstance(v, str)} if isinstance(raw, dict) else {}


def joined(name: str, tag: str) -> str:
    """A name and a tag, or a digest where the tag goes."""
    if not tag:
        return name
    return f"{name}@{tag}" if tag.startswith("sha256:") else f"{name}:{tag}"


async def index(call: Call) -> web.StreamResponse:
    """Images that pass the filters."""
    found = image_filters.images(await call.engine.images.list(), call.filters())
    return answer([shapes_images.entry(i) for i in found])


async def inspect(call: Call) -> web.StreamResponse:
    """One image."""
    one = await call.engine.images.get(call.ref)
    return answer(shapes_images.inspect(one, call.engine.info(), call.version[1]))


async def history(call: Call) -> web.StreamResponse:
    """How an image came to be."""
    one = await call.engine.images.get(call.ref)
    return answer(shapes_images.history(one, one.history))


async def create(call: Call) -> web.StreamResponse:
    """Pull from a registry (``fromImage``), or import a root file system (``fromSrc=-``)."""
    if call.text("fromImage"):
        return await _pull(call)
    if call.text("fromSrc") != "-":
        raise InvalidInput(
            f"cannot import from {call.text('fromSrc')!r}: only - (the request's body) is served"
        )
    identity = await call.engine.images.import_(
        call.body(), call.text("repo"), call.text("tag"), call.text("message"), call.texts("changes")
    )
    stream = await opened(call.request)
    await stream.write(msgspec.json.encode({"status": identity}) + b"\r\n")
    return stream


async def _pull(call: Call) -> web.StreamResponse:
    progress = call.engine.images.pull(
        call.text("fromImage"),
        call.text("tag"),
        credentials(call.request.headers.get("X-Registry-Auth", "")),
        call.text("platform"),
    )
    return await stream_json(call.request, progress)


async def load(call: Call) -> web.StreamResponse:
    """Images from an archive in the body; even a bad archive is told of in the stream, as in Docker."""
    return await stream_json(call.request, call.engine.images.load(call.body()), always=True)


async def save(call: Call) -> web.StreamResponse:
    """Several images as one archive."""
    names = call.texts("names")
    if not names:
        raise InvalidInput("no image name given: say names=…")
    return await stream_bytes(call.request, TAR, call.engine.images.save(names))


async def save_one(call: Call) -> web.StreamResponse:
    """One image as an archive."""
    return await stream_bytes(call.request, TAR, call.engine.images.save([call.ref]))


async def tag(call: Call) -> web.StreamResponse:
    """Give an image another name."""
    if call.text("tag").startswith("sha256:") or "@" in call.text("repo"):
        raise InvalidInput(NO_DIGEST)
    await call.engine.images.tag(call.ref, call.text("repo"), call.text("tag"))
    return nothing(201)


async def remove(call: Call) -> web.StreamResponse:
    """Take a name from an image, and the image away with its last one."""
    return answer(await call.engine.images.remove(call.ref, call.flag("force")))


async def prune(call: Call) -> web.StreamResponse:
    """Remove images without a name, or with ``dangling=false`` all that nobody uses."""
    gone, space = await call.engine.images.prune(call.filters())
    return answer({"ImagesDeleted": gone or None, "SpaceReclaimed": space})


async def distribution(call: Call) -> web.StreamResponse:
    """What the registry says of an image, which need not be here."""
    auth = credentials(call.request.headers.get("X-Registry-Auth", ""))
    found = await call.engine.images.distribution(call.ref, auth)
    descriptor = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
    return answer({"Descriptor": descriptor, "Platforms": list(found.platforms)})
