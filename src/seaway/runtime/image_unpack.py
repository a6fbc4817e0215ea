"""An image's layers made one directory tree, by umoci, from an OCI layout of hard links to our blobs."""

import json
import os
from pathlib import Path

from seaway.model.image import Image
from seaway.runtime.image_config import digest_of
from seaway.runtime.image_store import ImageStore
from seaway.runtime.image_tools import Tools

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


async def unpack(store: ImageStore, tools: Tools, image: Image, scratch: Path) -> Path:
    """Unpack into ``scratch``; the tree's place. Raises ToolFailed with umoci's reason."""
    if not image.diff_ids:
        (scratch / "rootfs").mkdir(mode=0o755)
        return scratch / "rootfs"
    _lay_out(store, image, scratch / "layout")
    await tools.run((tools.umoci, "raw", "unpack", "--image", "layout:image", "rootfs"), scratch)
    return scratch / "rootfs"


def _lay_out(store: ImageStore, image: Image, layout: Path) -> None:
    """An OCI layout whose layers are links to the plain archives, so nothing is copied."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    config = store.blob(image.id)
    for digest in {image.id, *image.diff_ids}:
        os.link(store.blob(digest), blobs / digest.removeprefix("sha256:"))
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, image.id, config),
            "layers": [_descriptor(_LAYER, d, store.blob(d)) for d in image.diff_ids],
        }
    ).encode()
    digest = digest_of(manifest)
    place = blobs / digest.removeprefix("sha256:")
    place.write_bytes(manifest)
    entry = _descriptor(_MANIFEST, digest, place)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "image"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def _descriptor(kind: str, digest: str, place: Path) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest, "size": place.stat().st_size}
