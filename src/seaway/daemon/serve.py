"""The house, put together: the engine, and the API that listens for it."""

import grp
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from seaway.api.server import ApiServer, Listener, mutual_tls
from seaway.daemon import tools
from seaway.daemon.alone import alone
from seaway.daemon.settings import Settings
from seaway.engine import Engine

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[None]:
    """Engine started and sockets listening inside the block; both ended behind it, sockets first."""
    with alone(settings.exec_root):
        tools.tell(settings)
        async with Engine(settings) as engine:
            server = ApiServer(engine)
            await server.start(listeners(settings))
            for host in settings.hosts:
                log.info("API listen on %s", host.removeprefix("unix://"))
            try:
                yield
            finally:
                await server.stop()


def listeners(settings: Settings) -> list[Listener]:
    """Where to listen, from the settings. A default group that does not exist is a warning, as in dockerd."""
    return [_listener(host, settings) for host in settings.hosts]


def _listener(host: str, settings: Settings) -> Listener:
    parts = urlsplit(host)
    if parts.scheme == "fd":
        return Listener(systemd=True)
    if parts.scheme == "tcp":
        tls = mutual_tls(settings.tlscacert, settings.tlscert, settings.tlskey)
        return Listener(host=parts.hostname or "", port=parts.port or 0, tls=tls)
    path = host.removeprefix("unix://")
    return Listener(path=path, group=_group(path, settings.group))


def _group(path: str, name: str) -> str:
    try:
        grp.getgrnam(name)
    except KeyError:
        log.warning("could not change group of %s to %s: there is no such group", path, name)
        return ""
    return name
