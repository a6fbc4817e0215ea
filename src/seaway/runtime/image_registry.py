"""What a registry is asked, through skopeo, and what its refusals mean in Docker's words."""

import asyncio
import base64
import json
import logging
import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import Failure, InvalidInput, NotFound, SeawayError
from seaway.runtime.image_names import HUB, Reference
from seaway.runtime.image_tools import ToolFailed, Tools, reason

log = logging.getLogger(__name__)

PATIENCE = 15
"""Seconds for a registry to answer what is small: a manifest, a list of tags."""

STALLED = 60.0
"""Seconds without a new byte after which a download is given up."""

_GLANCE = 0.1
"""Seconds between two looks at a download."""

BEGUN, DONE = "begun", "done"
"""What ``copy`` tells of a layer."""

_BLOB = re.compile(r"^Copying blob (sha256:[0-9a-f]{64})", re.MULTILINE)
_HEX64 = re.compile(r"[0-9a-f]{64}")
_NETWORK = re.compile(r'((?:Get|Head|Post) \\?"?https?://.*)', re.DOTALL)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?")

_REFUSALS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"manifest unknown|unknown tag=|name unknown|repository name not known"),
        "manifest for {ref} not found: manifest unknown: manifest unknown",
    ),
    (
        re.compile(r"requested access to the resource is denied|unauthorized|authentication required|denied"),
        "pull access denied for {name}, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
    ),
    (
        re.compile(r"no image found in manifest list|no image found in image index"),
        "no matching manifest for {platform} in the manifest list entries",
    ),
)
"""A registry's words, and Docker's for the same (404)."""


@dataclass(frozen=True, slots=True)
class Platform:
    """For which machine; empty is this one."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """``linux/arm64/v8``. Raises InvalidInput."""
        parts = text.lower().split("/") if text else []
        if len(parts) > 3 or not all(re.fullmatch(r"[a-z0-9_.-]+", part) for part in parts):
            raise InvalidInput(f"{text!r} is not a platform: it is of the form os/architecture[/variant]")
        return cls(*parts)

    @property
    def options(self) -> tuple[str, ...]:
        """skopeo's global flags."""
        named = (("os", self.os), ("arch", self.architecture), ("variant", self.variant))
        return tuple(f"--override-{name}={value}" for name, value in named if value)

    def __str__(self) -> str:
        return (
            "/".join(part for part in (self.os, self.architecture, self.variant) if part) or "this platform"
        )


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry of one pull: programs, flags, credentials. ``scratch`` is a directory for this alone."""

    tools: Tools
    base: tuple[str, ...]
    scratch: Path
    platform: Platform
    mirrors: tuple[tuple[str, bool], ...] = ()

    def login(self, reference: Reference, auth: Mapping[str, str] | None) -> None:
        """Write the credentials to a file of ours: on a command line everybody could read them.

        Written also without any, so that nobody's own login at this machine is used.
        """
        auths: dict[str, dict[str, str]] = {}
        if auth and (auth.get("username") or auth.get("identitytoken")):
            pair = f"{auth.get('username', '')}:{auth.get('password', '')}"
            auths[reference.domain] = {"auth": base64.b64encode(pair.encode()).decode()}
            if auth.get("identitytoken"):
                auths[reference.domain]["identitytoken"] = auth["identitytoken"]
        file = self.scratch / "auth.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": auths}))

    async def manifest(self, reference: Reference) -> bytes:
        """The bytes of what the name stands for: a manifest, or a list of them."""
        return await self._ask(reference, "inspect", "--raw", *self._flags(reference, ""), _source(reference))

    async def tags(self, reference: Reference) -> list[str]:
        """All tags of the repository. The hub's mirrors are asked first, which skopeo does not do here."""
        for place, plain in self.mirrors if reference.domain == HUB else ():
            flags = ("--tls-verify=false",) if plain else ()
            try:
                return await self._tags(reference, f"{place}/{reference.path}", flags)
            except SeawayError as error:
                log.debug("mirror", extra={"place": place, "reason": error.message})
        return await self._tags(reference, reference.full_name, self._flags(reference, ""))

    async def _tags(self, reference: Reference, source: str, flags: Sequence[str]) -> list[str]:
        data = await self._ask(reference, "list-tags", *flags, f"docker://{source}")
        return [str(tag) for tag in json.loads(data)["Tags"]]

    async def config(self, reference: Reference) -> bytes:
        """The configuration of the image, for the platform that is wanted."""
        words = ("inspect", "--config", "--raw", *self._flags(reference, ""), _source(reference))
        return await self._ask(reference, *words)

    async def _ask(self, reference: Reference, *words: str) -> bytes:
        argv = (*self.base, *self.platform.options, f"--command-timeout={PATIENCE}s", *words)
        try:
            return await self.tools.run(argv, self.scratch)
        except ToolFailed as error:
            raise self._refusal(str(error), reference) from error

    async def copy(self, reference: Reference, tree: Path) -> AsyncGenerator[tuple[str, str], None]:
        """Fetch the image into ``tree``, telling (BEGUN or DONE, digest) of each layer."""
        flags = self._flags(reference, "src-")
        words = (*self.platform.options, "copy", *flags, _source(reference), f"dir:{tree.name}")
        seen: dict[str, bool] = {}
        watch = _Growth(tree)
        async with self.tools.started((*self.base, *words), self.scratch) as process:
            while True:
                ended = await _ended(process)
                for digest in _BLOB.findall((self.scratch / "stdout").read_text(errors="replace")):
                    if digest not in seen:
                        seen[digest] = False
                        yield BEGUN, digest
                if process.returncode:
                    said = (self.scratch / "stderr").read_text(errors="replace")
                    raise self._refusal(reason(said, "skopeo"), reference)
                arrived = {name for name in watch.look() if _HEX64.fullmatch(name)}
                for digest, done in seen.items():
                    if not done and digest.removeprefix("sha256:") in arrived:
                        seen[digest] = True
                        yield DONE, digest
                if ended:
                    return

    def _flags(self, reference: Reference, prefix: str) -> tuple[str, ...]:
        """Credentials; and plain HTTP allowed for registries on this very machine, as Docker does."""
        insecure = (f"--{prefix}tls-verify=false",) if _LOOPBACK.fullmatch(reference.domain) else ()
        return (f"--{prefix}authfile=auth.json", *insecure)

    def _refusal(self, text: str, reference: Reference) -> SeawayError:
        for pattern, sentence in _REFUSALS:
            if pattern.search(text):
                return NotFound(sentence.format(ref=reference, name=reference.name, platform=self.platform))
        network = _NETWORK.search(text)
        return Failure(network[1] if network else text)


def _source(reference: Reference) -> str:
    tail = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    return f"docker://{reference.full_name}{tail}"


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """True when the process is no more; looks for a moment."""
    try:
        await asyncio.wait_for(process.wait(), _GLANCE)
    except TimeoutError:
        return False
    return True


class _Growth:
    """Watches a directory fill; raises Failure when it has stopped doing so for too long."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._size = -1
        self._since = time.monotonic()

    def look(self) -> list[str]:
        """The names of what is there."""
        size, names = 0, []
        if self._tree.is_dir():
            for file in self._tree.iterdir():
                names.append(file.name)
                try:
                    size += file.stat().st_size
                except FileNotFoundError:  # renamed under our eyes
                    continue
        if size != self._size:
            self._size, self._since = size, time.monotonic()
        elif time.monotonic() - self._since > STALLED:
            raise Failure(f"the registry has sent nothing for {STALLED:.0f} seconds")
        return names
