"""Mounts of a container: binds, volumes and tmpfs, from what was asked for to Docker's MountPoints."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from seaway.engine.clock import identity
from seaway.errors import InvalidInput, NotFound
from seaway.model import Config, HostConfig
from seaway.model.container import Mount
from seaway.model.volume import Volume

MODES = frozenset(
    ("ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", "private", "rprivate", "shared",
     "rshared", "slave", "rslave")
)  # fmt: skip
PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")

MakeVolume = Callable[[str, bool], Awaitable[Volume]]


async def resolve(config: Config, host: HostConfig, make: MakeVolume) -> tuple[dict[str, Any], ...]:
    """All mounts as Docker's MountPoint objects, volumes made where they do not exist yet."""
    found: dict[str, dict[str, Any]] = {}
    for bind in host.binds or ():
        point = await _bind(bind, make)
        _add(found, point)
    for mount in host.mounts or ():
        _add(found, await _mount(mount, make))
    for target in config.volumes or {}:
        if target not in found and target not in (host.tmpfs or {}):
            found[target] = await _volume(identity(), target, make, anonymous=True)
    return tuple(found.values())


def behind(points: Iterable[dict[str, Any]], path: str) -> tuple[dict[str, Any], str] | None:
    """The mount that a path of the container lies in, and the path below it ("" is its very place)."""
    clean = os.path.normpath("/" + path.lstrip("/"))
    for point in sorted(points, key=lambda p: len(p["Destination"]), reverse=True):
        place = point["Destination"]
        if point.get("Source") and (clean == place or clean.startswith(place + "/")):
            return point, clean.removeprefix(place).lstrip("/")
    return None


def _add(found: dict[str, dict[str, Any]], point: dict[str, Any]) -> None:
    target = point["Destination"]
    if target in found:
        raise InvalidInput(f"Duplicate mount point: {target}")
    found[target] = point


async def _bind(text: str, make: MakeVolume) -> dict[str, Any]:
    parts = text.split(":")
    if len(parts) == 1:
        return await _volume(identity(), _target(parts[0]), make, anonymous=True)
    if len(parts) > 3:
        raise InvalidInput(f"invalid volume specification: '{text}'")
    source, target, flags = parts[0], _target(parts[1]), parts[2] if len(parts) == 3 else ""
    words = [w for w in flags.split(",") if w]
    for word in words:
        if word not in MODES:
            raise InvalidInput(f"invalid mode: {flags}: each word is one of {', '.join(sorted(MODES))}")
    if not source.startswith("/"):
        point = await _volume(source, target, make, anonymous=False)
        return {**point, "Mode": flags, "RW": "ro" not in words}
    await asyncio.to_thread(_ensure, source)
    propagation = next((w for w in words if w in PROPAGATIONS), "rprivate")
    return {
        "Type": "bind",
        "Source": source,
        "Destination": target,
        "Mode": flags,
        "RW": "ro" not in words,
        "Propagation": propagation,
    }


async def _mount(mount: Mount, make: MakeVolume) -> dict[str, Any]:
    target = _target(mount.target)
    if mount.type == "volume":
        part = str((mount.volume_options or {}).get("Subpath") or "")
        if part.startswith("/") or ".." in part.split("/"):
            raise InvalidInput(
                'invalid mount config for type "volume": subpath must be a relative path within the volume: '
                + part
            )
        _check_driver(mount)
        point = await _volume(mount.source or identity(), target, make, anonymous=not mount.source)
        return {**point, "RW": not mount.read_only}
    if mount.type == "tmpfs":
        options = mount.tmpfs_options or {}
        return {"Type": "tmpfs", "Source": "", "Destination": target, "Mode": "", "RW": not mount.read_only,
                "Propagation": "", "TmpfsOptions": options}  # fmt: skip
    if mount.type != "bind":
        raise InvalidInput(f"mount type unknown: {mount.type!r}: it is bind, volume or tmpfs")
    if not mount.source.startswith("/"):
        raise InvalidInput(f"invalid mount config for type \"bind\": invalid mount path: '{mount.source}' "
                           "mount path must be absolute")  # fmt: skip
    if (mount.bind_options or {}).get("CreateMountpoint"):
        await asyncio.to_thread(_ensure, mount.source)
    elif not await asyncio.to_thread(os.path.lexists, mount.source):
        raise InvalidInput(
            f'invalid mount config for type "bind": bind source path does not exist: {mount.source}'
        )
    propagation = (mount.bind_options or {}).get("Propagation") or "rprivate"
    if propagation not in PROPAGATIONS:
        raise InvalidInput(f"invalid propagation {propagation!r}: it is one of {', '.join(PROPAGATIONS)}")
    return {
        "Type": "bind",
        "Source": mount.source,
        "Destination": target,
        "Mode": "",
        "RW": not mount.read_only,
        "Propagation": propagation,
    }


def _check_driver(mount: Mount) -> None:
    """A volume's driver is local, and that takes no options."""
    driver = (mount.volume_options or {}).get("DriverConfig") or {}
    name, options = driver.get("Name") or "local", driver.get("Options")
    if name != "local":
        raise NotFound(f'error looking up volume plugin {name}: plugin "{name}" not found')
    if options:
        raise InvalidInput(f"invalid volume option: {', '.join(options)!r}: local volumes take none")


async def _volume(name: str, target: str, make: MakeVolume, *, anonymous: bool) -> dict[str, Any]:
    volume = await make(name, anonymous)
    return {
        "Type": "volume",
        "Name": volume.name,
        "Source": volume.mountpoint,
        "Destination": target,
        "Driver": volume.driver,
        "Mode": "z",
        "RW": True,
        "Propagation": "",
    }


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
