"""What a container cannot ask of this host: refused when it is created, with Docker's words.

Later the OCI runtime or the kernel would refuse it in theirs, or nobody would notice that it has no effect.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seaway.engine.signals import signal_number
from seaway.errors import InvalidInput, NotFound
from seaway.model import Config, HostConfig
from seaway.model.container import Health
from seaway.model.image import Image
from seaway.runtime import log_policy

LEAST = 6 << 20
"""Bytes of memory that a container needs at least (Docker's number)."""

LONGEST_SET = 1 << 13
"""Numbers of processors and memory nodes lie below this."""

SECURITY = ("apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups")
"""Names of security options."""

ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
"""Further names of architectures."""

Complaint = tuple[bool, str]
"""Whether something is wrong, and the words for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The processors and the memory nodes of a host, as the kernel writes them (``0-3,8``)."""

    cpus: str
    nodes: str
    count: int


def here() -> Place:
    """This host."""
    return Place(_online("cpu"), _online("node"), os.cpu_count() or 1)


def check(config: Config, host: HostConfig, place: Place) -> None:
    """Raises InvalidInput, or NotFound for a plug-in, for the first thing that cannot be."""
    for rules in (_memory(host), _cpu(host, place), _rest(host), _modes(host), _health(config.healthcheck)):
        for wrong, words in rules:
            if wrong:
                raise InvalidInput(words)
    _sets(host, place)
    if config.stop_signal:
        signal_number(config.stop_signal)
    for entry in config.env or ():
        if not entry.partition("=")[0]:
            raise InvalidInput(f"invalid environment variable: {entry}")
    if host.volume_driver not in ("", "local"):
        driver = host.volume_driver
        raise NotFound(f'error looking up volume plugin {driver}: plugin "{driver}" not found')
    log_policy.check_options(host.log_config)
    log_policy.policy(host.log_config)


def check_platform(asked: str, name: str, image: Image) -> None:
    """Raises NotFound when an image is of another platform than ``os[/architecture[/variant]]``.

    NotFound is what makes clients pull the right one.
    """
    system, _, rest = asked.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    for wanted, has in (
        (system, image.os),
        (ARCHITECTURES.get(architecture, architecture), image.architecture),
        (variant, image.variant or variant),
    ):
        if wanted and wanted != has:
            raise NotFound(
                f"image with reference {name} was found but does not match the specified platform: "
                f"wanted {asked}, actual: {image.os}/{image.architecture}"
            )


def _memory(host: HostConfig) -> Iterator[Complaint]:
    memory, swap, reserved = host.memory, host.memory_swap, host.memory_reservation
    yield 0 < memory < LEAST, "Minimum memory limit allowed is 6MB"
    yield (
        memory > 0 and 0 < swap < memory,
        "Minimum memoryswap limit should be larger than memory limit, see usage",
    )
    yield (
        memory == 0 and swap > 0,
        "You should always set the Memory limit when using Memoryswap limit, see usage",
    )
    yield 0 < reserved < LEAST, "Minimum memory reservation allowed is 6MB"
    yield (
        0 < memory < reserved,
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    )
    rate = host.memory_swappiness
    yield (
        rate is not None and not -1 <= rate <= 100,
        f"Invalid value: {rate}, valid memory swappiness range is 0-100",
    )
    yield host.shm_size < 0, "SHM size can not be less than 0"


def _cpu(host: HostConfig, place: Place) -> Iterator[Complaint]:
    asked, period, quota = host.nano_cpus, host.cpu_period, host.cpu_quota
    yield asked != 0 and period > 0, "Conflicting options: Nano CPUs and CPU Period cannot both be set"
    yield asked != 0 and quota > 0, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"
    yield (
        asked != 0 and not 10_000_000 <= asked <= place.count * 1_000_000_000,
        f"range of CPUs is from 0.01 to {place.count}.00, as there are only {place.count} CPUs available",
    )
    yield (
        period != 0 and not 1000 <= period <= 1_000_000,
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    )
    yield 0 < quota < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)"
    yield (
        host.cpu_shares < 0,
        f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer",
    )


def _rest(host: HostConfig) -> Iterator[Complaint]:
    yield (
        not -1000 <= host.oom_score_adj <= 1000,
        f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]",
    )
    yield (
        host.blkio_weight != 0 and not 10 <= host.blkio_weight <= 1000,
        "Range of blkio weight is from 10 to 1000",
    )
    yield (
        bool(host.storage_opt),
        "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    )
    wishes = [wish.get("Capabilities") for wish in host.device_requests or ()]
    yield bool(wishes), f'could not select device driver "" with capabilities: {wishes}'
    for text in host.security_opt or ():
        name = text.partition("=" if "=" in text else ":")[0]
        yield name not in SECURITY, f'invalid --security-opt: "{text}": it is one of {", ".join(SECURITY)}'


def _modes(host: HostConfig) -> Iterator[Complaint]:
    for what, value, plain in (
        ("IPC", host.ipc_mode, ("", "none", "private", "shareable", "host")),
        ("PID", host.pid_mode, ("", "host")),
        ("UTS", host.uts_mode, ("", "host")),
        ("USER", host.userns_mode, ("", "host")),
        ("cgroup namespace", host.cgroupns_mode, ("", "private", "host")),
    ):
        joined = what in ("IPC", "PID") and value.startswith("container:") and value != "container:"
        yield value not in plain and not joined, f"invalid {what} mode: {value}"
    yield host.isolation not in ("", "default"), f"invalid isolation '{host.isolation}' on linux"


def _health(check: Health | None) -> Iterator[Complaint]:
    if check is None:
        return
    for name, value in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        yield value != 0 and value < 1_000_000, f"{name} in Healthcheck cannot be less than 1ms"
    yield check.retries < 0, "Retries in Healthcheck cannot be negative"


def _sets(host: HostConfig, place: Place) -> None:
    for what, option, asked, there in (
        ("CPUs", "cpus", host.cpuset_cpus, place.cpus),
        ("memory nodes", "mems", host.cpuset_mems, place.nodes),
    ):
        if not asked:
            continue
        numbers = _numbers(asked)
        if numbers is None:
            raise InvalidInput(f"Invalid value {asked} for cpuset {option}")
        known = _numbers(there)
        if known and not numbers <= known:
            raise InvalidInput(f"Requested {what} are not available - requested {asked}, available: {there}")


def _numbers(text: str) -> set[int] | None:
    """The numbers in ``0-3,8``; None when it is nothing of that kind."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return None
        low, high = int(first), int(last or first)
        if low > high or high >= LONGEST_SET:
            return None
        found.update(range(low, high + 1))
    return found


def _online(kind: str) -> str:
    with suppress(OSError):
        return Path(f"/sys/devices/system/{kind}/online").read_text().strip()
    return ""
