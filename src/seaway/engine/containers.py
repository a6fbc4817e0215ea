"""The verbs of containers that change facts: create, look up, rename, remove, update."""

import asyncio
import builtins
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from seaway.engine import bounds, endpoints, farewell, links, lookup, merge, modes, mounts, wayout
from seaway.engine import filters as sieve
from seaway.engine.clock import identity, seconds, stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change, name_key
from seaway.engine.lifecycle import Lifecycle, attributes
from seaway.engine.namegen import random_name
from seaway.engine.specs import ContainerSpec
from seaway.engine.tasks import carried
from seaway.engine.volumes import Volumes
from seaway.errors import Conflict, InvalidInput, NotFound, SeawayError, StoreConflict
from seaway.model import Container, HostConfig, Network
from seaway.ports.choose import parse_requests
from seaway.ports.system import sctp_supported
from seaway.runtime.caps import wanted
from seaway.runtime.usage import bytes_below

log = logging.getLogger(__name__)

NO_PORTS_ON_HOST = "Published ports are discarded when using host network mode"
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


@dataclass(slots=True)
class Containers:
    """Containers of this daemon."""

    core: Core
    life: Lifecycle
    volumes: Volumes

    def get(self, reference: str) -> Container:
        """A container by ID, name or unique ID prefix."""
        return lookup.container(self.core.facts.containers, reference)

    def list(self, *, all: bool, limit: int, filters: Mapping[str, list[str]]) -> list[Container]:
        """Containers that pass, newest first; without ``all``, a limit or a status, those that run."""
        found = sorted(self.core.facts.containers.values(), key=lambda c: c.created, reverse=True)
        if not (all or limit > 0 or filters.get("status")):
            found = [c for c in found if c.state.running]
        passed = sieve.containers(found, filters, self._networks_of, self._ports_of, self.get)
        return passed[:limit] if limit > 0 else passed

    @carried
    async def create(self, spec: ContainerSpec) -> tuple[str, builtins.list[str]]:
        """Create a container. Returns its ID and warnings for the user."""
        image = await self.core.images.get(spec.config.image)
        bounds.check_platform(spec.platform, spec.config.image, image)
        cid = identity()
        disabled = spec.config.network_disabled
        mode = self._mode(modes.parse("none" if disabled else spec.host.network_mode))
        attachments = self._named(merge.attachments(spec, mode))
        modes.check(mode, spec.config, spec.host, attachments or (spec.networks if mode.shared else {}))
        _check_macs(spec, [a.mac_address for a in attachments.values()])
        config = merge.merge_config(spec.config, image, cid, mode)
        path, args = merge.command(config)
        host = merge.normalise_host(spec.host, mode, merge.defaults_of(self.core.settings))
        bounds.check(config, host, bounds.here())
        _check_rights(host, self.core.settings.runtimes)
        warnings = [NO_PORTS_ON_HOST] if mode.host and (host.port_bindings or host.publish_all_ports) else []
        requests = () if mode.host or mode.none or mode.shared else self._requests(config.exposed_ports, host)
        name = self._name(spec.name)
        container = Container(
            id=cid,
            name=name,
            created=stamp(),
            image=image.id,
            image_name=spec.config.image,
            path=path,
            args=args,
            config=config,
            host=host,
            networks=attachments,
            requests=requests,
            mounts=await mounts.resolve(config, host, self._volume, self.get),
        )
        try:
            container = await self._enter(container, named=bool(spec.name))
        except SeawayError:
            await self._drop_volumes(container)
            raise
        self.core.events.publish("container", "create", cid, attributes(container))
        return cid, warnings

    @carried
    async def rename(self, reference: str, name: str) -> None:
        """Give a container another name; its DNS names follow at once."""
        container = self.get(reference)
        if not name:
            raise InvalidInput("Neither old nor new names may be empty")
        async with self.core.locks[container.id]:
            container = self.get(container.id)
            name = name.removeprefix("/")
            if name == container.name:
                raise InvalidInput("Renaming a container with the same name as its current name")
            self._check_name(name)
            renamed = msgspec.structs.replace(container, name=name)
            change = Change().put(renamed).claim(name_key("containers", name), container.id)
            change.free(name_key("containers", container.name))
            for endpoint in self.core.facts.snapshot().endpoints_of_container(container.id):
                network = endpoints.network_of(self.core.facts, endpoint)
                if wayout.is_way_out(self.core.facts, endpoint):
                    continue
                attachment = container.networks.get(network.name) or container.networks[network.id]
                change.put(endpoints.with_names(endpoint, renamed, attachment))
            await self._commit_named(change, name)
        old = {**attributes(renamed), "oldName": f"/{container.name}"}
        self.core.events.publish("container", "rename", container.id, old)

    @carried
    async def remove(self, reference: str, *, force: bool, volumes: bool, link: bool) -> None:
        """Remove a container, with its anonymous volumes if asked for; a running one only by force.

        With ``link`` only the legacy link ``container/alias`` goes.
        """
        if link:
            await self._unlink(reference)
            return
        container = self.get(reference)
        if container.state.status == "paused" and not force:
            raise Conflict(
                f'cannot remove container "{reference}": container is paused and must be unpaused first'
            )
        if container.state.running or container.state.status == "restarting":
            if not force:
                raise Conflict(
                    f'cannot remove container "{reference}": container is running: stop the container before '
                    "removing or force remove"
                )
            await self.life.force_stop(container.id)
        await self.life.forget(container.id, volumes=volumes, force=force)

    @carried
    async def update(self, reference: str, changes: Mapping[str, Any]) -> builtins.list[str]:
        """Change limits and restart policy of a container, running or not. Returns warnings."""
        container = self.get(reference)
        async with self.core.locks[container.id]:
            container = self.get(container.id)
            merged = {**msgspec.to_builtins(container.host), **{k: v for k, v in changes.items() if v}}
            try:
                host = msgspec.convert(merged, HostConfig)
            except msgspec.ValidationError as error:
                raise InvalidInput(f"invalid update: {error}") from error
            mode = modes.parse(host.network_mode)
            host = merge.normalise_host(host, mode, merge.defaults_of(self.core.settings))
            bounds.check(container.config, host, bounds.here())
            if container.state.running:
                await self.core.runtime.update(container.id, host)
            await self.core.facts.commit(Change().put(msgspec.structs.replace(container, host=host)))
        self.core.events.publish("container", "update", container.id, attributes(container))
        return []

    @carried
    async def prune(self, wanted: Mapping[str, builtins.list[str]]) -> tuple[builtins.list[str], int]:
        """Remove every container that does not run and passes. IDs, and bytes freed."""
        sieve.known(wanted, sieve.PRUNE_KEYS)
        limit = sieve.until(wanted, time.time())
        removed, freed = [], 0
        for container in list(self.core.facts.containers.values()):
            state = container.state.status
            if state not in ("created", "exited", "dead"):
                continue
            if limit is not None and seconds(container.created) > limit:
                continue
            if sieve.labels_pass(container.config.labels or {}, wanted):
                try:
                    size = await self.size(container)
                    await self.remove(container.id, force=False, volumes=False, link=False)
                    removed.append(container.id)
                    freed += size
                except SeawayError as error:
                    log.warning("cannot prune", extra={"container": container.name, "reason": error.message})
        return removed, freed

    async def size(self, container: Container) -> int:
        """Bytes that a container wrote upon its image."""
        rootfs = self.core.runtime.rootfs
        place = rootfs.upper(container.id) or rootfs.path(container.id)
        return await asyncio.to_thread(bytes_below, place)

    async def _unlink(self, reference: str) -> None:
        """Take a legacy link from a container: ``container/alias``."""
        name, _, alias = reference.strip("/").rpartition("/")
        container = self.get(name)
        async with self.core.locks[container.id]:
            container = self.get(container.id)
            kept = tuple(x for x in container.host.links or () if links.alias(x) != alias)
            if len(kept) == len(container.host.links or ()):
                raise NotFound(f"No such link: {reference}")
            host = msgspec.structs.replace(container.host, links=kept or None)
            await self.core.facts.commit(Change().put(msgspec.structs.replace(container, host=host)))

    # -- how

    def _mode(self, mode: modes.Mode) -> modes.Mode:
        """The mode with what it names resolved to full IDs and names, where it exists already."""
        if mode.shared:
            try:
                return modes.Mode(modes.CONTAINER + self.get(mode.shared).id, self.get(mode.shared).id)
            except NotFound:
                return mode
        return mode

    def _named(self, attachments: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for reference, attachment in attachments.items():
            network = self._network(reference)
            found[network.name if network else reference] = attachment
        return found

    def _network(self, reference: str) -> Network | None:
        try:
            return lookup.network(self.core.facts.networks, reference)
        except NotFound:
            return None

    def _requests(self, exposed: Mapping[str, Any] | None, host: HostConfig) -> Any:
        requests = parse_requests(exposed or {}, host.port_bindings or {}, host.publish_all_ports)
        if any(q.proto == "sctp" for q in requests) and not sctp_supported():
            raise InvalidInput("cannot publish sctp ports: this kernel has no SCTP (load its module sctp)")
        return requests

    def _name(self, asked: str) -> str:
        if asked:
            name = asked.removeprefix("/")
            self._check_name(name)
            return name
        taken = {c.name for c in self.core.facts.containers.values()}
        return random_name(taken)

    def _check_name(self, name: str) -> None:
        if not lookup.CONTAINER_NAME.fullmatch(name):
            raise InvalidInput(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        self._refuse_taken(name)

    def _refuse_taken(self, name: str) -> None:
        holder = next((c for c in self.core.facts.containers.values() if c.name == name), None)
        if holder is not None:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder.id}". You '
                "have to remove (or rename) that container to be able to reuse that name."
            )

    async def _enter(self, container: Container, *, named: bool) -> Container:
        """Write a new container's facts. A name that was chosen gives way when another was quicker."""
        async with self.core.allotting:
            if not named:
                container = msgspec.structs.replace(container, name=self._name(""))
            change = Change().put(container).claim(name_key("containers", container.name), container.id)
            for name, attachment in container.networks.items():
                network = self._network(name)
                if network is not None:
                    kept = endpoints.reserve(self.core.facts, container, network, attachment)
                    change.puts.update(kept.puts)
                    change.fresh.update(kept.fresh)
            await self._commit_named(change, container.name)
        return container

    async def _drop_volumes(self, container: Container) -> None:
        """Anonymous volumes of a container that did not come to be. What cannot go now is left to prune."""
        for volume in farewell.lonely_volumes(self.core.facts, container):
            try:
                await self.volumes.remove(volume.name)
            except SeawayError as error:
                log.warning("volume not removed", extra={"volume": volume.name, "reason": error.message})

    async def _commit_named(self, change: Change, name: str) -> None:
        try:
            await self.core.facts.commit(change)
        except StoreConflict as error:
            self._refuse_taken(name)
            raise Conflict(f'Conflict. The container name "/{name}" is already in use.') from error

    async def _volume(self, name: str, anonymous: bool) -> Any:
        return await self.volumes.create(name, anonymous=anonymous)

    def _networks_of(self, container: Container) -> set[str]:
        found = set(container.networks)
        for name in container.networks:
            network = self._network(name)
            if network is not None:
                found |= {network.id, network.name}
        return found

    def _ports_of(self, container: Container) -> set[str]:
        box = self.core.facts.sandboxes.get(container.sandbox_id)
        if box is None:
            return set()
        return {f"{b.port}/{b.proto}" for b in box.bindings} | {
            f"{b.host_port}/{b.proto}" for b in box.bindings
        }


def _check_rights(host: HostConfig, runtimes: Mapping[str, str]) -> None:
    """Refuse unknown capabilities and OCI runtimes now, not when the container starts."""
    wanted(host.cap_add, host.cap_drop, host.privileged, frozenset())
    if host.runtime not in runtimes:
        known = ", ".join(sorted(runtimes))
        raise InvalidInput(f"unknown or invalid runtime name: {host.runtime}; known are {known}")


def _check_macs(spec: ContainerSpec, others: list[str]) -> None:
    for address in (spec.config.mac_address, *others):
        if address and not MAC.fullmatch(address):
            raise InvalidInput(f"invalid MAC address {address!r}: write six bytes like 02:42:ac:11:00:02")
