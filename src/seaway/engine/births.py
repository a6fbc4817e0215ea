"""The birth of a container's process, and those who wait at its cradle: attachments made before the start."""

from collections import defaultdict
from dataclasses import dataclass, field

from seaway.engine import boxes, lookup, modes
from seaway.engine.core import Core
from seaway.engine.files import Files
from seaway.engine.waiting import Late
from seaway.errors import Conflict, Failure, InvalidInput, NotFound
from seaway.model import Container
from seaway.runtime.contract import Born


@dataclass(slots=True)
class Births:
    """Makes processes of containers whose sandbox stands."""

    core: Core
    files: Files
    late: defaultdict[str, list[Late]] = field(default_factory=lambda: defaultdict(list))
    """Attachments that wait for their container to start, by container ID."""

    async def bear(self, container: Container, target: Container | None) -> Born:
        """Make the process, attach who waits, and let it run. ``target`` is whose sandbox is shared."""
        async with boxes.box(self.core, self.files, container, target) as box:
            born = await self.core.runtime.create(box)
        waiting = self.late.get(container.id, [])
        while waiting:
            console = await self.core.runtime.attach(container.id)
            waiting.pop(0).bind(console)
        self.late.pop(container.id, None)
        await self.core.runtime.start(container.id)
        return born

    def target(self, container: Container, mode: modes.Mode) -> Container | None:
        """The running container whose sandbox is shared."""
        if not mode.shared:
            return None
        try:
            target = lookup.container(self.core.facts.containers, mode.shared)
        except NotFound as error:
            raise Failure(f"joining network namespace of container: {error.message}") from error
        if target.id == container.id:
            raise InvalidInput("cannot join own network namespace")
        if not target.state.running:
            raise Conflict(f"cannot join network namespace of a non running container: {target.id}")
        return target

    def let_down(self, container_id: str) -> None:
        """Who waits for this container to start waits in vain."""
        for console in self.late.pop(container_id, []):
            console.fail()
