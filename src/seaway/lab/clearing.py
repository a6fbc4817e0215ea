"""Leaving nothing: processes, groups and the folder of a lab, whole or half-made, ours or one that died."""

import contextlib
import os
import signal

from seaway.errors import SeawayError
from seaway.lab import groups
from seaway.lab.folder import Folder, all_labs
from seaway.lab.machine import Machine, await_end, children, strays


def clear(folder: Folder) -> None:
    """End everything of a lab and remove its folder; the folder's lock is held."""
    groups.thaw(f"/seaway-lab/{folder.name}")
    for place in folder.path.glob("*/init"):
        Machine(place.parent.name, place.parent).kill()
    for holder in strays(folder.path):
        inner = children(holder)
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, signal.SIGKILL)
        for pid in (holder, *inner):
            await_end(pid)
    groups.forget(f"/seaway-lab/{folder.name}")
    folder.remove()


def sweep() -> None:
    """Clear away ephemeral labs whose makers have ended without doing it."""
    for folder in all_labs():
        with contextlib.suppress(SeawayError):
            if folder.read().orphaned:
                with folder.lock():
                    clear(folder)
