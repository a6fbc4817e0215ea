"""The daemon, run: the process's life with the real house in it."""

import os
from collections.abc import Callable

from seaway.daemon.life import live
from seaway.daemon.serve import open_house
from seaway.daemon.settings import Settings


def proxies(settings: Settings) -> None:
    """Put the proxies into the environment, where the programs that fetch images look for them."""
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if value := getattr(settings, name):
            os.environ[name] = os.environ[name.upper()] = value


def run(settings: Settings, reread: Callable[[], Settings]) -> int:
    """Be the daemon until it is asked to stop; gives the exit status. ``reread`` reads the settings again."""
    proxies(settings)
    return live(settings, reread, open_house)
