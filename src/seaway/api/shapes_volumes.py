"""Volumes as Docker's JSON."""

from typing import Any

from seaway.model.volume import Volume


def volume(one: Volume, *, used: bool = False) -> dict[str, Any]:
    """A volume; ``used`` adds UsageData, as disk usage has it (-1: not measured)."""
    shape: dict[str, Any] = {
        "CreatedAt": one.created,
        "Driver": one.driver,
        "Labels": dict(one.labels) or None,
        "Mountpoint": one.mountpoint,
        "Name": one.name,
        "Options": dict(one.options) or None,
        "Scope": "local",
    }
    if used:
        shape["UsageData"] = {"RefCount": -1, "Size": -1}
    return shape
