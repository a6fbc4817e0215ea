"""How much a container uses: Docker's stats object, read from its control groups and its network."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seaway.runtime import cgroups
from seaway.runtime.machine import CGROUPS

NEVER = "0001-01-01T00:00:00Z"
NETWORK_COLUMNS = (
    ("rx_bytes", 0),
    ("rx_packets", 1),
    ("rx_errors", 2),
    ("rx_dropped", 3),
    ("tx_bytes", 8),
    ("tx_packets", 9),
    ("tx_errors", 10),
    ("tx_dropped", 11),
)
"""Docker's names and their columns in /proc/net/dev."""

_UNLIMITED = 1 << 62
_TICK = os.sysconf("SC_CLK_TCK")

Groups = Mapping[str, Path]


def read_stats(
    container_id: str,
    pid: int,
    *,
    name: str = "",
    networks: bool = True,
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Docker's stats object for a container whose first process is ``pid``; 0: it does not run.

    ``previous`` is what the call before returned, and becomes ``precpu_stats`` and ``preread``.
    ``networks`` is False for a container in the host's network: its figures are not the container's.
    """
    groups = cgroups.paths(pid) if pid > 0 else {}
    reader = _V2 if _is_v2(groups) else _V1
    found: dict[str, Any] = {"id": container_id, "name": f"/{name.lstrip('/')}"}
    found["read"] = datetime.now(UTC).isoformat().replace("+00:00", "Z") if groups else NEVER
    found["preread"] = previous["read"] if previous else NEVER
    found |= {"num_procs": 0, "storage_stats": {}}
    for key, read in reader.items():
        found[key] = read(groups) if groups else {}
    if groups:
        found["cpu_stats"] |= {"system_cpu_usage": _system_usage(), "online_cpus": os.cpu_count() or 1}
        if networks:
            found["networks"] = _networks(pid)
    found["precpu_stats"] = previous["cpu_stats"] if previous else _no_cpu()
    return found


def _is_v2(groups: Groups) -> bool:
    return "memory" not in groups and "" in groups


def _cpu_v1(groups: Groups) -> dict[str, Any]:
    account, limit = groups.get("cpuacct", CGROUPS), groups.get("cpu", CGROUPS)
    usage = _table(account / "cpuacct.stat")
    throttled = _table(limit / "cpu.stat")
    return {
        "cpu_usage": {
            "total_usage": _number(account / "cpuacct.usage"),
            "percpu_usage": _numbers(account / "cpuacct.usage_percpu"),
            "usage_in_kernelmode": usage.get("system", 0) * 1_000_000_000 // _TICK,
            "usage_in_usermode": usage.get("user", 0) * 1_000_000_000 // _TICK,
        },
        "throttling_data": {
            "periods": throttled.get("nr_periods", 0),
            "throttled_periods": throttled.get("nr_throttled", 0),
            "throttled_time": throttled.get("throttled_time", 0),
        },
    }


def _cpu_v2(groups: Groups) -> dict[str, Any]:
    usage = _table(groups[""] / "cpu.stat")
    return {
        "cpu_usage": {
            "total_usage": usage.get("usage_usec", 0) * 1000,
            "usage_in_kernelmode": usage.get("system_usec", 0) * 1000,
            "usage_in_usermode": usage.get("user_usec", 0) * 1000,
        },
        "throttling_data": {
            "periods": usage.get("nr_periods", 0),
            "throttled_periods": usage.get("nr_throttled", 0),
            "throttled_time": usage.get("throttled_usec", 0) * 1000,
        },
    }


def _no_cpu() -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _memory_v1(groups: Groups) -> dict[str, Any]:
    group = groups["memory"]
    return {
        "usage": _number(group / "memory.usage_in_bytes"),
        "max_usage": _number(group / "memory.max_usage_in_bytes"),
        "failcnt": _number(group / "memory.failcnt"),
        "limit": _limit(_number(group / "memory.limit_in_bytes")),
        "stats": _table(group / "memory.stat"),
    }


def _memory_v2(groups: Groups) -> dict[str, Any]:
    group = groups[""]
    return {
        "usage": _number(group / "memory.current"),
        "limit": _limit(_number(group / "memory.max", _UNLIMITED)),
        "stats": _table(group / "memory.stat"),
    }


def _pids_v1(groups: Groups) -> dict[str, Any]:
    return _pids(groups["pids"]) if "pids" in groups else {}


def _pids_v2(groups: Groups) -> dict[str, Any]:
    return _pids(groups[""])


def _pids(group: Path) -> dict[str, Any]:
    # Docker prints the largest number for "no limit".
    return {"current": _number(group / "pids.current"), "limit": _number(group / "pids.max", (1 << 64) - 1)}


NO_FIGURES = (
    "io_queue_recursive", "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
    "io_time_recursive", "sectors_recursive",
)  # fmt: skip
"""Tables that only a long gone I/O scheduler filled; clients find them empty, as Docker's."""


def _block_v1(groups: Groups) -> dict[str, Any]:
    group = groups.get("blkio", CGROUPS)
    return {
        **{key: [] for key in NO_FIGURES},
        "io_service_bytes_recursive": _block_table(group / "blkio.throttle.io_service_bytes_recursive"),
        "io_serviced_recursive": _block_table(group / "blkio.throttle.io_serviced_recursive"),
    }


def _block_v2(groups: Groups) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys((*NO_FIGURES, "io_serviced_recursive"))
    found["io_service_bytes_recursive"] = []
    for line in _text(groups[""] / "io.stat").splitlines():
        device, *figures = line.split()
        major, minor = (int(n) for n in device.split(":"))
        for figure in figures:
            key, _, value = figure.partition("=")
            if key in ("rbytes", "wbytes"):
                op = "read" if key == "rbytes" else "write"
                entry = {"major": major, "minor": minor, "op": op, "value": int(value)}
                found["io_service_bytes_recursive"].append(entry)
    return found


def _block_table(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) == 3:
            major, minor = (int(n) for n in words[0].split(":"))
            found.append({"major": major, "minor": minor, "op": words[1], "value": int(words[2])})
    return found


_V1: Mapping[str, Callable[[Groups], dict[str, Any]]] = {
    "cpu_stats": _cpu_v1,
    "memory_stats": _memory_v1,
    "pids_stats": _pids_v1,
    "blkio_stats": _block_v1,
}
_V2: Mapping[str, Callable[[Groups], dict[str, Any]]] = {
    "cpu_stats": _cpu_v2,
    "memory_stats": _memory_v2,
    "pids_stats": _pids_v2,
    "blkio_stats": _block_v2,
}


def _networks(pid: int) -> dict[str, dict[str, int]]:
    found = {}
    for line in _text(Path(f"/proc/{pid}/net/dev")).splitlines()[2:]:
        name, _, figures = line.partition(":")
        if name.strip() != "lo":
            columns = figures.split()
            found[name.strip()] = {key: int(columns[index]) for key, index in NETWORK_COLUMNS}
    return found


def _system_usage() -> int:
    """Nanoseconds all CPUs have spent since boot, idle time too."""
    columns = _text(Path("/proc/stat")).partition("\n")[0].split()[1:8]
    return sum(map(int, columns)) * 1_000_000_000 // _TICK


def _limit(value: int) -> int:
    """A memory limit; that of the machine when there is none."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(value, machine)


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""


def _number(path: Path, unlimited: int = 0) -> int:
    text = _text(path).strip()
    return int(text) if text.isdigit() else unlimited


def _numbers(path: Path) -> list[int]:
    return [int(word) for word in _text(path).split() if word.isdigit()]


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
