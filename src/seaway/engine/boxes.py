"""From a container and the facts around it to the Box that the runtime makes."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec

from seaway.engine import lookup, modes
from seaway.engine.core import Core
from seaway.engine.facts import Facts
from seaway.engine.files import Files
from seaway.errors import Conflict, InvalidInput
from seaway.model import Container
from seaway.runtime.contract import Box
from seaway.runtime.part import pinned
from seaway.runtime.processes import in_box


@asynccontextmanager
async def box(core: Core, files: Files, container: Container, target: Container | None) -> AsyncIterator[Box]:
    """What the runtime makes; good while the block lasts. ``target`` is whose sandbox is shared."""
    image = await core.images.get(container.image)
    lower = await core.images.rootfs(image.id)
    paths = await asyncio.to_thread(files.write, container)
    owner = lookup.sandbox_owner(core.facts.containers, container)
    told = tuple(files.link_environment(container))
    config = msgspec.structs.replace(container.config, env=(*told, *(container.config.env or ())))
    with ExitStack() as held:
        mounts = tuple(_held(core, mount, container, held) for mount in container.mounts)
        yield Box(
            container=msgspec.structs.replace(container, config=config, mounts=mounts),
            lower=str(lower),
            netns=_namespace(core, target or container),
            hostname=owner.config.hostname,
            files=paths,
            join=_joins(core, container),
        )


def living(facts: Facts, path: str) -> str:
    """Where the processes of a sandbox have its namespace, though its name were gone; empty without any."""
    box = next((b for b in facts.sandboxes.values() if b.path == path), None)
    container = facts.containers.get(box.container_id) if box is not None else None
    if container is None or not in_box(container.state.pid, container.id):
        return ""
    return f"/proc/{container.state.pid}/ns/net"


def _namespace(core: Core, container: Container) -> str:
    """Path of the namespace a container has; empty when it is the host's own."""
    if modes.parse(container.host.network_mode).shared:
        return f"/proc/{container.state.pid}/ns/net"
    sandbox = core.facts.sandboxes.get(container.sandbox_id)
    if sandbox is None:
        raise Conflict(f"container {container.name} has no network namespace now: it is just ending")
    return sandbox.path


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


def _held(core: Core, mount: dict[str, Any], container: Container, held: ExitStack) -> dict[str, Any]:
    """The mount; of a volume's part, from a place where it is held fast."""
    part = next((_part(m.volume_options) for m in container.host.mounts or ()
                 if os.path.normpath(m.target) == mount["Destination"]), "")  # fmt: skip
    if not part:
        return mount
    place = core.settings.exec_root / "parts" / f"{container.id}-{container.mounts.index(mount)}"
    try:
        source = held.enter_context(pinned(mount["Source"], part, place))
    except OSError as error:
        name = mount.get("Name", "")
        raise InvalidInput(f"cannot access path {part} in volume {name}: {error.strerror}") from error
    return {**mount, "Source": source}


def _part(options: dict[str, Any] | None) -> str:
    return str((options or {}).get("Subpath") or "")
