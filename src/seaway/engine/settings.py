"""What the engine needs to know of the daemon's settings; daemon/settings.py has the real thing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from seaway.store.cluster_settings import ClusterSettings


class Limit(Protocol):
    """A resource limit by its short name; -1 is unlimited."""

    @property
    def name(self) -> str:
        """``nofile`` and the like."""
        ...

    @property
    def soft(self) -> int:
        """What holds."""
        ...

    @property
    def hard(self) -> int:
        """What it may be raised to."""
        ...


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

    @property
    def bip6(self) -> str:
        """IPv6 address of the default bridge with its prefix; empty means choose."""
        ...

    @property
    def default_gateway_v6(self) -> str:
        """IPv6 gateway of containers on the default bridge, if not the bridge."""
        ...

    @property
    def default_network_opts(self) -> Mapping[str, Mapping[str, str]]:
        """Options of new networks that do not set them, by driver."""
        ...

    @property
    def default_shm_size(self) -> int:
        """Bytes of /dev/shm in containers that ask for none."""
        ...

    @property
    def default_ulimits(self) -> Sequence[Limit]:
        """Resource limits of containers that set none of that name."""
        ...

    @property
    def init(self) -> bool:
        """Whether containers get an init of their own unless they say otherwise."""
        ...

    @property
    def log_driver(self) -> str:
        """Log driver of containers that name none."""
        ...

    @property
    def log_opts(self) -> Mapping[str, str]:
        """Options of that log driver."""
        ...

    @property
    def cluster(self) -> ClusterSettings | None:
        """The cluster that this host is part of; None: of none."""
        ...
