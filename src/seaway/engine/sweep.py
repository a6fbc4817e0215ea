"""After a crash: facts that belong to nobody any more are removed before the kernel is looked at."""

import asyncio
import logging
from pathlib import Path

import msgspec

from seaway.datapath import netns
from seaway.engine import endpoints
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.errors import SeawayError
from seaway.ipam.claims import AUX, COOLING, by_container, by_endpoint, claim_key

log = logging.getLogger(__name__)


async def sweep(core: Core) -> None:
    """Remove sandboxes and endpoints whose container is gone or does not run.

    A daemon killed while it started a container leaves both; the container never ran.
    """
    await _end_strangers(core)
    await asyncio.to_thread(_drop_names, core.settings.exec_root / "netns")
    change = Change()
    snapshot = core.facts.snapshot()
    for box in snapshot.sandboxes.values():
        container = core.facts.containers.get(box.container_id)
        if container is not None and container.state.running and container.sandbox_id == box.id:
            continue
        log.info("swept", extra={"sandbox": box.id, "container": box.container_id})
        change.remove(box)
        places = snapshot.endpoints_of_sandbox(box.id)
        if container is not None:
            endpoints.release(core.facts, container, places, change)
            if container.sandbox_id == box.id:
                change.put(msgspec.structs.replace(container, sandbox_id=""))
        else:
            change.remove(*places)
    _free_orphans(core, change)
    if change.puts or change.deletes:
        await core.facts.commit(change)


async def _end_strangers(core: Core) -> None:
    """End processes of containers that were never noted as running."""
    for container in core.facts.containers.values():
        if not container.state.running:
            try:
                await core.runtime.delete(container.id)
            except SeawayError as error:
                log.warning("not swept", extra={"container": container.name, "reason": error.message})


def _drop_names(directory: Path) -> None:
    """Remove files on which no namespace is mounted: the daemon was killed between the two."""
    for path in directory.iterdir():
        if not netns.exists(str(path)):
            log.info("swept", extra={"path": str(path)})
            path.unlink(missing_ok=True)


def _free_orphans(core: Core, change: Change) -> None:
    """Addresses claimed by endpoints, containers or networks that no longer exist."""
    alive = {*map(by_endpoint, core.facts.endpoints), *map(by_container, core.facts.containers)}
    for network_id in core.facts.claimed_networks():
        for address, owner in core.facts.own_claims(network_id).items():
            held = owner in alive or (network_id in core.facts.networks and ":" not in owner)
            aux = owner.startswith((AUX, COOLING)) and network_id in core.facts.networks
            key = claim_key(network_id, address)
            if not held and not aux and key not in change.puts:
                change.free(key)
