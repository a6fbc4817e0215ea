"""All verbs of containers under one name, as the faces call them."""

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seaway.engine.containers import Containers
from seaway.engine.copying import Copying
from seaway.engine.health import View
from seaway.engine.lifecycle import Lifecycle
from seaway.engine.specs import ContainerSpec
from seaway.engine.streams import Streams
from seaway.engine.waiting import Waiter
from seaway.model import Container
from seaway.runtime.contract import Console


@dataclass(slots=True)
class ContainerVerbs:
    """Hands each verb to the part that does it."""

    facts: Containers
    life: Lifecycle
    streams: Streams
    copying: Copying

    def get(self, reference: str) -> Container:
        """See Containers.get."""
        return self.facts.get(reference)

    def list(self, *, all: bool, limit: int, filters: Mapping[str, list[str]]) -> list[Container]:
        """See Containers.list."""
        return self.facts.list(all=all, limit=limit, filters=filters)

    async def size(self, container: Container) -> int:
        """See Containers.size."""
        return await self.facts.size(container)

    def health(self, container: Container) -> View | None:
        """See Checks.view."""
        return self.life.checks.view(container)

    async def create(self, spec: ContainerSpec) -> tuple[str, builtins.list[str]]:
        """See Containers.create."""
        return await self.facts.create(spec)

    async def rename(self, reference: str, name: str) -> None:
        """See Containers.rename."""
        await self.facts.rename(reference, name)
        await self.life.files.refresh(self.get(name))

    async def remove(self, reference: str, *, force: bool, volumes: bool, link: bool) -> None:
        """See Containers.remove."""
        await self.facts.remove(reference, force=force, volumes=volumes, link=link)

    async def update(self, reference: str, changes: Mapping[str, Any]) -> builtins.list[str]:
        """See Containers.update."""
        return await self.facts.update(reference, changes)

    async def prune(self, filters: Mapping[str, builtins.list[str]]) -> tuple[builtins.list[str], int]:
        """See Containers.prune."""
        return await self.facts.prune(filters)

    async def start(self, reference: str) -> None:
        """See Lifecycle.start."""
        await self.life.start(reference)

    async def stop(self, reference: str, timeout: int | None, signal: str | None) -> None:
        """See Lifecycle.stop."""
        await self.life.stop(reference, timeout, signal)

    async def kill(self, reference: str, signal: str) -> None:
        """See Lifecycle.kill."""
        await self.life.kill(reference, signal)

    async def restart(self, reference: str, timeout: int | None, signal: str | None) -> None:
        """See Lifecycle.restart."""
        await self.life.restart(reference, timeout, signal)

    async def pause(self, reference: str) -> None:
        """See Lifecycle.pause."""
        await self.life.pause(reference)

    async def unpause(self, reference: str) -> None:
        """See Lifecycle.unpause."""
        await self.life.unpause(reference)

    async def resize(self, reference: str, height: int, width: int) -> None:
        """See Streams.resize."""
        await self.streams.resize(reference, height, width)

    async def wait(self, reference: str, condition: str) -> Waiter:
        """See Streams.wait."""
        return await self.streams.wait(reference, condition)

    async def attach(
        self, reference: str, *, stdin: bool, stdout: bool, stderr: bool, stream: bool, logs: bool
    ) -> Console:
        """See Streams.attach."""
        return await self.streams.attach(
            reference, stdin=stdin, stdout=stdout, stderr=stderr, stream=stream, logs=logs
        )

    def logs(self, reference: str, **wanted: Any) -> AsyncIterator[tuple[int, bytes]]:
        """See Streams.logs."""
        return self.streams.logs(reference, **wanted)

    async def top(self, reference: str, ps_args: str) -> dict[str, Any]:
        """See Streams.top."""
        return await self.streams.top(reference, ps_args)

    def stats(self, reference: str, *, stream: bool, one_shot: bool) -> AsyncIterator[dict[str, Any]]:
        """See Streams.stats."""
        return self.streams.stats(reference, stream=stream, one_shot=one_shot)

    async def archive_stat(self, reference: str, path: str) -> dict[str, Any]:
        """See Copying.archive_stat."""
        return await self.copying.archive_stat(reference, path)

    async def archive_get(self, reference: str, path: str) -> tuple[dict[str, Any], AsyncIterator[bytes]]:
        """See Copying.archive_get."""
        return await self.copying.archive_get(reference, path)

    async def archive_put(
        self, reference: str, path: str, pieces: AsyncIterator[bytes], *, no_overwrite: bool
    ) -> None:
        """See Copying.archive_put."""
        await self.copying.archive_put(reference, path, pieces, no_overwrite=no_overwrite)

    async def export(self, reference: str) -> AsyncIterator[bytes]:
        """See Copying.export."""
        return await self.copying.export(reference)

    async def changes(self, reference: str) -> builtins.list[dict[str, Any]]:
        """See Copying.changes."""
        return await self.copying.changes(reference)

    async def commit(
        self,
        reference: str,
        repo: str,
        tag: str,
        comment: str,
        author: str,
        changes: Sequence[str],
        pause: bool,
        config: dict[str, Any],
    ) -> str:
        """See Copying.commit."""
        return await self.copying.commit(reference, repo, tag, comment, author, changes, pause, config)
