"""The server: middleware, listeners, start and stop."""

import asyncio
import contextlib
import grp
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from seaway.api import shapes_system
from seaway.api.errors import rendered, response
from seaway.api.routes import ROUTES, Handler
from seaway.api.wire import OPEN, TELLING, Call, not_found, parse_version
from seaway.errors import Failure, InvalidInput

if TYPE_CHECKING:
    from seaway.engine import Engine

log = logging.getLogger(__name__)

BODY_LIMIT = 16 << 20
"""Bytes of a JSON body; streams (archives) have no limit."""

GRACE = 2.0
"""Seconds that open requests have to end when the server stops."""

SYSTEMD_FIRST = 3
"""The first file descriptor that systemd hands over."""

VERSIONED = "/v{version:[0-9]+(?:\\.[0-9]+)?}"


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen: a unix socket (``path``), TCP (``host``, ``port``), or systemd's sockets."""

    path: str = ""
    group: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None
    systemd: bool = False


def mutual_tls(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """TLS for a TCP listener: clients must show a certificate of ``ca``. Paths of PEM files.

    Raises InvalidInput naming the file that cannot be used.
    """
    for path in (ca, certificate, key):
        if not os.path.isfile(path):
            raise InvalidInput(f"TLS needs {path}, which is no file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise InvalidInput(f"TLS cannot use {certificate}, {key} or {ca}: {error}") from error
    return context


class ApiServer:
    """Docker's HTTP face of one engine."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._runner: web.AppRunner | None = None
        self._paths: list[Path] = []
        self._under_way: dict[asyncio.Task[object] | None, web.Request] = {}

    def app(self) -> web.Application:
        """The application, for a server or a test."""
        app = web.Application(middlewares=[_guard], client_max_size=BODY_LIMIT)
        for method, path, handler in ROUTES:
            bound = self._bound(handler)
            for prefix in ("", VERSIONED):
                app.router.add_route(method, prefix + path, bound)
        for prefix in ("", VERSIONED):
            app.router.add_route("GET", f"{prefix}/networks/", self._bound(_handler("/networks")))
        app.on_response_prepare.append(_mark)
        return app

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Listen on all of them, or on none. Raises Failure naming the one that cannot be had."""
        runner = web.AppRunner(
            self.app(), access_log=log, access_log_class=_AccessLog, shutdown_timeout=GRACE
        )
        await runner.setup()
        self._runner = runner
        try:
            for listener in listeners:
                await self._listen(runner, listener)
        except (OSError, KeyError) as error:
            await self.stop()
            raise Failure(f"cannot listen on {_words(listener)}: {error}") from error

    async def stop(self) -> None:
        """Stop listening and end what is open: verbs get their time, streams do not. Idempotent."""
        runner, self._runner = self._runner, None
        for task, request in list(self._under_way.items()):
            if task is not None and TELLING in request:
                task.cancel()
        if runner is not None:
            await runner.cleanup()
        paths, self._paths = self._paths, []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _bound(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            version = parse_version(request.match_info.get("version"))
            task = asyncio.current_task()
            self._under_way[task] = request
            try:
                return await handler(Call(self._engine, request, version))
            finally:
                del self._under_way[task]

        return handle

    async def _listen(self, runner: web.AppRunner, listener: Listener) -> None:
        if listener.systemd:
            for sock in _from_systemd():
                await web.SockSite(runner, sock).start()
        elif listener.path:
            sock = await asyncio.to_thread(_unix_socket, listener)
            self._paths.append(Path(listener.path))
            await web.SockSite(runner, sock).start()
        else:
            await web.TCPSite(runner, listener.host, listener.port, ssl_context=listener.tls).start()


class _AccessLog(AbstractAccessLogger):
    """One line for each request, at level debug."""

    @property
    def enabled(self) -> bool:
        """Whether anybody would read it; when not, nothing is measured either."""
        return self.logger.isEnabledFor(logging.DEBUG)

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Method, path, status and seconds."""
        self.logger.debug("%s %s %d %.3fs", request.method, request.path_qs, response.status, time)


def _handler(path: str) -> Handler:
    return next(handler for method, route, handler in ROUTES if route == path and method == "GET")


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Whatever goes wrong becomes Docker's JSON; no HTML and no trace ever leaves."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return not_found()
    except web.HTTPException as error:
        return response(error.status, error.reason)
    except ConnectionError:
        raise
    except Exception as error:
        if OPEN in request:
            raise  # aiohttp logs it and closes the connection, so that the client sees it cut off
        return rendered(error)


async def _mark(_request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(shapes_system.common_headers())


def _unix_socket(listener: Listener) -> socket.socket:
    """A listening unix socket for root and one group; a dead one at its place is replaced."""
    path = Path(listener.path)
    group = _group_id(listener.group) if listener.group else -1
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        if _answers(path):
            raise OSError("another server answers there already")
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        sock.bind(str(path))
    finally:
        os.umask(mask)
    os.chown(path, -1, group)
    path.chmod(0o660)
    sock.listen(128)
    sock.setblocking(False)
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _group_id(group: str) -> int:
    """A group by name or number."""
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise OSError(f"there is no group {group!r}") from None


def _from_systemd() -> list[socket.socket]:
    """The sockets that systemd opened for us (LISTEN_FDS)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise OSError("systemd has not handed over any socket (LISTEN_PID is not ours)")
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=fd) for fd in range(SYSTEMD_FIRST, SYSTEMD_FIRST + count)]


def _words(listener: Listener) -> str:
    if listener.systemd:
        return "fd://"
    return f"unix://{listener.path}" if listener.path else f"tcp://{listener.host}:{listener.port}"
