"""A container's limits: Docker's HostConfig to the OCI runtime's ``resources``. Pure."""

from collections.abc import Mapping
from typing import Any

from seaway.errors import InvalidInput
from seaway.model import HostConfig
from seaway.runtime.machine import Machine, Node

PERIOD = 100_000
"""Microseconds of one CPU period when the user gave none."""

THROTTLES = (
    ("blkio_device_read_bps", "throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("blkio_device_write_bps", "throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("blkio_device_read_iops", "throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("blkio_device_write_iops", "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


def resources(
    host: HostConfig, machine: Machine, nodes: Mapping[str, tuple[Node, ...]]
) -> tuple[dict[str, Any], list[str]]:
    """``(resources, warnings)``: what the kernel cannot do is left out, and said in a warning."""
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for name, part in (
        ("memory", _memory(host, machine, warnings)),
        ("cpu", _cpu(host, machine, warnings)),
        ("blockIO", _block(host, machine, nodes, warnings)),
        ("pids", _pids(host, machine, warnings)),
    ):
        if part:
            found[name] = part
    return found, warnings


def _memory(host: HostConfig, machine: Machine, warnings: list[str]) -> dict[str, Any]:
    total = host.memory_swap or (2 * host.memory if host.memory > 0 else 0)
    if host.memory_swap > 0 and host.memory > host.memory_swap:
        raise InvalidInput("Minimum memoryswap limit should be larger than memory limit, see usage")
    swappiness = host.memory_swappiness if host.memory_swappiness not in (None, -1) else None
    kill = host.oom_kill_disable or None
    asked = (
        ("limit", host.memory or None, "memory.limit_in_bytes", "memory"),
        ("reservation", host.memory_reservation or None, "memory.soft_limit_in_bytes", "memory"),
        ("swap", total or None, "memory.memsw.limit_in_bytes", "memory"),
        ("swappiness", swappiness, "memory.swappiness", "-"),
        ("disableOOMKiller", kill, "memory.oom_control", "-"),
    )
    return _supported("memory", asked, machine, warnings)


def _cpu(host: HostConfig, machine: Machine, warnings: list[str]) -> dict[str, Any]:
    quota, period = host.cpu_quota, host.cpu_period
    if host.nano_cpus:
        if quota or period:
            raise InvalidInput("Conflicting options: Nano CPUs and CPU Period/Quota cannot both be set")
        period = PERIOD
        quota = host.nano_cpus * period // 1_000_000_000
    asked = (
        ("shares", host.cpu_shares or None, "cpu.shares", "cpu"),
        ("quota", quota or None, "cpu.cfs_quota_us", "cpu"),
        ("period", period or None, "cpu.cfs_period_us", "cpu"),
        ("realtimePeriod", host.cpu_realtime_period or None, "cpu.rt_period_us", "-"),
        ("realtimeRuntime", host.cpu_realtime_runtime or None, "cpu.rt_runtime_us", "-"),
        ("cpus", host.cpuset_cpus or None, "cpuset.cpus", "cpuset"),
        ("mems", host.cpuset_mems or None, "cpuset.mems", "cpuset"),
    )
    return _supported("CPU", asked, machine, warnings)


def _pids(host: HostConfig, machine: Machine, warnings: list[str]) -> dict[str, Any]:
    limit = host.pids_limit if host.pids_limit and host.pids_limit > 0 else None
    return _supported("PIDs", (("limit", limit, "pids", "pids"),), machine, warnings)


def _block(
    host: HostConfig, machine: Machine, nodes: Mapping[str, tuple[Node, ...]], warnings: list[str]
) -> dict[str, Any]:
    found = _supported(
        "block I/O", (("weight", host.blkio_weight or None, "blkio.weight", "io"),), machine, warnings
    )
    for name, key, control in THROTTLES:
        rates = getattr(host, name) or ()
        if rates and not machine.can(control, "io"):
            warnings.append(f"this kernel has no {control}: block I/O limit left out")
        elif rates:
            found[key] = [_rate(rate, nodes) for rate in rates]
    return found


def _rate(rate: Mapping[str, Any], nodes: Mapping[str, tuple[Node, ...]]) -> dict[str, int]:
    path = str(rate.get("Path", ""))
    known = nodes.get(path, ())
    if not known:
        raise InvalidInput(f"no such device: {path}")
    return {"major": known[0].major, "minor": known[0].minor, "rate": int(rate.get("Rate", 0))}


def devices_of(host: HostConfig) -> set[str]:
    """The host paths whose device numbers ``resources`` needs."""
    rates = (rate for name, _, _ in THROTTLES for rate in getattr(host, name) or ())
    return {str(rate.get("Path", "")) for rate in rates}


def _supported(
    what: str,
    asked: tuple[tuple[str, Any, str, str], ...],
    machine: Machine,
    warnings: list[str],
) -> dict[str, Any]:
    found = {}
    for key, value, v1, v2 in asked:
        if value is None:
            continue
        if machine.can(v1, v2):
            found[key] = value
        else:
            warnings.append(f"this kernel cannot limit {what} by {key}: left out")
    return found
