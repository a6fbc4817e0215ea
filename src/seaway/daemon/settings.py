"""What the daemon was told: one frozen value, made once from flags and file, and trusted from there on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seaway.store.cluster_settings import ClusterSettings

STOCK_RUNTIMES = ("runc", "crun")
"""OCI runtimes that are known without being configured; found by name on PATH."""


def _none() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A default resource limit of new containers, by its short name (``nofile``); -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the daemon can be told. Names are dockerd's, with underscores.

    Addresses are canonical text; an empty text or None means "choose as Docker would". Paths are
    absolute. ``pools`` are (base, size of each network's prefix). ``runtimes`` maps a name to a path or
    program name. ``cluster`` is None on a host that is in none.
    """

    hosts: tuple[str, ...] = ("unix:///run/seaway/seaway.sock",)
    data_root: Path = Path("/var/lib/seaway")
    exec_root: Path = Path("/run/seaway")
    pidfile: Path = Path("/run/seaway/seaway.pid")
    group: str = "seaway"
    config_file: Path | None = None
    labels: tuple[str, ...] = ()
    shutdown_timeout: int = 15

    bridge: str = ""
    bip: str = ""
    bip6: str = ""
    fixed_cidr: str = ""
    fixed_cidr_v6: str = ""
    default_gateway: str = ""
    default_gateway_v6: str = ""
    mtu: int | None = None
    ipv6: bool = False
    pools: tuple[tuple[str, int], ...] = ()
    default_network_opts: Mapping[str, Mapping[str, str]] = field(default_factory=_none)
    icc: bool = True
    ip: str = ""
    ip_forward: bool = True
    ip_masq: bool = True
    userland_proxy: bool = True
    host_gateway_ip: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()

    log_level: str = "info"
    log_format: str = "text"

    runtimes: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({name: name for name in STOCK_RUNTIMES})
    )
    default_runtime: str = "runc"
    cgroup_parent: str = ""
    init: bool = False
    default_shm_size: int = 64 * 1024 * 1024
    default_ulimits: tuple[Ulimit, ...] = ()
    log_driver: str = "json-file"
    log_opts: Mapping[str, str] = field(default_factory=_none)

    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""

    cluster: ClusterSettings | None = None

    tls: bool = False
    tlsverify: bool = False
    tlscacert: str = ""
    tlscert: str = ""
    tlskey: str = ""
