"""Names and ID prefixes to facts, by Docker's rules."""

import re
from collections.abc import Mapping

from seaway.engine import modes
from seaway.errors import InvalidInput, NotFound
from seaway.model import Container, Network

CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
"""Names a container may have (Docker's restricted pattern)."""


def network(networks: Mapping[str, Network], reference: str) -> Network:
    """A network by full ID, else full name, else unique ID prefix. NotFound; InvalidInput if ambiguous."""
    found = networks.get(reference)
    if found is not None:
        return found
    by_name = [n for n in networks.values() if n.name == reference]
    if len(by_name) == 1:
        return by_name[0]
    if by_name:
        raise InvalidInput(f"network {reference} is ambiguous ({len(by_name)} matches found on name)")
    by_id = [n for n in networks.values() if reference and n.id.startswith(reference)]
    if len(by_id) == 1:
        return by_id[0]
    if by_id:
        raise InvalidInput(
            f"network {reference} is ambiguous ({len(by_id)} matches found based on ID prefix)"
        )
    raise NotFound(f"network {reference} not found")


def container(containers: Mapping[str, Container], reference: str) -> Container:
    """A container by full ID, else name (with or without a leading slash), else unique ID prefix."""
    found = containers.get(reference)
    if found is not None:
        return found
    name = reference.removeprefix("/")
    for candidate in containers.values():
        if candidate.name == name:
            return candidate
    by_id = [c for c in containers.values() if reference and c.id.startswith(reference)]
    if len(by_id) == 1:
        return by_id[0]
    if by_id:
        raise InvalidInput(f"multiple IDs found with provided prefix: {reference}")
    raise NotFound(f"No such container: {reference}")


def sandbox_owner(containers: Mapping[str, Container], one: Container) -> Container:
    """The container whose sandbox this one is in: itself, or at the end of a chain of shared ones."""
    seen = {one.id}
    while (shared := modes.parse(one.host.network_mode).shared) in containers:
        if shared in seen:
            break
        one = containers[shared]
        seen.add(one.id)
    return one
