"""From a container and the facts around it to the Box that the runtime makes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec

from seaway.engine import lookup, modes
from seaway.engine.core import Core
from seaway.engine.files import Files
from seaway.errors import Conflict, InvalidInput
from seaway.model import Container
from seaway.runtime.contract import Box
from seaway.runtime.inroot import open_in_root, rooted


@asynccontextmanager
async def box(core: Core, files: Files, container: Container, target: Container | None) -> AsyncIterator[Box]:
    """What the runtime makes; good while the block lasts. ``target`` is whose sandbox is shared."""
    image = await core.images.get(container.image)
    lower = await core.images.rootfs(image.id)
    paths = await asyncio.to_thread(files.write, container)
    owner = target or container
    sandbox = core.facts.sandboxes.get(owner.sandbox_id)
    told = tuple(files.link_environment(container))
    config = msgspec.structs.replace(container.config, env=(*told, *(container.config.env or ())))
    with ExitStack() as held:
        mounts = tuple(_opened(mount, container, held) for mount in container.mounts)
        yield Box(
            container=msgspec.structs.replace(container, config=config, mounts=mounts),
            lower=str(lower),
            netns=sandbox.path if sandbox is not None else "",
            hostname=owner.config.hostname,
            files=paths,
            join=_joins(core, container),
        )


def _joins(core: Core, container: Container) -> dict[str, str]:
    """Paths of namespaces to share, by kind, for ``--pid``, ``--ipc`` and ``--uts``."""
    found = {}
    wanted = (("pid", container.host.pid_mode), ("ipc", container.host.ipc_mode),
              ("uts", container.host.uts_mode))  # fmt: skip
    for kind, text in wanted:
        if text == "host":
            found[kind] = "host"
        elif text.startswith(modes.CONTAINER):
            target = lookup.container(core.facts.containers, text.removeprefix(modes.CONTAINER))
            if not target.state.running:
                raise Conflict(f"cannot join {kind} namespace of a non running container: {target.id}")
            found[kind] = f"/proc/{target.state.pid}/ns/{kind}"
    return found


def _opened(mount: dict[str, Any], container: Container, held: ExitStack) -> dict[str, Any]:
    """The mount; of a volume's part, by an open descriptor, so that no link in it leads out of the volume."""
    part = next((_part(m.volume_options) for m in container.host.mounts or ()
                 if os.path.normpath(m.target) == mount["Destination"]), "")  # fmt: skip
    if not part:
        return mount
    try:
        with rooted(mount["Source"]) as top:
            descriptor = open_in_root(top, part, os.O_PATH)
    except OSError as error:
        raise InvalidInput(
            f"cannot access path {part} in volume {mount.get('Name', '')}: {error.strerror}"
        ) from error
    held.callback(os.close, descriptor)
    return {**mount, "Source": f"/proc/{os.getpid()}/fd/{descriptor}"}


def _part(options: dict[str, Any] | None) -> str:
    return str((options or {}).get("Subpath") or "")
