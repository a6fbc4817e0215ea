"""``-v``, ``--mount`` and ``--tmpfs``: what of the host is seen in the container."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from seaway.cli.failures import Failed

_TRUE = {"": True, "true": True, "1": True, "false": False, "0": False}

_PLACES: Mapping[str, tuple[str, ...]] = {
    "type": ("Type",),
    "source": ("Source",),
    "src": ("Source",),
    "target": ("Target",),
    "destination": ("Target",),
    "dst": ("Target",),
    "readonly": ("ReadOnly",),
    "ro": ("ReadOnly",),
    "consistency": ("Consistency",),
    "bind-propagation": ("BindOptions", "Propagation"),
    "bind-nonrecursive": ("BindOptions", "NonRecursive"),
    "bind-create-src": ("BindOptions", "CreateMountpoint"),
    "volume-nocopy": ("VolumeOptions", "NoCopy"),
    "volume-subpath": ("VolumeOptions", "Subpath"),
    "volume-driver": ("VolumeOptions", "DriverConfig", "Name"),
    "volume-opt": ("VolumeOptions", "DriverConfig", "Options"),
    "volume-label": ("VolumeOptions", "Labels"),
    "tmpfs-size": ("TmpfsOptions", "SizeBytes"),
    "tmpfs-mode": ("TmpfsOptions", "Mode"),
}
_SWITCHES = {"readonly", "ro", "bind-nonrecursive", "bind-create-src", "volume-nocopy"}
_MAPS = {"volume-opt", "volume-label"}


def binds(texts: Iterable[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """HostConfig.Binds and Config.Volumes from ``-v`` texts; a relative host path becomes absolute."""
    found: list[str] = []
    volumes: dict[str, dict[str, Any]] = {}
    for text in texts:
        source, colon, rest = text.partition(":")
        if not text or text.startswith(":"):
            raise Failed(f"invalid spec: {text}: empty section between colons", leave=125)
        if not colon:
            volumes[text] = {}
        elif source.startswith((".", "~")):
            found.append(f"{os.path.abspath(os.path.expanduser(source))}:{rest}")
        else:
            found.append(text)
    return found, volumes


def tmpfs(texts: Iterable[str]) -> dict[str, str]:
    """HostConfig.Tmpfs from ``path[:options]``."""
    return {path: options for path, _, options in (text.partition(":") for text in texts)}


def mount(text: str, size: Any) -> dict[str, Any]:
    """One of HostConfig.Mounts from ``type=bind,source=…,target=…``; ``size`` reads sizes."""
    found: dict[str, Any] = {"Type": "volume"}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if key not in _PLACES or (not equals and key not in _SWITCHES):
            known = ", ".join(sorted(_PLACES))
            raise Failed(f"invalid --mount {text!r}: unexpected {part!r}; known keys: {known}", leave=125)
        _put(found, _PLACES[key], _value(key, value, text, size), key in _MAPS)
    if not found.get("Target"):
        raise Failed(f"invalid --mount {text!r}: target is required", leave=125)
    return found


def _value(key: str, value: str, text: str, size: Any) -> Any:
    try:
        if key in _SWITCHES:
            return _TRUE[value.lower()]
        readers: dict[str, Any] = {"tmpfs-size": size, "tmpfs-mode": lambda octal: int(octal, 8)}
        return readers.get(key, str)(value)
    except (KeyError, ValueError):
        raise Failed(f"invalid --mount {text!r}: invalid value for {key}: {value!r}", leave=125) from None


def _put(found: dict[str, Any], path: tuple[str, ...], value: Any, pair: bool) -> None:
    for step in path[:-1]:
        found = found.setdefault(step, {})
    if pair:
        name, _, content = value.partition("=")
        found.setdefault(path[-1], {})[name] = content
    else:
        found[path[-1]] = value
