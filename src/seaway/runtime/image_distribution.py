"""What a registry says of an image without sending it: its digest, and the platforms it is for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seaway.runtime.image_config import digest_of
from seaway.runtime.image_names import Reference
from seaway.runtime.image_registry import Registry

_OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_OCI_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class Distribution:
    """The manifest's media type, digest and size in bytes; platforms as architecture, os and variant."""

    media_type: str
    digest: str
    size: int
    platforms: tuple[dict[str, str], ...]


async def ask(registry: Registry, reference: Reference) -> Distribution:
    """Ask. Raises NotFound when the registry refuses, Failure when it does not answer."""
    data = await registry.manifest(reference)
    document = json.loads(data)
    several = document.get("manifests")
    usual = _OCI_MANIFEST if several is None else _OCI_INDEX
    if several is None:
        found = [_platform(json.loads(await registry.config(reference)))]
    else:
        found = [_platform(one.get("platform") or {}) for one in several]
    return Distribution(document.get("mediaType") or usual, digest_of(data), len(data), tuple(found))


def _platform(document: Mapping[str, Any]) -> dict[str, str]:
    keys = ("architecture", "os", "variant")
    return {key: str(document[key]) for key in keys if document.get(key)}
