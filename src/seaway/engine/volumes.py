"""The verbs of volumes: directories of the host that outlive containers."""

import asyncio
import builtins
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass

from seaway.engine import filters
from seaway.engine.clock import identity, seconds, stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.errors import Conflict, InvalidInput, NotFound
from seaway.model.volume import Volume
from seaway.runtime.usage import bytes_below

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
KEYS = ("dangling", "driver", "label", "label!", "name")


def check_name(name: str) -> None:
    """Raises InvalidInput when a volume cannot have this name."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use '
            "absolute path"
        )


@dataclass(slots=True)
class Volumes:
    """Volumes of this daemon."""

    core: Core

    async def create(
        self,
        name: str = "",
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        *,
        anonymous: bool = False,
    ) -> Volume:
        """Create a volume, or give back the one that has this name."""
        anonymous = anonymous or not name
        name = name or identity()
        old = self.core.facts.volumes.get(name)
        if driver not in ("", "local"):
            raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
        if old is not None:
            return old
        check_name(name)
        if options:
            raise InvalidInput(
                f"create {name}: invalid option: {', '.join(options)!r}: local volumes take none"
            )
        place = self.core.settings.data_root / "volumes" / name
        point = place / "_data"
        volume = Volume(
            name=name,
            mountpoint=str(point),
            created=stamp(),
            labels=dict(labels or {}),
            options=dict(options or {}),
            anonymous=anonymous,
        )
        was_there = place.exists()  # without its fact: left by a daemon that was killed
        try:
            await asyncio.to_thread(point.mkdir, parents=True, exist_ok=True)
            await self.core.facts.commit(Change().put(volume))
        except BaseException:
            if not was_there:
                await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
            raise
        self.core.events.publish("volume", "create", name, {"driver": "local"})
        return volume

    def get(self, name: str) -> Volume:
        """A volume by name."""
        volume = self.core.facts.volumes.get(name)
        if volume is None:
            raise NotFound(f"get {name}: no such volume")
        return volume

    def list(self, wanted: Mapping[str, list[str]]) -> list[Volume]:
        """Volumes that pass the filters."""
        filters.known(wanted, KEYS)
        dangling = filters.boolean(wanted, "dangling")
        return [
            v
            for v in self.core.facts.volumes.values()
            if filters.labels_pass(v.labels, wanted)
            and (not wanted.get("name") or any(n in v.name for n in wanted["name"]))
            and (not wanted.get("driver") or v.driver in wanted["driver"])
            and (dangling is None or (not self.users(v.name)) == dangling)
        ]

    async def remove(self, name: str, force: bool = False) -> None:
        """Remove a volume that no container uses."""
        if force and name not in self.core.facts.volumes:
            return
        volume = self.get(name)
        users = self.users(name)
        if users:
            raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
        await self.core.facts.commit(Change().remove(volume))
        await asyncio.to_thread(
            shutil.rmtree, self.core.settings.data_root / "volumes" / name, ignore_errors=True
        )
        self.core.events.publish("volume", "destroy", name, {"driver": volume.driver})

    async def prune(self, wanted: Mapping[str, builtins.list[str]]) -> tuple[builtins.list[str], int]:
        """Remove anonymous volumes nobody uses (all of them with ``all=1``). Names, and bytes freed."""
        filters.known(wanted, (*filters.PRUNE_KEYS, "all"))
        every = filters.boolean(wanted, "all") or False
        limit = filters.until(wanted, time.time())
        removed, freed = [], 0
        for volume in list(self.core.facts.volumes.values()):
            if self.users(volume.name) or not (volume.anonymous or every):
                continue
            if limit is not None and seconds(volume.created) > limit:
                continue
            if filters.labels_pass(volume.labels, wanted):
                size = await asyncio.to_thread(bytes_below, volume.mountpoint)
                await self.remove(volume.name)
                removed.append(volume.name)
                freed += size
        return removed, freed

    def users(self, name: str) -> builtins.list[str]:
        """IDs of the containers that use a volume."""
        return [
            c.id for c in self.core.facts.containers.values() if any(m.get("Name") == name for m in c.mounts)
        ]
