"""What flows: attach, logs, wait and stats over HTTP."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import msgspec
from aiohttp import web

from seaway.api import hijack
from seaway.api.detach import Keys
from seaway.api.system import when
from seaway.api.wire import Call, answer, opened, while_there
from seaway.errors import InvalidInput, SeawayError

NO_STREAM = "Bad parameters: you must choose at least one stream"


def kind_of(call: Call, *, tty: bool) -> str:
    """The content type of standard streams: multiplexed without a terminal, from API 1.42."""
    return hijack.RAW if tty or call.before(42) else hijack.MULTIPLEXED


async def attach(call: Call) -> web.StreamResponse:
    """The container's standard streams on this very connection."""
    one = call.engine.containers.get(call.ref)
    stdin, tty = call.flag("stdin"), one.config.tty
    keys = Keys(call.text("detachKeys")) if tty and stdin else None
    console = await call.engine.containers.attach(
        one.id,
        stdin=stdin,
        stdout=call.flag("stdout"),
        stderr=call.flag("stderr"),
        stream=call.flag("stream"),
        logs=call.flag("logs"),
    )
    kind = kind_of(call, tty=tty)
    return await hijack.serve(call.request, console, kind, tty=tty, stdin=stdin, keys=keys)


def _tail(call: Call) -> int | None:
    """``tail``: how many lines from the end; None for all, as for anything that is no number."""
    text = call.text("tail", "all")
    return int(text) if text.isdigit() else None


async def logs(call: Call) -> web.StreamResponse:
    """A container's output so far and, with ``follow``, to come."""
    one = call.engine.containers.get(call.ref)
    stdout, stderr, follow = call.flag("stdout"), call.flag("stderr"), call.flag("follow")
    if not (stdout or stderr):
        raise InvalidInput(NO_STREAM)
    pieces = call.engine.containers.logs(
        one.id,
        follow=follow,
        stdout=stdout,
        stderr=stderr,
        since=when(call, "since") or 0.0,
        until=when(call, "until") or 0.0,
        tail=_tail(call),
        timestamps=call.flag("timestamps"),
    )
    tty = one.config.tty
    # Without follow the first piece is waited for, so that an error can still have its status.
    first = None if follow else await anext(pieces, None)
    stream = await opened(call.request, kind_of(call, tty=tty))

    async def tell() -> None:
        if first is not None:
            await stream.write(_framed(first, tty=tty))
        try:
            async with aclosing(cast("Any", pieces)) as found:
                async for piece in found:
                    await stream.write(_framed(piece, tty=tty))
        except SeawayError as error:
            message = f"Error running logs job: {error.message}\n".encode()
            await stream.write(_framed((2, message), tty=tty))

    await while_there(call.request, tell())
    return stream


def _framed(piece: tuple[int, bytes], *, tty: bool) -> bytes:
    number, data = piece
    return data if tty else hijack.FRAME.pack(number, len(data)) + data


async def wait(call: Call) -> web.StreamResponse:
    """Until a container has ended. The head goes out at once: clients start the container behind it."""
    waiter = await call.engine.containers.wait(call.ref, call.text("condition") or "not-running")
    stream = await opened(call.request)

    async def tell() -> None:
        code, error = await waiter.result()
        body: dict[str, Any] = {"StatusCode": code}
        if error:
            body = {"Error": {"Message": error}, "StatusCode": code}
        await stream.write(msgspec.json.encode(body) + b"\n")

    await while_there(call.request, tell())
    return stream


async def stats(call: Call) -> web.StreamResponse:
    """Figures of one container: once, or every second until the client leaves."""
    one = call.engine.containers.get(call.ref)
    streaming = call.flag("stream", default=True)
    one_shot = call.flag("one-shot")
    if streaming and one_shot:
        raise InvalidInput("cannot have stream=true and one-shot=true")
    found = call.engine.containers.stats(one.id, stream=streaming, one_shot=one_shot)
    if not streaming:
        return answer(await anext(found, {"id": one.id, "name": f"/{one.name}"}))
    return await _stream_stats(call, found)


async def _stream_stats(call: Call, found: AsyncIterator[dict[str, Any]]) -> web.StreamResponse:
    stream = await opened(call.request)

    async def tell() -> None:
        async with aclosing(cast("Any", found)) as samples:
            async for sample in samples:
                await stream.write(msgspec.json.encode(sample) + b"\n")

    await while_there(call.request, tell())
    return stream
