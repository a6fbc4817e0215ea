"""What all verbs share: the facts, the settler, the events, the settings."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from seaway.engine import host
from seaway.engine.events import Events
from seaway.engine.facts import Facts
from seaway.engine.locks import Locks
from seaway.engine.settings import Settings
from seaway.engine.settle import Settler
from seaway.engine.shared import Shared
from seaway.engine.tasks import Tasks
from seaway.runtime.containers import OciRuntime
from seaway.runtime.images import Images


@dataclass(slots=True)
class Core:
    """What all verbs share."""

    settings: Settings
    facts: Facts
    settler: Settler
    events: Events
    tasks: Tasks
    runtime: OciRuntime
    images: Images
    shared: Shared
    allotting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from proposing to committing, so that no two verbs propose the same."""
    locks: Locks = field(default_factory=Locks)
    """One lock for each container's life cycle, by container ID."""

    def host_has_bridge(self, device: str) -> bool:
        """Whether a device of that name stands on the host and no network of ours made it."""
        ours = {n.device for n in self.facts.networks.values() if n.device_ours}
        return bool(device) and device not in ours and device in host.devices()

    def directory(self, container_id: str) -> Path:
        """Where a container's own files are kept."""
        return self.settings.data_root / "containers" / container_id
