"""What goes with a container that is removed: names, kept addresses, anonymous volumes, files."""

import shutil
from pathlib import Path

from seaway.engine import endpoints
from seaway.engine.facts import Change, Facts, name_key
from seaway.model import Container
from seaway.model.volume import Volume


def of_facts(facts: Facts, container: Container, lonely: list[Volume]) -> Change:
    """The change that removes a container, and the volumes that go with it."""
    change = Change().remove(container, *lonely).free(name_key("containers", container.name))
    for network_id in facts.claimed_networks():
        endpoints.free_reservations(facts, container, network_id, change)
    return change


def lonely_volumes(facts: Facts, container: Container) -> list[Volume]:
    """The container's anonymous volumes that no other container uses."""
    used = {m.get("Name") for c in facts.containers.values() if c.id != container.id for m in c.mounts}
    mine = {m.get("Name") for m in container.mounts}
    return [v for v in facts.volumes.values() if v.anonymous and v.name in mine - used]


def of_files(directory: Path, volumes: list[Volume]) -> None:
    """Remove the container's own directory and those of volumes. Blocking; succeeds when they are gone."""
    shutil.rmtree(directory, ignore_errors=True)
    for volume in volumes:
        shutil.rmtree(Path(volume.mountpoint).parent, ignore_errors=True)
