"""From what skopeo copied (its ``dir:`` form) to blobs of ours."""

import json
from pathlib import Path

from seaway.errors import InvalidInput
from seaway.model.image import Image
from seaway.runtime.image_config import read_image
from seaway.runtime.image_layers import absorb
from seaway.runtime.image_store import ImageStore

_FIRST_WITH_CONFIG = 2
"""Manifests of schema 1 have no configuration, hence no image ID."""


def adopt(store: ImageStore, tree: Path) -> tuple[Image, tuple[int, ...]]:
    """Keep the image that lies in ``tree``; the image, and the sizes of its layers. Blocks.

    Every byte is checked: layers against the configuration's diff IDs, the configuration against the
    manifest. Nothing is visible until the index names it. Raises InvalidInput.
    """
    manifest = json.loads((tree / "manifest.json").read_bytes())
    if manifest.get("schemaVersion", 0) < _FIRST_WITH_CONFIG or "config" not in manifest:
        raise InvalidInput("image manifests of schema version 1 are not supported")
    config = _file(tree, manifest["config"]["digest"]).read_bytes()
    image = read_image(config)
    if image.id != manifest["config"]["digest"]:
        raise InvalidInput(f"image configuration has digest {image.id}, not as its manifest says")
    digests = [layer["digest"] for layer in manifest["layers"]]
    if len(digests) != len(image.diff_ids):
        raise InvalidInput(f"image has {len(digests)} layers and {len(image.diff_ids)} diff IDs")
    sizes: dict[str, int] = {}
    for digest, diff_id in zip(digests, image.diff_ids, strict=True):
        if digest not in sizes:  # an image may have the same (empty) layer twice
            sizes[digest] = _keep(store, _file(tree, digest), diff_id)
    store.keep_config(config)
    return image, tuple(sizes[digest] for digest in digests)


def _keep(store: ImageStore, file: Path, diff_id: str) -> int:
    layer = absorb(file)
    if layer.diff_id != diff_id:
        raise InvalidInput(f"layer has diff ID {layer.diff_id}, the image says {diff_id}")
    store.keep_layer(layer)
    return layer.size


def _file(tree: Path, digest: str) -> Path:
    algorithm, _, digits = digest.partition(":")
    if algorithm != "sha256" or not digits.isalnum():
        raise InvalidInput(f"digest {digest!r} is not of the form sha256:…")
    return tree / digits
