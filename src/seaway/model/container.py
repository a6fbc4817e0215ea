"""A container: what was asked for (Docker's Config and HostConfig), and how it is.

The two configurations have Docker's own field names on the wire (``rename``), because they are
Docker's nouns; parsed once at the door and typed from there on. Fields that Docker has and Seaway
does not act on are kept and given back unchanged in ``extra``.
"""

from typing import Any, ClassVar

from msgspec import Struct, field

from seaway.model.publish import PortRequest


class Health(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A health check's definition; durations in nanoseconds, ``test`` as Docker's ``Test`` list."""

    test: tuple[str, ...] | None = None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Config(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Docker's container Config: what runs. None and empty mean "as the image says" until merged."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, Any]] | None = None
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    healthcheck: Health | None = None
    image: str = ""
    volumes: dict[str, dict[str, Any]] | None = None
    working_dir: str = ""
    entrypoint: tuple[str, ...] | None = None
    on_build: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    stop_timeout: int | None = None
    network_disabled: bool | None = None
    mac_address: str = ""
    shell: tuple[str, ...] | None = None


class HostBinding(Struct, frozen=True, kw_only=True, rename="pascal"):
    """One host side in PortBindings: ``host_port`` is a number, a range ``8000-8005``, or empty."""

    host_ip: str = ""
    host_port: str = ""


class RestartPolicy(Struct, frozen=True, kw_only=True, rename="pascal"):
    """``name`` is ``no`` (or empty), ``always``, ``unless-stopped`` or ``on-failure``."""

    name: str = ""
    maximum_retry_count: int = 0


class LogConfig(Struct, frozen=True, kw_only=True, rename="pascal"):
    """``type`` json-file (or ``local``) or none; ``config`` may hold max-size and max-file."""

    type: str = ""
    config: dict[str, str] | None = None


class Ulimit(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A resource limit by its short name (``nofile``)."""

    name: str
    soft: int
    hard: int


class Device(Struct, frozen=True, kw_only=True, rename="pascal"):
    """A device node of the host, given to the container."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = "rwm"


class Mount(Struct, frozen=True, kw_only=True, rename="pascal"):
    """One entry of HostConfig.Mounts: ``type`` is bind, volume or tmpfs."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: dict[str, Any] | None = None
    volume_options: dict[str, Any] | None = None
    tmpfs_options: dict[str, Any] | None = None


class HostConfig(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Docker's HostConfig: how it runs on this host. Sizes in bytes, CPU in Docker's units."""

    binds: tuple[str, ...] | None = None
    container_id_file: str = field(default="", name="ContainerIDFile")
    log_config: LogConfig = LogConfig()
    network_mode: str = ""
    port_bindings: dict[str, tuple[HostBinding, ...] | None] | None = None
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: tuple[str, ...] | None = None
    mounts: tuple[Mount, ...] | None = None
    console_size: tuple[int, int] | None = None
    annotations: dict[str, str] | None = None
    cap_add: tuple[str, ...] | None = None
    cap_drop: tuple[str, ...] | None = None
    cgroupns_mode: str = ""
    dns: tuple[str, ...] | None = None
    dns_options: tuple[str, ...] | None = None
    dns_search: tuple[str, ...] | None = None
    extra_hosts: tuple[str, ...] | None = None
    group_add: tuple[str, ...] | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: tuple[str, ...] | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: tuple[str, ...] | None = None
    storage_opt: dict[str, str] | None = None
    tmpfs: dict[str, str] | None = None
    uts_mode: str = field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] | None = None
    runtime: str = ""
    isolation: str = ""
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: tuple[dict[str, Any], ...] | None = None
    blkio_device_read_bps: tuple[dict[str, Any], ...] | None = None
    blkio_device_write_bps: tuple[dict[str, Any], ...] | None = None
    blkio_device_read_iops: tuple[dict[str, Any], ...] | None = field(
        default=None, name="BlkioDeviceReadIOps"
    )
    blkio_device_write_iops: tuple[dict[str, Any], ...] | None = field(
        default=None, name="BlkioDeviceWriteIOps"
    )
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: tuple[Device, ...] | None = None
    device_cgroup_rules: tuple[str, ...] | None = None
    device_requests: tuple[dict[str, Any], ...] | None = None
    kernel_memory: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] | None = None
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: int = field(default=0, name="IOMaximumBandwidth")
    init: bool | None = None
    masked_paths: tuple[str, ...] | None = None
    readonly_paths: tuple[str, ...] | None = None


class IpamRequest(Struct, frozen=True, kw_only=True):
    """Addresses a user asked for on one network; empty when they did not."""

    ipv4: str = field(default="", name="IPv4Address")
    ipv6: str = field(default="", name="IPv6Address")
    link_local: tuple[str, ...] | None = field(default=None, name="LinkLocalIPs")


class Attachment(Struct, frozen=True, kw_only=True, rename="pascal"):
    """Docker's EndpointSettings as a request: how a container shall stand on one network."""

    ipam_config: IpamRequest | None = field(default=None, name="IPAMConfig")
    links: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    mac_address: str = ""
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0


class State(Struct, frozen=True, kw_only=True):
    """How a container is. ``status``: created, running, paused, restarting, removing, exited, dead.

    Times are RFC 3339 text; ``0001-01-01T00:00:00Z`` means never, as in Docker. ``health`` is starting,
    healthy, unhealthy, or empty without a check.
    """

    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started: str = "0001-01-01T00:00:00Z"
    finished: str = "0001-01-01T00:00:00Z"
    restart_count: int = 0
    manually_stopped: bool = False
    monitor: int = 0
    health: str = ""

    @property
    def running(self) -> bool:
        """Docker's ``Running``: also true while paused."""
        return self.status in ("running", "paused")


class Container(Struct, frozen=True, kw_only=True):
    """A container. ``config`` is merged with the image's; ``networks`` is keyed by the network's name
    as Docker shows it; ``requests`` are the ports to publish whenever it runs."""

    PREFIX: ClassVar[str] = "containers/"

    id: str
    name: str
    created: str
    image: str
    image_name: str
    path: str
    args: tuple[str, ...] = ()
    config: Config = Config()
    host: HostConfig = HostConfig()
    networks: dict[str, Attachment] = field(default_factory=dict)
    requests: tuple[PortRequest, ...] = ()
    state: State = State()
    sandbox_id: str = ""
    mounts: tuple[dict[str, Any], ...] = ()
    platform: str = "linux"
