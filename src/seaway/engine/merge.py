"""What a container's configuration is, once the image's and Docker's defaults are merged in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replace_spec

import msgspec

from seaway.engine import modes
from seaway.engine.settings import Settings
from seaway.engine.specs import ContainerSpec
from seaway.errors import InvalidInput
from seaway.model import Attachment, Config, HostConfig
from seaway.model.container import LogConfig, RestartPolicy, Ulimit
from seaway.model.image import Image
from seaway.model.names import short

SHM_SIZE = 64 << 20
"""Bytes of /dev/shm when none is asked for."""

POLICIES = ("", "no", "always", "unless-stopped", "on-failure")


def merge_config(config: Config, image: Image, container_id: str, mode: modes.Mode) -> Config:
    """A Config with everything the image has and the user left open (Docker's rules)."""
    base = image.config
    entrypoint, cmd = config.entrypoint, config.cmd
    if not entrypoint:
        cmd = cmd or base.cmd
        entrypoint = base.entrypoint if entrypoint is None else None
    hostname = config.hostname
    if not hostname and not mode.shared and not mode.host:
        hostname = short(container_id)
    return msgspec.structs.replace(
        config,
        hostname=hostname,
        user=config.user or base.user,
        env=_environment(config.env or (), base.env or ()),
        cmd=cmd,
        entrypoint=entrypoint,
        working_dir=config.working_dir or base.working_dir,
        exposed_ports={**(base.exposed_ports or {}), **(config.exposed_ports or {})} or None,
        volumes={**(base.volumes or {}), **(config.volumes or {})} or None,
        labels={**(base.labels or {}), **(config.labels or {})},
        stop_signal=config.stop_signal or base.stop_signal,
        on_build=base.on_build,
    )


def _environment(given: tuple[str, ...], base: tuple[str, ...]) -> tuple[str, ...]:
    names = {entry.partition("=")[0] for entry in given}
    kept = [entry for entry in base if entry.partition("=")[0] not in names]
    if not any(e.startswith("PATH=") for e in (*given, *kept)):
        kept.insert(0, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return (*given, *kept)


def command(config: Config) -> tuple[str, tuple[str, ...]]:
    """The program and its arguments. Raises InvalidInput when neither user nor image names one."""
    words = (*(config.entrypoint or ()), *(config.cmd or ()))
    if not words or not words[0]:
        raise InvalidInput("no command specified")
    return words[0], words[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What the daemon was told new containers shall have that ask for nothing else."""

    runtime: str = "runc"
    shm_size: int = SHM_SIZE
    init: bool = False
    log_driver: str = "json-file"
    log_opts: Mapping[str, str] = field(default_factory=dict)
    ulimits: tuple[Ulimit, ...] = ()


def defaults_of(settings: Settings) -> Defaults:
    """The defaults for containers among the daemon's settings."""
    return Defaults(
        runtime=settings.default_runtime,
        shm_size=settings.default_shm_size,
        init=settings.init,
        log_driver=settings.log_driver,
        log_opts=settings.log_opts,
        ulimits=tuple(Ulimit(name=u.name, soft=u.soft, hard=u.hard) for u in settings.default_ulimits),
    )


def normalise_host(host: HostConfig, mode: modes.Mode, defaults: Defaults) -> HostConfig:
    """A HostConfig with Docker's defaults filled in. Raises InvalidInput for values that make no sense."""
    policy = host.restart_policy
    _check_policy(policy, auto_remove=host.auto_remove)
    if host.log_config.type not in ("", "json-file", "local", "none"):
        raise InvalidInput(f"logger: no log driver named '{host.log_config.type}' is registered")
    return msgspec.structs.replace(
        host,
        network_mode=mode.text,
        log_config=_log_config(host.log_config, defaults),
        restart_policy=RestartPolicy(
            name=policy.name or "no", maximum_retry_count=policy.maximum_retry_count
        ),
        shm_size=host.shm_size or defaults.shm_size,
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or "host",
        runtime=host.runtime or defaults.runtime,
        init=defaults.init or None if host.init is None else host.init,
        ulimits=_ulimits(host.ulimits, defaults.ulimits),
        memory_swappiness=None if host.memory_swappiness == -1 else host.memory_swappiness,
    )


def _log_config(asked: LogConfig, defaults: Defaults) -> LogConfig:
    """The log asked for; the daemon's options go with the daemon's driver only."""
    kind = asked.type or defaults.log_driver
    options = dict(defaults.log_opts) if kind == defaults.log_driver else {}
    return LogConfig(type=kind, config={**options, **(asked.config or {})})


def _ulimits(asked: tuple[Ulimit, ...] | None, defaults: tuple[Ulimit, ...]) -> tuple[Ulimit, ...] | None:
    named = {u.name for u in asked or ()}
    return (*(asked or ()), *(u for u in defaults if u.name not in named)) or asked


def _check_policy(policy: RestartPolicy, *, auto_remove: bool) -> None:
    if policy.name not in POLICIES:
        raise InvalidInput(
            f"invalid restart policy: unknown policy '{policy.name}'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise InvalidInput("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if policy.maximum_retry_count < 0:
        raise InvalidInput("invalid restart policy: maximum retry count cannot be negative")
    if auto_remove and policy.name not in ("", "no"):
        raise InvalidInput("can't create 'AutoRemove' container with restart policy")


def attachments(spec: ContainerSpec, mode: modes.Mode) -> dict[str, Attachment]:
    """The networks a container shall be on, by name: those given, and the one of its mode."""
    if mode.shared:
        return {}
    given = {("bridge" if name == "default" else name): a for name, a in spec.networks.items()}
    own = given.pop(mode.text, Attachment())
    return {mode.text: own, **given}


def with_mode(spec: ContainerSpec, text: str) -> ContainerSpec:
    """The specification with another NetworkMode."""
    return replace_spec(spec, host=msgspec.structs.replace(spec.host, network_mode=text))
