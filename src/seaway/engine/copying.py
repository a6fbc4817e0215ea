"""Files in and out of containers: copy, export, changes, commit."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from seaway.engine import mounts
from seaway.engine.core import Core
from seaway.engine.lifecycle import Lifecycle, attributes
from seaway.errors import Failure, InvalidInput, RuntimeFailed
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
        async with self._place(self.life.find(reference), path) as (root, inner, name):
            return await asyncio.to_thread(archive.stat_path, root, inner, name=name)

    async def archive_get(self, reference: str, path: str) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
        """A path's stat, and the path as a tar in pieces."""
        container = self.life.find(reference)
        stat = await self.archive_stat(container.id, path)
        self._tell("archive-path", container)
        return stat, self._copied(container, path)

    async def archive_put(
        self, reference: str, path: str, pieces: AsyncIterator[bytes], *, no_overwrite: bool
    ) -> None:
        """Unpack a tar in a directory of the container."""
        container = self.life.find(reference)
        _writable(container, path)
        async with self._place(container, path) as (root, inner, _name):
            await archive.unpack(root, inner, pieces, no_overwrite=no_overwrite)
        self._tell("extract-to-dir", container)

    async def export(self, reference: str) -> AsyncIterator[bytes]:
        """The container's whole file system as a tar, without what is mounted in it."""
        container = self.life.find(reference)
        self._tell("export", container)
        return self._exported(container)

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

    async def _copied(self, container: Container, path: str) -> AsyncIterator[bytes]:
        async with (
            self._place(container, path) as (root, inner, name),
            aclosing(archive.pack(root, inner, name=name)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def _exported(self, container: Container) -> AsyncIterator[bytes]:
        async with self._mounted(container) as root, aclosing(archive.pack(root, "/", bare=True)) as pieces:
            async for piece in pieces:
                yield piece

    @asynccontextmanager
    async def _place(self, container: Container, path: str) -> AsyncIterator[tuple[str, str, str]]:
        """Where a path of the container is to be found: a root, the path below it, its name if that differs.

        What runs is read as it sees itself; of what does not, its volumes and binds are read too.
        """
        through = mounts.behind(container.mounts, path)
        if container.state.running:
            yield f"/proc/{container.state.pid}/root", path, ""
        elif through is None:
            async with self._mounted(container) as root:
                yield root, path, ""
        else:
            yield await asyncio.to_thread(_behind, *through, path)

    @asynccontextmanager
    async def _mounted(self, container: Container) -> AsyncIterator[str]:
        """The container's own file system, mounted meanwhile."""
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
        try:
            await self.core.runtime.pause(container.id)
        except RuntimeFailed:
            if await self.core.runtime.alive(container.id, container.state.monitor):
                raise
            yield  # it has ended by itself meanwhile
            return
        try:
            yield
        finally:
            await self.core.runtime.resume(container.id)

    def _tell(self, action: str, container: Container, **more: str) -> None:
        self.core.events.publish("container", action, container.id, {**attributes(container), **more})


def _behind(point: dict[str, Any], rest: str, path: str) -> tuple[str, str, str]:
    """A path of a mount: the root to look in, the path below it, and the name it has in the container."""
    name = os.path.basename(path) or os.path.basename(os.path.normpath(path))
    source = point["Source"]
    if rest:
        return source, f"/{rest}/" if path.endswith("/") else f"/{rest}", ""
    if os.path.isdir(source):
        return source, "/", name
    return os.path.dirname(source), f"/{os.path.basename(source)}", name


def _writable(container: Container, path: str) -> None:
    through = mounts.behind(container.mounts, path)
    if through is not None and not through[0].get("RW", True):
        raise InvalidInput("mounted volume is marked read-only")
    if through is None and container.host.readonly_rootfs:
        raise InvalidInput("container rootfs is marked read-only")


def _config(container: Container, changes_asked: dict[str, Any]) -> Config:
    """The container's configuration with what the request changes, as the image's."""
    base = msgspec.to_builtins(container.config)
    base.pop("Hostname", None)
    try:
        return msgspec.convert({**base, **changes_asked}, Config)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"invalid configuration to commit: {error}") from error
