"""The mounts of a container, in the order the OCI runtime must make them. Pure."""

import posixpath
from collections.abc import Mapping
from typing import Any

from seaway.errors import InvalidInput
from seaway.model import Container, HostConfig
from seaway.runtime import defaults
from seaway.runtime.contract import Box

PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")


def mounts(box: Box, init: str, shm: str) -> list[dict[str, Any]]:
    """All of them, parents before children; what the user mounts replaces a default at the same place.

    ``init`` is the host's init program, or empty; ``shm`` a host directory to serve as /dev/shm, or
    empty for one of its own.
    """
    host = box.container.host
    placed: dict[str, dict[str, Any]] = {}
    for mount in defaults.mounts(host.privileged, host.shm_size or defaults.SHM_SIZE):
        placed[mount["destination"]] = mount
    if box.join.get("ipc") == "host":
        placed["/dev/mqueue"] = bind("/dev/mqueue", "/dev/mqueue")
        shm = "/dev/shm"
    if shm:
        placed["/dev/shm"] = bind(shm, "/dev/shm")
    # With the host's process or network namespace the kernel refuses fresh mounts only to the
    # unprivileged; we are root, so these stay as they are.
    for path, source in box.files.items():
        placed[path] = bind(source, path, not host.readonly_rootfs)
    if init:
        placed[defaults.INIT] = bind(init, defaults.INIT, writable=False)
    for mount in (*_tmpfs(host), *_given(box.container)):
        placed[mount["destination"]] = mount
    return sorted(placed.values(), key=lambda mount: mount["destination"].rstrip("/").count("/"))


def bind(source: str, destination: str, writable: bool = True, propagation: str = "") -> dict[str, Any]:
    """A bind mount; ``propagation`` empty means private. Raises InvalidInput for an unknown one."""
    if propagation and propagation not in PROPAGATIONS:
        raise InvalidInput(f"invalid propagation {propagation!r}: one of {', '.join(PROPAGATIONS)}")
    options = ["rbind", "rw" if writable else "ro", propagation or "rprivate"]
    return {"destination": destination, "type": "bind", "source": source, "options": options}


def _given(container: Container) -> list[dict[str, Any]]:
    return [
        bind(
            str(mount.get("Source", "")),
            clean(str(mount.get("Destination", ""))),
            bool(mount.get("RW", True)),
            str(mount.get("Propagation") or ""),
        )
        for mount in container.mounts
        if mount.get("Type") in ("bind", "volume")
    ]


def _tmpfs(host: HostConfig) -> list[dict[str, Any]]:
    found = [_memory(path, options.split(",")) for path, options in (host.tmpfs or {}).items()]
    for mount in host.mounts or ():
        if mount.type == "tmpfs":
            options = _tmpfs_options(mount.tmpfs_options or {})
            found.append(_memory(mount.target, [*options, "ro" if mount.read_only else ""]))
    return found


def _tmpfs_options(given: Mapping[str, Any]) -> list[str]:
    size, mode = int(given.get("SizeBytes") or 0), int(given.get("Mode") or 0)
    return [f"size={size}" if size else "", f"mode={mode:o}" if mode else ""]


def _memory(path: str, options: list[str]) -> dict[str, Any]:
    words = [word for word in options if word]
    # Docker's defaults, unless the user says the opposite ("exec").
    kept = [word for word in ("noexec", "nosuid", "nodev") if word[2:] not in words and word not in words]
    return {"destination": clean(path), "type": "tmpfs", "source": "tmpfs", "options": [*kept, *words]}


def clean(path: str) -> str:
    """An absolute path without dots. Raises InvalidInput when it is not absolute, or is the root."""
    found = posixpath.normpath(path) if path.startswith("/") else ""
    found = "/" + found.lstrip("/")
    if found == "/":
        raise InvalidInput(f"invalid mount path: {path!r} mount path must be absolute and not '/'")
    return found


def propagation_of_root(container: Container) -> str:
    """What the root must be so that the mounts' propagation works: the widest that any of them asks."""
    asked = {str(m.get("Propagation") or "") for m in container.mounts}
    if asked & {"shared", "rshared"}:
        return "shared"
    return "rslave" if asked & {"slave", "rslave"} else ""
