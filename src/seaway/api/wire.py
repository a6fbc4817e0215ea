"""Rules of the wire: versions, queries, JSON bodies, filters, and JSON answers."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from aiohttp import web

from seaway.api.errors import rendered, response
from seaway.errors import InvalidInput, SeawayError

if TYPE_CHECKING:
    from seaway.engine import Engine

T = TypeVar("T")
Version = tuple[int, int]
Filters = dict[str, list[str]]

NEWEST: Version = (1, 50)
"""The API version announced, and the one an unversioned path gets."""

OLDEST: Version = (1, 24)
"""The oldest API version served."""

JSON_TYPE = "application/json"
"""Exactly this: the CLI shows any other type as plain text."""

OPEN = web.RequestKey("open", bool)
"""Set on a request whose answer's head is out: errors can only cut it off from then on."""

TELLING = web.RequestKey("telling", bool)
"""Set on a request whose answer goes on until the client leaves: when the server stops, it ends at once."""

GLANCE = 1.0
"""Seconds between two looks whether the client of a silent stream is still there."""

LINE = b"\r\n"
"""Between the objects of a progress stream."""

FALSE = frozenset(("", "0", "no", "false", "none"))
"""What Docker reads as false in a query, lower-cased; everything else is true."""


def dotted(version: Version) -> str:
    """``1.50``."""
    return f"{version[0]}.{version[1]}"


def parse_version(text: str | None) -> Version:
    """The version a path begins with; None (an unversioned path) means the newest.

    Raises InvalidInput, with Docker's words, when it is out of range.
    """
    if text is None:
        return NEWEST
    major, _, minor = text.partition(".")
    version = (int(major), int(minor or 0))
    if version > NEWEST:
        raise InvalidInput(
            f"client version {text} is too new. Maximum supported API version is {dotted(NEWEST)}"
        )
    if version < OLDEST:
        raise InvalidInput(
            f"client version {text} is too old. Minimum supported API version is {dotted(OLDEST)}, "
            "please upgrade your client to a newer version"
        )
    return version


class Call:
    """One request, with the readers that handlers need; every reader raises InvalidInput."""

    __slots__ = ("engine", "request", "version")

    def __init__(self, engine: "Engine", request: web.Request, version: Version) -> None:
        self.engine = engine
        self.request = request
        self.version = version

    @property
    def ref(self) -> str:
        """What the path names: a container, network, image, volume or exec."""
        return self.request.match_info["ref"]

    def before(self, minor: int) -> bool:
        """Whether the client speaks a version older than 1.``minor``."""
        return self.version < (1, minor)

    def text(self, key: str, default: str = "") -> str:
        """A query value."""
        return self.request.query.get(key, default)

    def texts(self, key: str) -> list[str]:
        """Every value of a query key."""
        return self.request.query.getall(key, [])

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A query value as a truth value, as Docker reads one."""
        value = self.request.query.get(key)
        return default if value is None else value.strip().lower() not in FALSE

    def number(self, key: str) -> int | None:
        """A query value as a whole number; None when it is not given."""
        value = self.request.query.get(key)
        if value is None or not value.strip():
            return None
        try:
            return int(value)
        except ValueError:
            raise InvalidInput(f"invalid value for {key}: {value!r} is not a whole number") from None

    def filters(self) -> Filters:
        """The ``filters`` of the query, in either of the two forms that clients send."""
        return parse_filters(self.request.query.get("filters", ""))

    async def json(self, kind: type[T], default: T | None = None) -> T:
        """The JSON body as ``kind``; ``default`` (or an empty object) when there is no body."""
        raw = await read_json(self.request)
        if raw is None:
            return default if default is not None else convert({}, kind)
        return convert(raw, kind)

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it comes, for what is no JSON."""
        async for piece in self.request.content.iter_any():
            yield piece


def parse_filters(text: str) -> Filters:
    """``{"name":{"x":true}}`` (CLI, Compose) or ``{"name":["x"]}`` (SDKs) as ``{"name": ["x"]}``."""
    if not text:
        return {}
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise InvalidInput("invalid filter") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise InvalidInput("invalid filter")
    return {key: _values(values) for key, values in raw.items()}


def _values(values: Any) -> list[str]:
    if isinstance(values, Mapping):
        return [value for value, wanted in values.items() if wanted]
    if isinstance(values, list) and all(isinstance(v, str | bool) for v in values):
        return [str(v).lower() if isinstance(v, bool) else v for v in values]
    raise InvalidInput("invalid filter")


