"""The daemon, run: the process's life with the real house in it."""

from collections.abc import Callable

from seaway.daemon.life import live
from seaway.daemon.serve import open_house
from seaway.daemon.settings import Settings


def run(settings: Settings, reread: Callable[[], Settings]) -> int:
    """Be the daemon until it is asked to stop; gives the exit status. ``reread`` reads the settings again."""
    return live(settings, reread, open_house)
