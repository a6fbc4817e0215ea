"""What all verbs share: the facts, the settler, the events, the settings."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seaway.engine import host
from seaway.engine.events import Events
from seaway.engine.facts import Facts
from seaway.engine.locks import Locks
from seaway.engine.settle import Settler
from seaway.engine.tasks import Tasks
from seaway.runtime.containers import OciRuntime
from seaway.runtime.images import Images


class Settings(Protocol):
    """What the engine needs to know of the daemon's settings; daemon/options.py has the real thing."""

    @property
    def data_root(self) -> Path:
        """Where facts, images and containers are kept."""
        ...

    @property
    def exec_root(self) -> Path:
        """Where what a reboot may take away is kept."""
        ...

    @property
    def pools(self) -> tuple[tuple[str, int], ...]:
        """Default address pools as (base, size); empty means Docker's."""
        ...

    @property
    def bip(self) -> str:
        """Address of the default bridge with its prefix; empty means choose."""
        ...

    @property
    def fixed_cidr(self) -> str:
        """Range of the default bridge that containers get addresses from."""
        ...

    @property
    def default_gateway(self) -> str:
        """Gateway of containers on the default bridge, if not the bridge."""
        ...

    @property
    def bridge(self) -> str:
        """An existing bridge to use as the default one; ``none`` for no default bridge."""
        ...

    @property
    def ipv6(self) -> bool:
        """Whether the default bridge has IPv6."""
        ...

    @property
    def fixed_cidr_v6(self) -> str:
        """IPv6 subnet of the default bridge."""
        ...

    @property
    def mtu(self) -> int | None:
        """MTU of the default bridge; None means the uplink's."""
        ...

    @property
    def icc(self) -> bool:
        """Whether containers on the default bridge may talk to each other."""
        ...

    @property
    def ip(self) -> str:
        """Host address that ports are published on when none is given; empty means all."""
        ...

    @property
    def ip_forward(self) -> bool:
        """Whether to switch forwarding on."""
        ...

    @property
    def ip_masq(self) -> bool:
        """Whether the default bridge masquerades."""
        ...

    @property
    def userland_proxy(self) -> bool:
        """Whether relays may be used where NAT cannot serve."""
        ...

    @property
    def dns(self) -> tuple[str, ...]:
        """Name servers of containers that name none."""
        ...

    @property
    def dns_search(self) -> tuple[str, ...]:
        """Search domains of containers that name none."""
        ...

    @property
    def dns_options(self) -> tuple[str, ...]:
        """Resolver options of containers that name none."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the daemon."""
        ...

    @property
    def default_runtime(self) -> str:
        """Name of the OCI runtime used when a container names none."""
        ...

    @property
    def runtimes(self) -> Mapping[str, str]:
        """OCI runtimes: name → path or program name."""
        ...

    @property
    def cgroup_parent(self) -> str:
        """The cgroup that containers' cgroups stand in; empty means /seaway."""
        ...

    @property
    def registry_mirrors(self) -> tuple[str, ...]:
        """Mirrors of the hub as URLs, asked before it."""
        ...

    @property
    def insecure_registries(self) -> tuple[str, ...]:
        """Registries (``host[:port]``) that are spoken to without TLS."""
        ...

    @property
    def host_gateway_ip(self) -> str:
        """What ``host-gateway`` in ``--add-host`` means; empty: the default bridge's address."""
        ...


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
