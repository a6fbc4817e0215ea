"""An image's configuration: the JSON of the image specification to our Image, and back."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from seaway.errors import InvalidInput
from seaway.model.container import Config
from seaway.model.image import Image

_MAPS = ("ExposedPorts", "Volumes")
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def digest_of(data: bytes) -> str:
    """``sha256:`` and the digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def now() -> str:
    """The time as images and the API have it: RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def architecture() -> str:
    """This machine's architecture in the specification's words."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def read_image(data: bytes) -> Image:
    """The image that ``data``, a configuration's bytes, describes. Raises InvalidInput."""
    try:
        document = msgspec.json.decode(data, type=dict[str, Any])
        rootfs = document["rootfs"]
        config = _config(document.get("config") or {})
        return Image(
            id=digest_of(data),
            created=document.get("created") or "",
            architecture=document.get("architecture") or architecture(),
            os=document.get("os") or "linux",
            variant=document.get("variant") or "",
            author=document.get("author") or "",
            comment=document.get("comment") or _last_comment(document),
            config=config,
            diff_ids=tuple(rootfs.get("diff_ids") or ()),
            history=tuple(document.get("history") or ()),
            labels=config.labels or {},
        )
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidInput(f"invalid image configuration: {error}") from error


def _config(document: dict[str, Any]) -> Config:
    kept = {key: value for key, value in document.items() if value is not None}
    for key in _MAPS:
        if key in kept:
            kept[key] = {name: value or {} for name, value in kept[key].items()}
    return msgspec.convert(kept, Config, strict=False)


def _last_comment(document: dict[str, Any]) -> str:
    history = document.get("history") or [{}]
    return str(history[-1].get("comment") or "")


def weighed(history: Sequence[dict[str, Any]], sizes: Sequence[int]) -> tuple[dict[str, Any], ...]:
    """The steps with ``size``, in bytes, of the layer that each made; steps without a layer have 0.

    An image that tells fewer steps than it has layers gets nameless ones for the rest.
    """
    left = list(sizes)
    steps = []
    for step in history:
        steps.append({**step, "size": 0 if step.get("empty_layer") or not left else left.pop(0)})
    return (*steps, *({"size": size} for size in left))


def config_document(config: Config) -> dict[str, Any]:
    """The configuration as JSON, without what is empty."""
    found: dict[str, Any] = msgspec.to_builtins(config)
    return {key: value for key, value in found.items() if value not in (None, "", False)}


@dataclass(frozen=True, slots=True)
class About:
    """What is told of a new image: by whom, why, by which command."""

    author: str = ""
    comment: str = ""
    created_by: str = ""


def write_image(config: Config, diff_id: str, about: About = About(), base: Image | None = None) -> bytes:
    """The configuration's bytes of a new image: one layer upon the base's, or upon nothing."""
    created = now()
    told = {"author": about.author, "comment": about.comment}
    step = {"created": created, "created_by": about.created_by, **told}
    document: dict[str, Any] = {
        "architecture": base.architecture if base else architecture(),
        "variant": base.variant if base else "",
        "os": base.os if base else "linux",
        "created": created,
        **told,
    }
    document = {key: value for key, value in document.items() if value}
    document["config"] = config_document(config)
    history = [{k: v for k, v in old.items() if k != "size"} for old in (base.history if base else ())]
    document["history"] = [*history, {k: v for k, v in step.items() if v}]
    diff_ids = [*(base.diff_ids if base else ()), diff_id]
    document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
    return msgspec.json.encode(document)
