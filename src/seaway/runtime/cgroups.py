"""A container's control groups on this machine: where they are, whether frozen, and taking them away."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from seaway.runtime.machine import CGROUPS


def paths(pid: int) -> dict[str, Path]:
    """The control group directories of a process, by controller; v2's stands under the empty name.

    Empty when there is no such process.
    """
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return {}
    unified = CGROUPS if (CGROUPS / "cgroup.controllers").exists() else CGROUPS / "unified"
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found[""] = unified / path.lstrip("/")
            continue
        for name in controllers.split(","):
            for folder in (name, controllers):
                top = CGROUPS / folder.removeprefix("name=")
                if top.is_dir():
                    found[name] = top / path.lstrip("/")
                    break
    return found


def frozen(pid: int) -> bool:
    """Whether the process is in a frozen (paused) group of version 1, which a signal does not wake."""
    with suppress(OSError, KeyError):
        return "FROZEN" in (paths(pid)["freezer"] / "freezer.state").read_text()
    return False


def members(pid: int) -> set[int]:
    """The pids of all processes in the container of ``pid``: its groups and the groups below them."""
    found = {pid} if pid > 0 else set()
    groups = paths(pid)
    group = groups.get("freezer") or groups.get("pids") or groups.get("")
    if group is None:
        return found
    for folder, _, _ in os.walk(group):
        with suppress(OSError):
            found |= {int(word) for word in (Path(folder) / "cgroup.procs").read_text().split()}
    return found


def empty(hierarchies: Iterable[str], cgroup: str) -> bool:
    """Kill every process in the groups ``cgroup`` and below, frozen or not; whether there was one.

    Blocks while they end, for two seconds at most.
    """
    for tried in range(200):
        inside = set[int]()
        for top in hierarchies:
            for folder, _, _ in os.walk(Path(top) / cgroup.lstrip("/")):
                with suppress(OSError):
                    inside |= {int(word) for word in (Path(folder) / "cgroup.procs").read_text().split()}
                with suppress(OSError):
                    (Path(folder) / "freezer.state").write_text("THAWED")
        if not inside:
            return tried > 0
        for pid in inside:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return True


def remove(hierarchies: Iterable[str], cgroup: str) -> None:
    """Take away the groups ``cgroup`` (an absolute path in each hierarchy) where they still are.

    A group is busy for a moment after its last process: tries for a tenth of a second.
    """
    for top in hierarchies:
        group = Path(top) / cgroup.lstrip("/")
        for _ in range(20):
            if _gone(group):
                break
            time.sleep(0.005)


def _gone(group: Path) -> bool:
    try:
        for below, folders, _ in os.walk(group, topdown=False):
            for name in folders:
                os.rmdir(os.path.join(below, name))
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
