"""Attaching over a WebSocket: output in binary messages without frames, input in messages of either kind."""

import asyncio

from aiohttp import WSMsgType, web

from seaway.api.detach import Keys
from seaway.api.wire import Call
from seaway.runtime.contract import Console


async def attach(call: Call) -> web.StreamResponse:
    """The container's standard streams as messages."""
    one = call.engine.containers.get(call.ref)
    stdin = call.flag("stdin")
    keys = Keys(call.text("detachKeys")) if one.config.tty and stdin else None
    console = await call.engine.containers.attach(
        one.id,
        stdin=stdin,
        stdout=call.flag("stdout"),
        stderr=call.flag("stderr"),
        stream=call.flag("stream"),
        logs=call.flag("logs"),
    )
    socket = web.WebSocketResponse()
    try:
        await socket.prepare(call.request)
        async with asyncio.TaskGroup() as group:
            inward = group.create_task(_inward(socket, console, stdin=stdin, keys=keys))
            outward = group.create_task(_outward(socket, console))
            await asyncio.wait((inward, outward), return_when=asyncio.FIRST_COMPLETED)
            inward.cancel()
            outward.cancel()
    except* ConnectionError:
        pass  # The client has gone: nobody is left to tell.
    finally:
        console.close()
    await socket.close()
    return socket


async def _outward(socket: web.WebSocketResponse, console: Console) -> None:
    while (piece := await console.read()) is not None:
        await socket.send_bytes(piece[1])


async def _inward(socket: web.WebSocketResponse, console: Console, *, stdin: bool, keys: Keys | None) -> None:
    async for message in socket:
        data = message.data.encode() if message.type is WSMsgType.TEXT else bytes(message.data)
        if not stdin:
            continue
        if keys is not None:
            data = keys.feed(data)
        if data:
            await console.write(data)
        if keys is not None and keys.complete:
            return
