"""What the verbs take: requests, parsed at the door and typed."""

from dataclasses import dataclass, field

from seaway.model import Attachment, Config, HostConfig, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network to create. ``pools`` are those the user wrote; ``ipv4``/``ipv6`` None mean the default."""

    name: str
    driver: str = "bridge"
    scope: str = ""
    ipv4: bool | None = None
    ipv6: bool | None = None
    ipam_driver: str = "default"
    ipam_options: dict[str, str] | None = None
    pools: tuple[Pool, ...] = ()
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container to create. ``networks`` is NetworkingConfig.EndpointsConfig; ``name`` may be empty."""

    name: str = ""
    config: Config = Config()
    host: HostConfig = HostConfig()
    networks: dict[str, Attachment] = field(default_factory=dict)
    platform: str = "linux"
