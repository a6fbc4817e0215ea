"""Images as Docker's JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from seaway.api.shapes import moment
from seaway.api.shapes_containers import config
from seaway.model.image import Image


def entry(one: Image, *, containers: int = -1, shared: int = -1) -> dict[str, Any]:
    """One entry of ``GET /images/json``; -1 means not counted."""
    return {
        "Containers": containers,
        "Created": int(moment(one.created)),
        "Id": one.id,
        "Labels": dict(one.labels or one.config.labels or {}) or None,
        "ParentId": one.parent,
        "RepoDigests": list(one.digests),
        "RepoTags": list(one.tags),
        "SharedSize": shared,
        "Size": one.size,
    }


def inspect(one: Image, facts: Mapping[str, Any], minor: int) -> dict[str, Any]:
    """The object of ``GET /images/{name}/json``."""
    shape: dict[str, Any] = {
        "Id": one.id,
        "RepoTags": list(one.tags),
        "RepoDigests": list(one.digests),
        "Parent": one.parent,
        "Comment": one.comment,
        "Created": one.created,
        "DockerVersion": "",
        "Author": one.author,
        "Config": config(one.config, sparse=minor >= 50),
        "Architecture": one.architecture,
        "Os": one.os,
        "Size": one.size,
        "GraphDriver": {"Data": None, "Name": facts.get("driver", "overlay2")},
        "RootFS": {"Type": "layers", "Layers": list(one.diff_ids)},
        "Metadata": {"LastTagTime": one.last_tagged or "0001-01-01T00:00:00Z"},
    }
    if one.variant:
        shape["Variant"] = one.variant
    if minor < 44:
        shape["VirtualSize"] = one.size
    return shape


def history(one: Image, steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``GET /images/{name}/history``, newest first; only the newest step has the image's ID and names."""
    shapes = [
        {
            "Comment": step.get("comment", ""),
            "Created": int(moment(str(step.get("created", "")))),
            "CreatedBy": step.get("created_by", ""),
            "Id": "<missing>",
            "Size": int(step.get("size", 0)),
            "Tags": None,
        }
        for step in reversed(list(steps))
    ]
    if shapes:
        shapes[0] |= {"Id": one.id, "Tags": list(one.tags) or None}
    return shapes
