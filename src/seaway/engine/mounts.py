"""Mounts of a container: binds, volumes and tmpfs, from what was asked for to Docker's MountPoints."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from seaway.engine.clock import identity
from seaway.engine.volumes import check_name
from seaway.errors import InvalidInput, NotFound
from seaway.model import Config, Container, HostConfig
from seaway.model.container import Mount
from seaway.model.volume import Volume

MODES = frozenset(
    ("ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", "private", "rprivate", "shared",
     "rshared", "slave", "rslave")
)  # fmt: skip
PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")

MakeVolume = Callable[[str, bool], Awaitable[Volume]]

Wish = tuple[str, Callable[[], Awaitable[dict[str, Any]]]]
"""A mount that is in order: where it will be, and what makes it."""


async def resolve(
    config: Config, host: HostConfig, make: MakeVolume, find: Callable[[str], Container]
) -> tuple[dict[str, Any], ...]:
    """All mounts as Docker's MountPoint objects, volumes made where they do not exist yet.

    All of them are looked at before anything is made. ``find`` gives the containers of VolumesFrom, whose
    mounts are had where there is no other.
    """
    wishes: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {}
    for target, point in (
        *(_bind(bind, make) for bind in host.binds or ()),
        *[await _mount(mount, make) for mount in host.mounts or ()],
    ):
        if target in wishes:
            raise InvalidInput(f"Duplicate mount point: {target}")
        wishes[target] = point
    for target, point in (wish for text in host.volumes_from or () for wish in _lent(text, find)):
        wishes.setdefault(target, point)
    for path in config.volumes or {}:
        target = _target(path)
        if target not in wishes and target not in (host.tmpfs or {}):
            wishes[target] = _anonymous(target, make)[1]
    return tuple([await point() for point in wishes.values()])


def behind(points: Iterable[dict[str, Any]], path: str) -> tuple[dict[str, Any], str] | None:
    """The mount that a path of the container lies in, and the path below it ("" is its very place)."""
    clean = os.path.normpath("/" + path.lstrip("/"))
    for point in sorted(points, key=lambda p: len(p["Destination"]), reverse=True):
        place = point["Destination"]
        if point.get("Source") and (clean == place or clean.startswith(place + "/")):
            return point, clean.removeprefix(place).lstrip("/")
    return None


def _lent(text: str, find: Callable[[str], Container]) -> Iterator[Wish]:
    """The volumes and binds of another container: ``name``, ``name:ro`` or ``name:rw``."""
    name, _, flags = text.partition(":")
    if flags not in ("", "ro", "rw", "z", "Z"):
        raise InvalidInput(f"invalid mode for volumes-from: {flags}")
    for point in find(name).mounts:
        if point["Type"] != "tmpfs":
            lent = {**point, "RW": point["RW"] and flags != "ro"}
            yield point["Destination"], partial(_as_it_is, lent)


async def _as_it_is(point: dict[str, Any]) -> dict[str, Any]:
    return point


def _bind(text: str, make: MakeVolume) -> Wish:
    parts = text.split(":")
    if len(parts) == 1:
        return _anonymous(_target(parts[0]), make)
    if len(parts) > 3 or not parts[0]:
        raise InvalidInput(f"invalid volume specification: '{text}'")
    source, target, flags = parts[0], _target(parts[1]), parts[2] if len(parts) == 3 else ""
    words = [w for w in flags.split(",") if w]
    for word in words:
        if word not in MODES:
            raise InvalidInput(f"invalid mode: {flags}: each word is one of {', '.join(sorted(MODES))}")
    writable = "ro" not in words
    if not source.startswith("/"):
        check_name(source)
        return target, partial(_volume, source, target, make, Mode=flags, RW=writable)
    propagation = next((w for w in words if w in PROPAGATIONS), "rprivate")
    return target, partial(_path, source, target, writable, propagation, flags, ensure=True)


async def _mount(mount: Mount, make: MakeVolume) -> Wish:
    target = _target(mount.target)
    if mount.type == "volume":
        part = str((mount.volume_options or {}).get("Subpath") or "")
        if part.startswith("/") or ".." in part.split("/"):
            raise InvalidInput(
                'invalid mount config for type "volume": subpath must be a relative path within the volume: '
                + part
            )
        _check_driver(mount)
        if not mount.source:
            return _anonymous(target, make, RW=not mount.read_only)
        check_name(mount.source)
        return target, partial(_volume, mount.source, target, make, RW=not mount.read_only)
    if mount.type == "tmpfs":
        return target, partial(_memory, mount, target)
    if mount.type != "bind":
        raise InvalidInput(f"mount type unknown: {mount.type!r}: it is bind, volume or tmpfs")
    if not mount.source.startswith("/"):
        raise InvalidInput(f"invalid mount config for type \"bind\": invalid mount path: '{mount.source}' "
                           "mount path must be absolute")  # fmt: skip
    ensure = bool((mount.bind_options or {}).get("CreateMountpoint"))
    if not ensure and not await asyncio.to_thread(os.path.lexists, mount.source):
        raise InvalidInput(
            f'invalid mount config for type "bind": bind source path does not exist: {mount.source}'
        )
    propagation = (mount.bind_options or {}).get("Propagation") or "rprivate"
    if propagation not in PROPAGATIONS:
        raise InvalidInput(f"invalid propagation {propagation!r}: it is one of {', '.join(PROPAGATIONS)}")
    return target, partial(_path, mount.source, target, not mount.read_only, propagation, "", ensure=ensure)


def _check_driver(mount: Mount) -> None:
    """A volume's driver is local, and that takes no options."""
    driver = (mount.volume_options or {}).get("DriverConfig") or {}
    name, options = driver.get("Name") or "local", driver.get("Options")
    if name != "local":
        raise NotFound(f'error looking up volume plugin {name}: plugin "{name}" not found')
    if options:
        raise InvalidInput(f"invalid volume option: {', '.join(options)!r}: local volumes take none")


def _anonymous(target: str, make: MakeVolume, **more: Any) -> Wish:
    return target, partial(_volume, identity(), target, make, anonymous=True, **more)


async def _path(
    source: str, target: str, writable: bool, propagation: str, flags: str, *, ensure: bool
) -> dict[str, Any]:
    if ensure:
        await asyncio.to_thread(_ensure, source)
    return {
        "Type": "bind",
        "Source": source,
        "Destination": target,
        "Mode": flags,
        "RW": writable,
        "Propagation": propagation,
    }


async def _memory(mount: Mount, target: str) -> dict[str, Any]:
    return {"Type": "tmpfs", "Source": "", "Destination": target, "Mode": "", "RW": not mount.read_only,
            "Propagation": "", "TmpfsOptions": mount.tmpfs_options or {}}  # fmt: skip


async def _volume(
    name: str, target: str, make: MakeVolume, *, anonymous: bool = False, **more: Any
) -> dict[str, Any]:
    volume = await make(name, anonymous)
    point = {
        "Type": "volume",
        "Name": volume.name,
        "Source": volume.mountpoint,
        "Destination": target,
        "Driver": volume.driver,
        "Mode": "z",
        "RW": True,
        "Propagation": "",
    }
    return {**point, **more}


def _ensure(source: str) -> None:
    """A bind source that does not exist becomes a directory, as in Docker."""
    if not os.path.lexists(source):
        Path(source).mkdir(parents=True, exist_ok=True)


def _target(path: str) -> str:
    if not path.startswith("/"):
        raise InvalidInput(f"invalid volume specification: mount path must be absolute: {path!r}")
    clean = os.path.normpath(path)
    if clean == "/":
        raise InvalidInput("invalid specification: destination can't be '/'")
    return clean
