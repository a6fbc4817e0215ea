"""The daemon's life as a process: alone, ready, asked to stop, gone."""

import asyncio
import logging
import os
import resource
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import fields

from seaway.daemon import logs, notify, pidfile
from seaway.daemon.settings import Settings
from seaway.errors import SeawayError

log = logging.getLogger(__name__)

OpenHouse = Callable[[Settings], AbstractAsyncContextManager[None]]
"""What makes the house ready (engine started, sockets listening) on entering, and closes it on leaving."""

MOST_FILES = 1 << 20
"""Open files asked for at most: more makes programs that close every possible file slow."""

PATIENCE = 3
"""The stop signal that ends the process at once, without cleaning up (dockerd's number)."""


def live(settings: Settings, reread: Callable[[], Settings], open_house: OpenHouse) -> int:
    """Be the daemon until SIGTERM or SIGINT; gives the exit status."""
    try:
        with ExitStack() as held:
            _directories(settings)
            held.enter_context(pidfile.held(settings.pidfile))
            _raise_limits()
            return asyncio.run(_live(settings, reread, open_house))
    except SeawayError as error:
        log.error("failed to start daemon", extra={"error": error})
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        log.error("failed to start daemon", extra={"error": f"{place}{error.strerror or error}"})
    return 1


async def _live(settings: Settings, reread: Callable[[], Settings], open_house: OpenHouse) -> int:
    stop = asyncio.Event()
    _catch_signals(stop, settings, reread)
    house = open_house(settings)
    await house.__aenter__()
    log.info("Daemon has completed initialization", extra={"pid": os.getpid()})
    notify.notify(notify.READY)
    try:
        await stop.wait()
        notify.notify(notify.STOPPING)
        patience = settings.shutdown_timeout if settings.shutdown_timeout >= 0 else None
        async with asyncio.timeout(patience):
            await house.__aexit__(None, None, None)
    except TimeoutError:
        log.error("the daemon did not stop in time", extra={"seconds": settings.shutdown_timeout})
        return 1
    log.info("Daemon shutdown complete")
    return 0


def _catch_signals(stop: asyncio.Event, settings: Settings, reread: Callable[[], Settings]) -> None:
    loop = asyncio.get_running_loop()
    caught: list[str] = []

    def ask_to_stop(name: str) -> None:
        caught.append(name)
        if len(caught) >= PATIENCE:
            log.error("Forcing daemon shutdown without cleanup", extra={"signals": len(caught)})
            os._exit(1)
        log.info("Processing signal", extra={"signal": name})
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop, number.name)
    loop.add_signal_handler(signal.SIGHUP, reload, settings, reread)


def reload(settings: Settings, reread: Callable[[], Settings]) -> list[str]:
    """Read the configuration again. The log level changes now; the other changed names are returned."""
    try:
        now = reread()
    except SeawayError as error:
        log.error("configuration not reloaded", extra={"error": error})
        return []
    logs.set_level(now.log_level)
    changed = [f.name for f in fields(Settings) if getattr(now, f.name) != getattr(settings, f.name)]
    waiting = [name for name in changed if name != "log_level"]
    log.info("configuration reloaded", extra={"log_level": now.log_level})
    if waiting:
        log.warning("changed, and waits for a restart of the daemon", extra={"names": ",".join(waiting)})
    return waiting


def _directories(settings: Settings) -> None:
    """The roots. Others may pass through the exec-root, or its socket's group could not reach it."""
    os.umask(0o022)
    settings.data_root.mkdir(mode=0o710, parents=True, exist_ok=True)
    settings.exec_root.mkdir(mode=0o711, parents=True, exist_ok=True)


def _raise_limits() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MOST_FILES:
        return
    highest = hard if hard == resource.RLIM_INFINITY else max(hard, MOST_FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, highest))
    except (PermissionError, ValueError):  # not root, or more than the kernel allows: what there is
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
