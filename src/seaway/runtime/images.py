"""Images: what they are called, how they come, how they go, and their unpacked roots."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from seaway.errors import Failure, NotFound
from seaway.model.image import Image
from seaway.runtime import image_archive, image_names, image_remove
from seaway.runtime.image_adopt import adopt
from seaway.runtime.image_config import architecture, now
from seaway.runtime.image_find import find
from seaway.runtime.image_store import ImageStore, Record
from seaway.runtime.image_tools import Tools
from seaway.runtime.image_unpack import unpack
from seaway.runtime.threads import to_the_end

Users = Callable[[str], Sequence[image_remove.User]]
"""Gives the containers made from an image ID: (container ID, whether it runs)."""


class Images:
    """The images below ``root``. Call ``open`` first.

    Methods may run at the same time; those that change something take turns. Whatever fails, or is
    cancelled, leaves nothing visible behind. A full disk is a Failure that says so.
    """

    def __init__(
        self,
        root: Path,
        *,
        skopeo: str = "skopeo",
        umoci: str = "umoci",
        registries: Path | None = None,
    ) -> None:
        self._store = ImageStore(root)
        self._tools = Tools(skopeo, umoci)
        self._registries = registries
        self._turn = asyncio.Lock()
        self._unpacking: dict[str, asyncio.Lock] = {}

    async def open(self) -> None:
        """Make the directories and sweep what an earlier life left half-made."""
        with _disk("open the images"):
            await to_the_end(self._store.open)

    async def get(self, reference: str) -> Image:
        """The image of this name, digest or ID. Raises NotFound and InvalidInput as Docker does."""
        return self._store.image(find(self._store, reference))

    async def list(self) -> list[Image]:
        """All images, the newest first."""
        found = [self._store.image(image_id) for image_id in self._store.ids()]
        return sorted(found, key=lambda image: image.created, reverse=True)

    async def rootfs(self, image_id: str) -> Path:
        """The image's unpacked root, to be read only. Unpacked at the first call; others wait for it."""
        place = self._store.root_of(image_id)
        if not place.exists():
            if not self._store.has(image_id):
                raise NotFound(image_names.absent(image_id))
            await self._unpack(self._store.image(image_id))
        return place

    async def _unpack(self, image: Image) -> None:
        place = self._store.root_of(image.id)
        async with self._unpacking.setdefault(image.id, asyncio.Lock()):
            if place.exists():
                return
            with _disk(f"unpack image {image.id}"), self._store.scratch() as scratch:
                try:
                    tree = await unpack(self._store, self._tools, image, scratch)
                except FileNotFoundError as error:  # its blobs went while we looked
                    raise NotFound(image_names.absent(image.id)) from error
                os.replace(tree, place)

    async def load(self, archive: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Load a docker-archive or OCI archive (plain, gzip, bzip2, xz); Docker's progress objects.

        Raises InvalidInput for what is no such archive; images before a faulty one stay.
        """
        with _disk("load images"), self._store.scratch() as scratch:
            file = scratch / "archive"
            await self._receive(archive, file)
            for number, entry in enumerate(await to_the_end(image_archive.entries, file, architecture())):
                tree = f"image-{number}"
                await self._tools.run(self._skopeo("copy", entry.source, f"dir:{tree}"), scratch)
                before = {tag: self._store.index.tags.get(tag) for tag in entry.tags}
                image_id = await self._bring_in(scratch / tree, tags=entry.tags)
                for tag, old in before.items():
                    if old not in (None, image_id):
                        yield {
                            "stream": f"The image {tag} already exists, renaming the old one with ID {old} "
                            "to empty string\n"
                        }
                for tag in entry.tags:
                    yield {"stream": f"Loaded image: {tag}\n"}
                if not entry.tags:
                    yield {"stream": f"Loaded image ID: {image_id}\n"}

    async def _receive(self, archive: AsyncIterator[bytes], file: Path) -> None:
        with file.open("wb") as target:
            async for chunk in archive:
                await asyncio.to_thread(target.write, chunk)

    async def _bring_in(self, tree: Path, *, tags: Sequence[str] = (), digests: Sequence[str] = ()) -> str:
        """Take over what skopeo copied: blobs, root, then the index, which makes it visible."""
        async with self._turn:
            try:
                image, sizes = await to_the_end(adopt, self._store, tree)
                await self._unpack(image)
                await self._name(image.id, Record(sizes=sizes), tags, digests)
            except BaseException:
                await to_the_end(self._store.collect)
                raise
        return image.id

    async def _name(self, image_id: str, record: Record, tags: Sequence[str], digests: Sequence[str]) -> None:
        index = self._store.index
        known = index.images.get(image_id, record)
        index = replace(
            index,
            images={**index.images, image_id: replace(known, tagged=now()) if tags else known},
            tags={**index.tags, **dict.fromkeys(tags, image_id)},
            digests={**index.digests, **dict.fromkeys(digests, image_id)},
        )
        await to_the_end(self._store.commit, index)

    def _skopeo(self, *words: str) -> tuple[str, ...]:
        registries = ("--registries-conf", str(self._registries)) if self._registries else ()
        return (self._tools.skopeo, "--insecure-policy", *registries, *words)


@contextmanager
def _disk(step: str) -> Iterator[None]:
    """Says what was being done when the disk refused."""
    try:
        yield
    except OSError as error:
        why = "no space left on device" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        raise Failure(f"cannot {step}: {why}") from error
