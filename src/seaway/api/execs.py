"""Further processes in running containers, over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from msgspec import Struct

from seaway.api import bodies, hijack
from seaway.api.containers import size_of
from seaway.api.detach import Keys
from seaway.api.streams import kind_of
from seaway.api.wire import Call, answer, convert, nothing, read_json
from seaway.errors import InvalidInput, NotFound, SeawayError
from seaway.runtime.contract import Console, ExecSpec


class Create(Struct, rename="pascal"):
    """The body of ``POST /containers/{id}/exec``."""

    cmd: list[str] = []
    env: list[str] = []
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    attach_stdin: bool = False
    privileged: bool = False
    detach_keys: str = ""
    console_size: tuple[int, int] | None = None


class Start(Struct, rename="pascal"):
    """The body of ``POST /exec/{id}/start``."""

    detach: bool = False
    tty: bool = False
    console_size: tuple[int, int] | None = None


class _Words:
    """A console that says one thing and ends: how a failed start is told once the client listens."""

    def __init__(self, text: str) -> None:
        self._text: str | None = text

    async def read(self) -> tuple[int, bytes] | None:
        text, self._text = self._text, None
        return None if text is None else (1, f"{text}\r\n".encode())

    async def write(self, data: bytes) -> None:
        return None

    async def close_input(self) -> None:
        return None

    def close(self) -> None:
        return None


class _WithStatus:
    """A console that ends when the exit status is known: clients ask for it as soon as the output ends."""

    def __init__(self, console: Console, ended: Callable[[], Awaitable[int]]) -> None:
        self._console, self._ended = console, ended

    async def read(self) -> tuple[int, bytes] | None:
        piece = await self._console.read()
        if piece is None:
            await self._ended()
        return piece

    async def write(self, data: bytes) -> None:
        await self._console.write(data)

    async def close_input(self) -> None:
        await self._console.close_input()

    def close(self) -> None:
        self._console.close()


async def _body(call: Call) -> dict[str, Any]:
    raw = bodies.without_nulls(await read_json(call.request) or {})
    if isinstance(raw, dict) and isinstance(raw.get("Cmd"), str):
        raw["Cmd"] = [raw["Cmd"]]
    return convert(raw, dict[str, Any])


async def create(call: Call) -> web.StreamResponse:
    """Prepare an exec."""
    body = convert(await _body(call), Create)
    if not body.cmd:
        raise InvalidInput("No exec command specified")
    if body.detach_keys:
        Keys(body.detach_keys)
    spec = ExecSpec(
        cmd=tuple(body.cmd),
        env=tuple(body.env),
        user=body.user,
        working_dir=body.working_dir,
        tty=body.tty,
        stdin=body.attach_stdin,
        privileged=body.privileged,
        size=body.console_size,
    )
    identity = await call.engine.execs.create(call.ref, spec, body.detach_keys)
    return answer({"Id": identity}, 201)


async def start(call: Call) -> web.StreamResponse:
    """Run a prepared exec: detached, or with its streams on this very connection."""
    body = convert(await _body(call), Start)
    if body.console_size and not body.tty:
        raise InvalidInput("console size is only supported when TTY is enabled")
    record = call.engine.execs.get(call.ref)
    size = body.console_size or record.spec.size
    console: Console | None
    try:
        console = await call.engine.execs.start(call.ref, detach=body.detach, tty=body.tty, size=size)
    except NotFound:
        raise
    except SeawayError as error:
        if body.detach:
            raise
        console = _Words(error.message)
    if console is None:
        return nothing(200)
    if record.handle is not None:
        console = _WithStatus(console, record.handle.wait)
    stdin = record.spec.stdin
    keys = Keys(record.detach_keys) if body.tty and stdin else None
    kind = kind_of(call, tty=body.tty)
    return await hijack.serve(call.request, console, kind, tty=body.tty, stdin=stdin, keys=keys)


async def inspect(call: Call) -> web.StreamResponse:
    """An exec: what it runs and how it went."""
    record = call.engine.execs.get(call.ref)
    spec = record.spec
    process: dict[str, Any] = {
        "tty": spec.tty,
        "entrypoint": spec.cmd[0] if spec.cmd else "",
        "arguments": list(spec.cmd[1:]),
        "privileged": spec.privileged,
    }
    if spec.user:
        process["user"] = spec.user
    return answer(
        {
            "ID": record.id,
            "Running": record.running,
            "ExitCode": record.exit_code,
            "ProcessConfig": process,
            "OpenStdin": spec.stdin,
            "OpenStderr": True,
            "OpenStdout": True,
            "CanRemove": False,
            "ContainerID": record.container_id,
            "DetachKeys": record.detach_keys,
            "Pid": record.pid,
        }
    )


async def resize(call: Call) -> web.StreamResponse:
    """Set the size of an exec's terminal."""
    height, width = size_of(call)
    await call.engine.execs.resize(call.ref, height, width)
    return nothing(200)