async def read_json(request: web.Request) -> Any | None:
    """The body as plain values; None when it is empty. Refuses other content types and bad JSON."""
    body = await request.read()
    if not body:
        return None
    kind = request.headers.get("Content-Type", "")
    if kind.partition(";")[0].strip().lower() != JSON_TYPE:
        raise InvalidInput(f"unsupported Content-Type header ({kind}): must be 'application/json'")
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        if "trailing characters" in str(error):
            raise InvalidInput("unexpected content after JSON") from None
        raise InvalidInput(f"invalid JSON: {error}") from None


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$")


def convert(raw: Any, kind: type[T], at: str = "") -> T:
    """Plain values as ``kind``; a wrong type is refused with its place (below ``at``) and what is allowed."""
    try:
        return msgspec.convert(_recased(raw, kind), kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        what, path = (found["what"], found["path"] or "") if found else (str(error), "")
        place = f"{at}.{path}" if at and path and path[0] != "[" else at + path
        text = f"{place}: {what}" if place else what
        raise InvalidInput(f"invalid JSON: {text.replace('`', '')}") from None


def _recased(raw: Any, kind: Any) -> Any:
    """The same object with the keys of ``kind`` in their own spelling: Docker's server minds no case."""
    if not isinstance(raw, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return raw
    names = {f.encode_name.lower(): f.encode_name for f in msgspec.structs.fields(kind)}
    return {names.get(str(key).lower(), key): value for key, value in raw.items()}


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    body = msgspec.json.encode(value) + b"\n"
    return web.Response(status=status, body=body, headers={"Content-Type": JSON_TYPE})


def nothing(status: int = 204) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status)


async def opened(request: web.Request, kind: str = JSON_TYPE, status: int = 200) -> web.StreamResponse:
    """A stream whose head has gone out already; the body follows in chunks."""
    stream = web.StreamResponse(status=status, headers={"Content-Type": kind})
    request[OPEN] = True
    await stream.prepare(request)
    return stream


async def stream_json(
    request: web.Request, items: AsyncIterator[Any], *, always: bool = False
) -> web.StreamResponse:
    """Objects one by one. An error after the first is an object too; so is one before it, if ``always``.

    When the client leaves, ``items`` is closed, in the middle of what it does.
    """
    stream = await opened(request) if always else None
    refusal: web.Response | None = None

    async def tell() -> None:
        nonlocal stream, refusal
        try:
            async with aclosing(cast("Any", items)) as found:
                async for item in found:
                    stream = stream or await opened(request)
                    await stream.write(msgspec.json.encode(item) + LINE)
        except SeawayError as error:
            if stream is None:
                refusal = rendered(error)
            else:
                await stream.write(msgspec.json.encode(failure(error.message)) + LINE)

    await while_there(request, tell())
    return refusal or stream or await opened(request)


def failure(message: str) -> dict[str, Any]:
    """How a progress stream reports an error after its 200."""
    return {"errorDetail": {"message": message}, "error": message}


async def stream_bytes(
    request: web.Request, kind: str, pieces: AsyncIterator[bytes], headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Bytes as they come. An error before the first piece is an ordinary answer; a later cuts them off.

    When the client leaves, ``pieces`` is closed.
    """
    async with aclosing(cast("Any", pieces)) as found:
        first = await anext(found, None)
        stream = web.StreamResponse(headers={"Content-Type": kind, **(headers or {})})
        request[OPEN] = True
        await stream.prepare(request)

        async def tell() -> None:
            if first is not None:
                await stream.write(first)
            async for piece in found:
                await stream.write(piece)

        await while_there(request, tell())
    return stream


async def while_there(request: web.Request, work: Coroutine[Any, Any, None]) -> None:
    """Do the work of a stream until it is done or the client has gone; silence must not keep it alive."""
    request[TELLING] = True
    try:
        async with asyncio.TaskGroup() as group:
            doing = group.create_task(work)
            watching = group.create_task(_gone(request))
            await asyncio.wait((doing, watching), return_when=asyncio.FIRST_COMPLETED)
            doing.cancel()
            watching.cancel()
    except* ConnectionError:
        pass  # The client has gone in the middle of a write: nobody is left to tell.


async def _gone(request: web.Request) -> None:
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(GLANCE)


def not_found() -> web.Response:
    """The answer for a path that is no route."""
    return response(404, "page not found")
