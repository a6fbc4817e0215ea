"""The images kept on disk: blobs by their digest, and one file that says which of them are images.

``blobs/sha256/<hex>`` holds configurations and plain layer archives, ``repositories.json`` names the
images, ``rootfs/<hex>`` their unpacked roots, ``tmp/`` what is being made. Blobs are on the disk before
repositories.json is replaced by rename: an image is there whole or not at all, and what nobody
names is swept at the next start.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from seaway.errors import Failure, SeawayError
from seaway.model.image import Image
from seaway.runtime.image_config import digest_of, read_image, weighed
from seaway.runtime.image_layers import Layer, sync_file

log = logging.getLogger(__name__)

VERSION = 1


class Record(Struct, frozen=True):
    """What is kept of an image besides its configuration: sizes of its layers, parent, time of tag."""

    sizes: tuple[int, ...] = ()
    parent: str = ""
    tagged: str = ""


class Index(Struct, frozen=True):
    """All images by ID, and names (``alpine:3.10``, ``alpine@sha256:…``) to IDs."""

    version: int = VERSION
    images: dict[str, Record] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def names(self, image_id: str) -> tuple[str, ...]:
        """All names of an image, tags first."""
        return (*self.tags_of(image_id), *self.digests_of(image_id))

    def tags_of(self, image_id: str) -> tuple[str, ...]:
        """Its tags, sorted."""
        return tuple(sorted(name for name, found in self.tags.items() if found == image_id))

    def digests_of(self, image_id: str) -> tuple[str, ...]:
        """Its digest names, sorted."""
        return tuple(sorted(name for name, found in self.digests.items() if found == image_id))


class ImageStore:
    """The directory of images. Blocking; one writer at a time is the caller's care."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = Index()
        self._blobs = root / "blobs" / "sha256"
        self._scratch = root / "tmp"
        self._roots = root / "rootfs"
        self._file = root / "repositories.json"
        self._images: dict[str, Image] = {}

    def open(self) -> None:
        """Make the directories, read the index, sweep what an earlier life left half-made."""
        for place in (self._blobs, self._scratch, self._roots):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._scratch.iterdir():
            _delete(left)
        self.index = self._read()
        self._images = {}
        self._images = self._readable(self.index)
        self.collect()

    def _read(self) -> Index:
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=Index)
        except FileNotFoundError:
            return Index()
        except msgspec.MsgspecError as error:
            raise Failure(f"{self._file} is damaged: {error}") from error
        if found.version > VERSION:
            raise Failure(f"{self._file} was written by a newer Seaway (version {found.version})")
        return found

    def _readable(self, index: Index) -> dict[str, Image]:
        """The images of an index whose configurations are there and sound; others are told and left out."""
        found = {}
        for image_id in index.images:
            try:
                image = self._images.get(image_id) or read_image(self.blob(image_id).read_bytes())
            except (OSError, SeawayError) as error:
                log.warning("image %s cannot be read and is left out: %s", image_id, error)
                continue
            if image.id == image_id:
                found[image_id] = image
            else:
                log.warning("image %s is damaged and left out: its digest is %s", image_id, image.id)
        return found

    def blob(self, digest: str) -> Path:
        """Where the bytes of this digest are, or would be."""
        return self._blobs / digest.removeprefix("sha256:")

    def root_of(self, image_id: str) -> Path:
        """Where the image's root file system is when it is unpacked."""
        return self._roots / image_id.removeprefix("sha256:")

    def roots(self) -> list[str]:
        """IDs of all images with an unpacked root, also of images that are gone."""
        return [f"sha256:{place.name}" for place in self._roots.iterdir()]

    def has(self, image_id: str) -> bool:
        """True when there is such an image."""
        return image_id in self._images

    def ids(self) -> list[str]:
        """IDs of all images."""
        return list(self._images)

    def image(self, image_id: str) -> Image:
        """The image with its present names. KeyError when there is none."""
        record = self.index.images[image_id]
        image = self._images[image_id]
        return replace(
            image,
            history=weighed(image.history, record.sizes),
            size=sum(record.sizes),
            tags=self.index.tags_of(image_id),
            digests=self.index.digests_of(image_id),
            parent=record.parent,
            last_tagged=record.tagged,
        )

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A directory for work, gone afterwards whatever happens."""
        place = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            yield place
        finally:
            _delete(place)

    def keep_layer(self, layer: Layer) -> None:
        """Move a layer's archive to its place."""
        target = self.blob(layer.diff_id)
        if not target.exists():
            sync_file(layer.path)
            os.replace(layer.path, target)

    def keep_config(self, data: bytes) -> str:
        """Write a configuration; the image ID."""
        digest = digest_of(data)
        self._write(self.blob(digest), data)
        return digest

    def commit(self, index: Index) -> None:
        """Make this the truth: on disk first, then in memory."""
        fresh = self._readable(index)
        sync_file(self._blobs)
        self._write(self._file, msgspec.json.format(msgspec.json.encode(index), indent=1))
        self.index, self._images = index, fresh

    def collect(self) -> None:
        """Delete blobs that no image names. A failure is logged: the next start tries again."""
        named = {image_id.removeprefix("sha256:") for image_id in self.index.images}
        for image in self._images.values():
            named.update(diff_id.removeprefix("sha256:") for diff_id in image.diff_ids)
        for blob in self._blobs.iterdir():
            if blob.name not in named:
                _delete(blob)

    def drop_root(self, image_id: str) -> None:
        """Delete an unpacked root; at once out of sight, so that half of one is never taken for whole."""
        place = self.root_of(image_id)
        if place.exists():
            with self.scratch() as scratch:
                os.replace(place, scratch / "gone")

    def _write(self, target: Path, data: bytes) -> None:
        """Replace a file's content so that a crash leaves the old or the new one."""
        with self.scratch() as scratch:
            fresh = scratch / "file"
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, target)
            sync_file(target.parent)


def _delete(place: Path) -> None:
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
    except OSError as error:
        log.warning("cannot delete %s: %s", place, error)
