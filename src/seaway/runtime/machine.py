"""What this machine can do for a container: control groups, capabilities, device nodes, an init."""

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from seaway.runtime.caps import ALL

CGROUPS = Path("/sys/fs/cgroup")
INITS = ("catatonit", "docker-init", "tini-static", "tini")
"""Programs that serve as the init of a container, best first. All are statically linked in Debian."""

_FOLDERS = ("/usr/libexec/podman", "/usr/local/bin", "/usr/bin", "/usr/sbin", "/sbin", "/bin")


@dataclass(frozen=True, slots=True)
class Node:
    """A device node of the host. ``kind`` is c, b or p."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """Found out once. ``cgroups`` is v1, v2 or hybrid; ``controls`` are the control files of v1 that
    exist at the top of a hierarchy (``memory.memsw.limit_in_bytes``) and the hierarchies' names, or
    v2's controllers. ``hierarchies`` are the mounted trees."""

    cgroups: str = "v2"
    controls: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset(ALL)
    init: str = ""
    apparmor: bool = False
    hierarchies: tuple[str, ...] = field(default=())

    def can(self, v1: str, v2: str) -> bool:
        """Whether a limit works here: the control file under v1, the controller under v2."""
        return (v2 if self.cgroups == "v2" else v1) in self.controls


def look() -> Machine:
    """This machine."""
    if (CGROUPS / "cgroup.controllers").exists():
        kind, tops = "v2", [CGROUPS]
        controls = frozenset((CGROUPS / "cgroup.controllers").read_text().split())
    else:
        tops = [p for p in sorted(CGROUPS.iterdir()) if p.is_dir() and not p.is_symlink()]
        kind = "hybrid" if any((p / "cgroup.controllers").exists() for p in tops) else "v1"
        names = {name for top in tops for name in os.listdir(top) if "." in name}
        controls = frozenset(names | {top.name for top in tops})
    return Machine(
        cgroups=kind,
        controls=controls,
        capabilities=_capabilities(),
        init=_init(),
        apparmor=_apparmor(),
        hierarchies=tuple(str(top) for top in tops),
    )


def node(path: str) -> Node | None:
    """The device node at a path; None when there is none there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    kinds = ((stat.S_ISCHR, "c"), (stat.S_ISBLK, "b"), (stat.S_ISFIFO, "p"))
    kind = next((letter for check, letter in kinds if check(status.st_mode)), "")
    if not kind:
        return None
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return Node(path, kind, major, minor, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def nodes(paths: Iterable[str]) -> dict[str, tuple[Node, ...]]:
    """For each path of the host its device node, or those in the directory it names."""
    found: dict[str, tuple[Node, ...]] = {}
    for path in paths:
        if os.path.isdir(path):
            found[path] = tuple(_below(path))
        else:
            one = node(path)
            found[path] = (one,) if one else ()
    return found


def host_nodes() -> tuple[Node, ...]:
    """Every device of the host that a privileged container gets: no terminals, no shared memory."""
    return tuple(_below("/dev"))


_SKIP = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"})


def _below(folder: str) -> Iterable[Node]:
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.name in _SKIP or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _below(entry.path)
        else:
            one = node(entry.path)
            if one and one.kind != "p":
                yield one


def _capabilities() -> frozenset[str]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            mask = int(line.split()[1], 16)
            return frozenset(name for bit, name in enumerate(ALL) if mask >> bit & 1)
    return frozenset(ALL)


def _init() -> str:
    return next((p for name in INITS if (p := shutil.which(name, path=":".join(_FOLDERS)))), "")


def _apparmor() -> bool:
    flag = Path("/sys/module/apparmor/parameters/enabled")
    return flag.exists() and flag.read_text().startswith("Y")
