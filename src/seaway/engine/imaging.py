"""The verbs of images, which the runtime room does, with the events and users only the engine knows."""

import builtins
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from seaway.engine import filters as sieve
from seaway.engine.clock import seconds
from seaway.engine.core import Core
from seaway.model.image import Image
from seaway.runtime.image_distribution import Distribution


@dataclass(slots=True)
class Imaging:
    """Images of this daemon."""

    core: Core

    async def get(self, reference: str) -> Image:
        """An image by name, digest or ID."""
        return await self.core.images.get(reference)

    def count(self) -> int:
        """How many images there are."""
        return self.core.images.count()

    async def list(self) -> list[Image]:
        """All images."""
        return await self.core.images.list()

    async def tag(self, reference: str, repo: str, tag: str) -> None:
        """Give an image another name."""
        await self.core.images.tag(reference, repo, tag)
        await self._tell("tag", f"{repo}:{tag or 'latest'}")

    async def remove(self, reference: str, force: bool) -> builtins.list[dict[str, str]]:
        """Remove a name, and the image with its last name."""
        image = await self.core.images.get(reference)
        gone = await self.core.images.remove(reference, force, self.users)
        for entry in gone:
            for kind, name in entry.items():
                action = "untag" if kind == "Untagged" else "delete"
                self.core.events.publish("image", action, image.id, {"name": name})
        return gone

    def users(self, image_id: str) -> builtins.list[tuple[str, bool]]:
        """Containers made from an image: (ID, whether it runs)."""
        return [(c.id, c.state.running) for c in self.core.facts.containers.values() if c.image == image_id]

    def load(self, archive: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        """Load images from an archive; progress objects."""
        return self.core.images.load(archive)

    def save(self, references: builtins.list[str]) -> AsyncIterator[bytes]:
        """An archive of images."""
        return self.core.images.save(references)

    async def import_(
        self, archive: AsyncIterator[bytes], repo: str, tag: str, message: str, changes: builtins.list[str]
    ) -> str:
        """Make an image of a root file system's tarball; its ID."""
        identity = await self.core.images.import_(archive, repo, tag, message, changes)
        self.core.events.publish("image", "import", identity, {"name": identity})
        return identity

    async def pull(
        self, reference: str, tag: str, auth: dict[str, Any] | None, platform: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Fetch an image from a registry; progress objects."""
        async with aclosing(cast("Any", self.core.images.pull(reference, tag, auth, platform))) as steps:
            async for step in steps:
                yield step
        name = f"{reference}:{tag}" if tag and not tag.startswith("sha256:") else reference
        self.core.events.publish("image", "pull", name, {"name": reference})

    async def distribution(self, reference: str, auth: dict[str, Any] | None) -> Distribution:
        """What the registry says of an image."""
        return await self.core.images.distribution(reference, auth)

    async def history(self, reference: str) -> Any:
        """The steps an image was made by."""
        return await self.core.images.history(reference)

    async def prune(
        self, filters: Mapping[str, builtins.list[str]]
    ) -> tuple[builtins.list[dict[str, str]], int]:
        """Remove images nobody uses. What went, and bytes freed."""
        sieve.known(filters, (*sieve.PRUNE_KEYS, "dangling"))
        limit = sieve.until(filters, time.time())

        def wanted(image: Image) -> bool:
            young = limit is not None and seconds(image.created) > limit
            return not young and sieve.labels_pass(image.config.labels or {}, filters)

        dangling = sieve.boolean(filters, "dangling") is not False
        return await self.core.images.prune(dangling=dangling, users=self.users, wanted=wanted)

    async def _tell(self, action: str, name: str) -> None:
        image = await self.core.images.get(name)
        self.core.events.publish("image", action, image.id, {"name": name})
