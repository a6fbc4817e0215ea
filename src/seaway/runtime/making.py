"""Writing a bundle: from a Box, and from what the host and the image turn out to be, to files."""

import logging
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.model import Container, HostConfig
from seaway.runtime import defaults, limits, log_policy, machine, oci, shm, users
from seaway.runtime.bundle import Bundle, Record
from seaway.runtime.contract import Box, ExecSpec
from seaway.runtime.machine import Machine

log = logging.getLogger(__name__)

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's name of an architecture to Docker's."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What is the same for every container of a daemon."""

    exec_root: Path
    runtimes: Mapping[str, str]
    default: str
    cgroup_parent: str
    machine: Machine

    def group(self, container_id: str, parent: str = "") -> str:
        """The control group of a container, as a path in each hierarchy."""
        return os.path.normpath(f"/{(parent or self.cgroup_parent).strip('/')}/{container_id}")

    def record(self, container: Container, log_path: Path) -> Record:
        """The record of a container to be made. Raises InvalidInput or RuntimeFailed."""
        host, config = container.host, container.config
        name = host.runtime or self.default
        kind, max_size, max_file = log_policy.policy(host.log_config)
        return Record(
            runtime=name,
            program=self._program(name),
            cgroup=self.group(container.id, host.cgroup_parent),
            tty=config.tty,
            stdin=config.open_stdin,
            hold=config.tty or not config.stdin_once,
            log="" if kind == "none" else str(log_path),
            max_size=max_size,
            max_file=max_file,
        )

    def write(self, box: Box, bundle: Bundle, record: Record, root: str) -> None:
        """Make the bundle. Blocks for a few milliseconds. Raises InvalidInput or RuntimeFailed."""
        host = box.container.host
        bundle.make()
        bundle.write(bundle.record_file, msgspec.json.encode(record))
        asked = {device.path_on_host for device in host.devices or ()} | limits.devices_of(host)
        facts = oci.Facts(
            root=root,
            user=users.resolve(root, box.container.config.user, host.group_add),
            machine=self.machine,
            cgroup=record.cgroup,
            nodes=machine.nodes(asked),
            every_node=machine.host_nodes() if host.privileged else (),
            shm=self._shared_memory(host, bundle),
            architecture=ARCHITECTURES.get(platform.machine(), platform.machine()),
        )
        spec, warnings = oci.spec(box, facts)
        warn(box.container.id, warnings)
        bundle.write(bundle.config, msgspec.json.encode(spec))
        if record.log:
            Path(record.log).parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write_exec(self, container: Container, spec: ExecSpec, place: Bundle, root: str) -> None:
        """Make the directory of an exec, with its process in it. Raises InvalidInput."""
        user = users.resolve(root, spec.user or container.config.user, container.host.group_add)
        process = oci.process(container, spec, user, self.machine)
        place.make()
        place.write(place.process, msgspec.json.encode(process))

    def resources(self, container_id: str, host: HostConfig) -> bytes:
        """Limits as the OCI runtime's ``update`` reads them."""
        found, warnings = limits.resources(host, self.machine, machine.nodes(limits.devices_of(host)))
        warn(container_id, warnings)
        return msgspec.json.encode(found)

    def _program(self, name: str) -> str:
        program = self.runtimes.get(name)
        if program is None:
            known = ", ".join(sorted(self.runtimes))
            raise InvalidInput(f"unknown or invalid runtime name: {name}; known are {known}")
        if os.path.basename(program) == "crun" and self.machine.cgroups == "hybrid":
            raise RuntimeFailed(
                "crun does not work with hybrid control groups, which this host has: use runc, or boot "
                "with control groups of version 2 only"
            )
        return program

    def _shared_memory(self, host: HostConfig, bundle: Bundle) -> str:
        if host.ipc_mode == "shareable":
            return shm.make(bundle.shm, host.shm_size or defaults.SHM_SIZE)
        if host.ipc_mode.startswith("container:"):
            donor = Bundle(self.exec_root / host.ipc_mode.partition(":")[2])
            return str(donor.shm) if donor.shm.is_dir() else ""
        return ""


def warn(container_id: str, warnings: Iterable[str]) -> None:
    """Say in the daemon's log what a container does not get."""
    for warning in warnings:
        log.warning("container %s: %s", container_id[:12], warning)
