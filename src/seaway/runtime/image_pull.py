"""``docker pull``: one image or all tags of a repository, told as Docker tells it."""

import json
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seaway.model.names import short
from seaway.runtime.image_config import digest_of
from seaway.runtime.image_names import Reference
from seaway.runtime.image_registry import BEGUN, Registry
from seaway.runtime.image_store import ImageStore

Progress = dict[str, Any]

BringIn = Callable[[Path, Sequence[str], Sequence[str]], Coroutine[Any, Any, str]]
"""Takes over a copied tree under these tags and digest names; the image ID."""

Name = Callable[[str, Sequence[str], Sequence[str]], Coroutine[Any, Any, None]]
"""Gives an image that is here these tags and digest names."""


@dataclass(frozen=True, slots=True)
class Pull:
    """What a pull needs: the registry to ask, the store to look into, two ways to change it."""

    registry: Registry
    store: ImageStore
    bring_in: BringIn
    name: Name

    async def all_tags(self, reference: Reference) -> AsyncGenerator[Progress, None]:
        """Every tag of the repository, one after the other."""
        for tag in sorted(await self.registry.tags(reference)):
            async with aclosing(self.one(reference.with_tag(tag))) as steps:
                async for step in steps:
                    yield step

    async def one(self, reference: Reference) -> AsyncGenerator[Progress, None]:
        """One tag or digest. Nothing is told before the registry has answered, so errors come first."""
        manifest = await self.registry.manifest(reference)
        digest = digest_of(manifest)
        tags = [reference.key] if not reference.digest else []
        exact = reference.with_digest(digest)
        yield {"status": f"Pulling from {reference.path}", "id": reference.digest or reference.tag}
        known = self._known(exact.key)
        if known and all(self.store.index.tags.get(tag) == known for tag in tags):
            verdict = "Image is up to date"
        else:
            verdict = "Downloaded newer image"
            if known:
                for layer in _layers(manifest):
                    yield _step("Already exists", layer)
                await self.name(known, tags, [exact.key])
            else:
                async with aclosing(self._fetch(exact, tags)) as steps:
                    async for step in steps:
                        yield step
        yield {"status": f"Digest: {digest}"}
        yield {"status": f"Status: {verdict} for {reference}"}

    def _known(self, name: str) -> str:
        """The image of this digest, when it is here and of the platform that was asked for."""
        found = self.store.index.digests.get(name, "")
        if not found or not self.store.has(found):
            return ""
        image, wanted = self.store.image(found), self.registry.platform
        same = (not wanted.os or wanted.os == image.os) and (
            not wanted.architecture or wanted.architecture == image.architecture
        )
        return found if same else ""

    async def _fetch(self, exact: Reference, tags: Sequence[str]) -> AsyncGenerator[Progress, None]:
        tree = self.registry.scratch / exact.digest.removeprefix("sha256:")
        layers: list[str] = []
        try:
            async with aclosing(self.registry.copy(exact, tree)) as events:
                async for event, layer in events:
                    if event == BEGUN:
                        layers.append(layer)
                    yield _step("Pulling fs layer" if event == BEGUN else "Download complete", layer)
            await self.bring_in(tree, tags, [exact.key])
            for layer in layers:
                yield _step("Pull complete", layer)
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def _step(status: str, digest: str) -> Progress:
    return {"status": status, "progressDetail": {}, "id": short(digest.removeprefix("sha256:"))}


def _layers(manifest: bytes) -> list[str]:
    """Digests of the layers, when it is a manifest and no list of several."""
    return [layer["digest"] for layer in json.loads(manifest).get("layers", ())]
