"""Files in and out of containers: copy, export, changes, commit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from seaway.engine.core import Core
from seaway.engine.lifecycle import Lifecycle, attributes
from seaway.errors import Failure, InvalidInput
from seaway.model import Config, Container
from seaway.runtime import archive, changes

NO_LAYER = "the file system of {} is a plain copy, so what it changed cannot be told (no overlayfs here)"


@dataclass(slots=True)
class Copying:
    """Reads and writes the file systems of containers, running or not."""

    core: Core
    life: Lifecycle

    async def archive_stat(self, reference: str, path: str) -> dict[str, Any]:
        """What stands at a path: name, size, mode, mtime, linkTarget."""
        async with self._root(self.life.find(reference)) as root:
            return await asyncio.to_thread(archive.stat_path, root, path)

    async def archive_get(self, reference: str, path: str) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
        """A path's stat, and the path as a tar in pieces."""
        container = self.life.find(reference)
        stat = await self.archive_stat(container.id, path)
        self._tell("archive-path", container)
        return stat, self._pieces(container, path, bare=False, live=True)

    async def archive_put(
        self, reference: str, path: str, pieces: AsyncIterator[bytes], *, no_overwrite: bool
    ) -> None:
        """Unpack a tar in a directory of the container."""
        container = self.life.find(reference)
        async with self._root(container) as root:
            await archive.unpack(root, path, pieces, no_overwrite=no_overwrite)
        self._tell("extract-to-dir", container)

    async def export(self, reference: str) -> AsyncIterator[bytes]:
        """The container's whole file system as a tar, without what is mounted in it."""
        container = self.life.find(reference)
        self._tell("export", container)
        return self._pieces(container, "/", bare=True, live=False)

    async def changes(self, reference: str) -> list[dict[str, Any]]:
        """What the container changed upon its image: Docker's Path and Kind."""
        container = self.life.find(reference)
        upper = self.core.runtime.rootfs.upper(container.id)
        if upper is None:
            raise Failure(NO_LAYER.format(container.name))
        lower = await self.core.images.rootfs(container.image)
        return await asyncio.to_thread(changes.changes, upper, lower) if upper.exists() else []

    async def commit(
        self,
        reference: str,
        repo: str,
        tag: str,
        comment: str,
        author: str,
        wanted: Sequence[str],
        pause: bool,
        config: dict[str, Any],
    ) -> str:
        """Make an image of what the container changed. Returns the image's ID."""
        container = self.life.find(reference)
        upper = self.core.runtime.rootfs.upper(container.id)
        if upper is None:
            raise Failure(NO_LAYER.format(container.name))
        await asyncio.to_thread(upper.mkdir, parents=True, exist_ok=True)
        base = await self.core.images.get(container.image)
        async with self._still(container, pause=pause):
            identity = await self.core.images.commit(
                upper,
                base=base,
                config=_config(container, config),
                repo=repo,
                tag=tag,
                author=author,
                comment=comment,
                changes=wanted,
                without=changes.OURS,
            )
        self.core.events.publish("image", "create", identity, {"name": f"{repo}:{tag}" if repo else identity})
        self._tell("commit", container, comment=comment)
        return identity

    async def _pieces(
        self, container: Container, path: str, *, bare: bool, live: bool
    ) -> AsyncIterator[bytes]:
        async with self._root(container, live=live) as root:
            async for piece in archive.pack(root, path, bare=bare):
                yield piece

    @asynccontextmanager
    async def _root(self, container: Container, *, live: bool = True) -> AsyncIterator[str]:
        """The container's root: as it sees it when it runs, else its file system, mounted meanwhile."""
        if container.state.running and live:
            yield f"/proc/{container.state.pid}/root"
            return
        rootfs = self.core.runtime.rootfs
        lower = await self.core.images.rootfs(container.image)
        async with self.core.locks[container.id]:
            root = await asyncio.to_thread(rootfs.mount, container.id, str(lower))
            try:
                yield root
            finally:
                current = self.core.facts.containers.get(container.id)
                if current is None or not current.state.running:
                    await asyncio.to_thread(rootfs.unmount, container.id)

    @asynccontextmanager
    async def _still(self, container: Container, *, pause: bool) -> AsyncIterator[None]:
        if not pause or container.state.status != "running":
            yield
            return
        await self.core.runtime.pause(container.id)
        try:
            yield
        finally:
            await self.core.runtime.resume(container.id)

    def _tell(self, action: str, container: Container, **more: str) -> None:
        self.core.events.publish("container", action, container.id, {**attributes(container), **more})


def _config(container: Container, changes_asked: dict[str, Any]) -> Config:
    """The container's configuration with what the request changes, as the image's."""
    base = msgspec.to_builtins(container.config)
    base.pop("Hostname", None)
    try:
        return msgspec.convert({**base, **changes_asked}, Config)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"invalid configuration to commit: {error}") from error
