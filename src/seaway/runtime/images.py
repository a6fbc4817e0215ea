"""Images: what they are called, how they come, how they go, and their unpacked roots."""

import asyncio
import builtins
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from seaway.errors import Failure, InvalidInput, NotFound
from seaway.model.container import Config
from seaway.model.image import Image
from seaway.runtime import image_archive, image_changes, image_names, image_remove
from seaway.runtime.image_adopt import adopt
from seaway.runtime.image_config import About, architecture, now, read_image, write_image
from seaway.runtime.image_distribution import Distribution, ask
from seaway.runtime.image_find import find, named_by_id, saved_names
from seaway.runtime.image_layers import absorb, expand
from seaway.runtime.image_names import named
from seaway.runtime.image_pull import Pull
from seaway.runtime.image_registry import Platform, Registry
from seaway.runtime.image_store import ImageStore, Record
from seaway.runtime.image_tools import Tools
from seaway.runtime.image_unpack import unpack
from seaway.runtime.threads import to_the_end
from seaway.runtime.upper_layer import write_layer

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
        mirrors: Sequence[tuple[str, bool]] = (),
    ) -> None:
        self._store = ImageStore(root)
        self._tools = Tools(skopeo, umoci)
        self._registries = registries
        self._mirrors = tuple(mirrors)
        self._turn = asyncio.Lock()
        self._unpacking: dict[str, asyncio.Lock] = {}

    async def open(self) -> None:
        """Make the directories and sweep what an earlier life left half-made."""
        with _disk("open the images"):
            await to_the_end(self._store.open)

    async def get(self, reference: str) -> Image:
        """The image of this name, digest or ID. Raises NotFound and InvalidInput as Docker does."""
        return self._store.image(find(self._store, reference))

    def count(self) -> int:
        """How many images there are."""
        return len(self._store.ids())

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
            file = await to_the_end(expand, file)
            for number, entry in enumerate(await to_the_end(image_archive.entries, file, architecture())):
                tree = f"image-{number}"
                await self._tools.run(self._skopeo("copy", entry.source, f"dir:{tree}"), scratch)
                before = {tag: self._store.index.tags.get(tag) for tag in entry.tags}
                image_id = await self._bring_in(scratch / tree, entry.tags, ())
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

    async def _bring_in(self, tree: Path, tags: Sequence[str], digests: Sequence[str]) -> str:
        """Take over what skopeo copied: blobs, root, then the index, which makes it visible."""
        async with self._turn, self._swept():
            image, sizes = await to_the_end(adopt, self._store, tree)
            await self._unpack(image)
            await self._name(image.id, Record(sizes=sizes), tags, digests)
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

    async def tag(self, reference: str, repo: str, tag: str) -> None:
        """Give the image a further name; whoever had that name loses it."""
        target = named(repo, tag)
        if target is None:
            raise InvalidInput("invalid reference format: no repository was given")
        async with self._turn:
            image_id = find(self._store, reference)
            await self._name(image_id, Record(), [target.key], [])

    async def remove(self, reference: str, force: bool, users: Users) -> builtins.list[dict[str, str]]:
        """Remove a name, and the image with its last; Docker's records of it. Raises Conflict."""
        async with self._turn:
            image_id = find(self._store, reference)
            by_id = named_by_id(self._store, reference, image_id)
            removal = image_remove.remove(
                self._store.index,
                self._all(),
                image_id,
                "" if by_id else image_names.parse(reference).key,
                reference,
                users(image_id),
                force=force,
            )
            await self._take_away(removal, users)
        return builtins.list(removal.records)

    async def prune(
        self, *, dangling: bool, users: Users, wanted: Callable[[Image], bool] = lambda _: True
    ) -> tuple[builtins.list[dict[str, str]], int]:
        """Remove images no container was made from (``dangling``: those without a tag) that are wanted.

        Docker's records, and the bytes that layers gave back.
        """
        async with self._turn:
            removal = image_remove.prune(self._store.index, self._all(), wanted, users, dangling=dangling)
            await self._take_away(removal, users)
        return builtins.list(removal.records), removal.freed

    async def _take_away(self, removal: image_remove.Removal, users: Users) -> None:
        """Commit, then free what nobody names. Containers of a forced-away image keep its root."""
        with _disk("remove images"):
            await to_the_end(self._store.commit, removal.index)
            await to_the_end(self._store.collect)
            for image_id in self._store.roots():
                if not self._store.has(image_id) and not users(image_id):
                    await to_the_end(self._store.drop_root, image_id)

    def _all(self) -> dict[str, Image]:
        return {image_id: self._store.image(image_id) for image_id in self._store.ids()}

    async def history(self, reference: str) -> builtins.list[dict[str, Any]]:
        """The steps the image was made by, oldest first: ``created`` is RFC 3339, ``size`` in bytes."""
        return builtins.list(self._store.image(find(self._store, reference)).history)

    async def layers_size(self) -> int:
        """Bytes in all layers together, each counted once."""
        sizes: dict[str, int] = {}
        for image_id, record in self._store.index.images.items():
            if self._store.has(image_id):
                sizes.update(zip(self._store.image(image_id).diff_ids, record.sizes, strict=False))
        return sum(sizes.values())

    async def save(self, references: Sequence[str]) -> AsyncIterator[bytes]:
        """A docker-archive of these images. A name without a tag saves all tags of its repository."""
        chosen: dict[str, builtins.list[str]] = {}
        for reference in references:
            for image_id, name in saved_names(self._store, reference):
                chosen.setdefault(image_id, []).extend([name] if name else [])
        images = [(self._store.image(image_id), names) for image_id, names in chosen.items()]
        with _disk("save images"), self._store.scratch() as scratch:
            for image, _ in images:  # links, so that a removal meanwhile takes nothing from under us
                for digest in {image.id, *image.diff_ids}:
                    link = scratch / digest
                    if not link.exists():
                        os.link(self._store.blob(digest), link)
            pieces = image_archive.docker_archive(lambda digest: scratch / digest, images)
            while (piece := await to_the_end(lambda: next(pieces, None))) is not None:
                yield piece

    async def import_(
        self,
        archive: AsyncIterator[bytes],
        repo: str,
        tag: str,
        message: str,
        changes: Sequence[str],
    ) -> str:
        """Make an image of a root file system's tar archive (plain, gzip, bzip2, xz); its ID."""
        return await self.create_from_layer(
            archive, repo=repo, tag=tag, comment=message or "Imported from -", changes=changes
        )

    async def create_from_layer(
        self,
        archive: AsyncIterator[bytes],
        *,
        base: Image | None = None,
        config: Config = Config(),  # noqa: B008 - frozen
        repo: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        created_by: str = "",
        changes: Sequence[str] = (),
    ) -> str:
        """Put one layer upon ``base`` (or upon nothing) with ``config`` after ``changes``; the image's ID."""
        target, config = named(repo, tag), image_changes.apply(config, changes)
        about = About(author, comment, created_by)
        with _disk("make an image"), self._store.scratch() as scratch:
            await self._receive(archive, scratch / "layer")
            return await self._make(scratch / "layer", base, config, target, about)

    async def commit(
        self,
        upper: Path,
        *,
        base: Image,
        config: Config,
        repo: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        changes: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> str:
        """Make an image of what a container wrote (``Rootfs.upper``) upon its image; the new ID."""
        target, config = named(repo, tag), image_changes.apply(config, changes)
        with _disk("commit a container"), self._store.scratch() as scratch:
            await to_the_end(write_layer, upper, scratch / "layer", without)
            return await self._make(scratch / "layer", base, config, target, About(author, comment))

    async def _make(
        self,
        file: Path,
        base: Image | None,
        config: Config,
        target: image_names.Reference | None,
        about: About,
    ) -> str:
        layer = await to_the_end(absorb, file)
        async with self._turn, self._swept():
            below = await self.get(base.id) if base else None
            data = write_image(config, layer.diff_id, about, below)
            sizes = self._store.index.images[below.id].sizes if below else ()
            record = Record(sizes=(*sizes, layer.size), parent=below.id if below else "")
            await to_the_end(self._store.keep_layer, layer)
            image_id = await to_the_end(self._store.keep_config, data)
            await self._unpack(read_image(data))
            await self._name(image_id, record, [target.key] if target else [], [])
        return image_id

    @asynccontextmanager
    async def _swept(self) -> AsyncIterator[None]:
        """Whatever fails within leaves no blob behind."""
        try:
            yield
        except BaseException:
            await to_the_end(self._store.collect)
            raise

    async def pull(
        self, reference: str, tag: str, auth: dict[str, str] | None, platform: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Fetch from a registry; Docker's progress objects. ``tag`` may be a digest; none is all tags.

        Raises before the first object when the registry refuses (NotFound) or does not answer (Failure).
        """
        source = image_names.parse(reference)
        source = source.with_tag(tag) if tag else source
        with _disk("pull images"), self._store.scratch() as scratch:
            registry = self._registry(source, auth, platform, scratch)
            pull = Pull(registry, self._store, self._bring_in, self._rename)
            steps = pull.one(source) if source.tag or source.digest else pull.all_tags(source)
            async with aclosing(steps):
                async for step in steps:
                    yield step

    async def distribution(self, reference: str, auth: dict[str, str] | None) -> Distribution:
        """What the registry says of an image. Raises as ``pull`` does."""
        source = image_names.parse(reference).tagged
        with _disk("ask the registry"), self._store.scratch() as scratch:
            return await ask(self._registry(source, auth, "", scratch), source)

    def _registry(
        self, source: image_names.Reference, auth: dict[str, str] | None, platform: str, scratch: Path
    ) -> Registry:
        wanted = Platform.parse(platform)
        registry = Registry(self._tools, self._skopeo(), scratch, wanted, self._mirrors)
        registry.login(source, auth)
        return registry

    async def _rename(self, image_id: str, tags: Sequence[str], digests: Sequence[str]) -> None:
        async with self._turn:
            if not self._store.has(image_id):
                raise NotFound(image_names.absent(image_id))
            await self._name(image_id, Record(), tags, digests)

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
