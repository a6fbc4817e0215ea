"""The daemon itself as Docker's JSON: version, info, events, disk usage."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from seaway import __version__
from seaway.api.wire import NEWEST, OLDEST, dotted
from seaway.engine.events import Event

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""The kernel's names of machines → those of images."""

LEGACY = ("container", "image")
"""Types of events that also carry ``status``, ``id`` and ``from``, as up to API 1.51."""


def version() -> dict[str, Any]:
    """``GET /version``. Clients read ApiVersion; people read Platform and Version."""
    machine = platform.machine()
    details = {
        "ApiVersion": dotted(NEWEST),
        "MinAPIVersion": dotted(OLDEST),
        "Os": "linux",
        "Arch": ARCHITECTURES.get(machine, machine),
        "KernelVersion": platform.release(),
        "GoVersion": "",
        "GitCommit": "",
        "BuildTime": "",
        "Experimental": "false",
        "Python": platform.python_version(),
    }
    return {
        "Platform": {"Name": "Seaway"},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
        "Version": __version__,
        "ApiVersion": details["ApiVersion"],
        "MinAPIVersion": details["MinAPIVersion"],
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": details["Arch"],
        "KernelVersion": details["KernelVersion"],
        "BuildTime": "",
    }


def info(facts: Mapping[str, Any]) -> dict[str, Any]:
    """``GET /info`` from the engine's facts (see the keys read here); what has no meaning here is empty."""
    get = facts.get
    runtime = get("default_runtime", "runc")
    return {
        "ID": get("id", ""),
        "Containers": get("containers", 0),
        "ContainersRunning": get("running", 0),
        "ContainersPaused": get("paused", 0),
        "ContainersStopped": get("stopped", 0),
        "Images": get("images", 0),
        "Driver": get("driver", "overlay2"),
        "DriverStatus": [list(pair) for pair in get("driver_status", ())],
        "Plugins": {
            "Volume": ["local"],
            "Network": list(get("network_drivers", ("bridge", "host", "null"))),
            "Authorization": None,
            "Log": ["json-file", "local", "none"],
        },
        **_abilities(get("cgroup_version", "1")),
        "IPv4Forwarding": get("ip_forward", True),
        "Debug": get("debug", False),
        "NFd": get("fds", 0),
        "NGoroutines": get("tasks", 0),
        "SystemTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "LoggingDriver": "json-file",
        "CgroupDriver": get("cgroup_driver", "cgroupfs"),
        "CgroupVersion": str(get("cgroup_version", "1")),
        "NEventsListener": get("listeners", 0),
        "KernelVersion": platform.release(),
        "OperatingSystem": get("operating_system", "Linux"),
        "OSVersion": get("os_version", ""),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "IndexServerAddress": get("index_server", "https://index.docker.io/v1/"),
        "RegistryConfig": _registries(facts),
        "NCPU": get("cpus", 0),
        "MemTotal": get("memory", 0),
        "GenericResources": None,
        "DockerRootDir": str(get("root", "")),
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": get("name", ""),
        "Labels": list(get("labels", ())),
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {name: {"path": path} for name, path in get("runtimes", {runtime: runtime}).items()},
        "DefaultRuntime": runtime,
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": get("init", ""),
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "SecurityOptions": list(get("security", ())),
        "FirewallBackend": {"Driver": "nftables"},
        "CDISpecDirs": [],
        "Warnings": list(get("warnings", ())) or None,
    }


def _abilities(cgroup_version: Any) -> dict[str, bool]:
    names = ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit")
    return {**dict.fromkeys(names, True), "OomKillDisable": str(cgroup_version) == "1"}


def _registries(facts: Mapping[str, Any]) -> dict[str, Any]:
    mirrors = list(facts.get("mirrors", ()))
    hub = {"Mirrors": mirrors, "Name": "docker.io", "Official": True, "Secure": True}
    return {
        "IndexConfigs": {"docker.io": hub},
        "InsecureRegistryCIDRs": list(facts.get("insecure", ("::1/128", "127.0.0.0/8"))),
        "Mirrors": mirrors,
    }


def event(one: Event) -> dict[str, Any]:
    """One event; the attributes come sorted, as Docker's do."""
    attributes = dict(sorted(one.attributes.items()))
    old: dict[str, Any] = {}
    if one.type in LEGACY:
        old = {"status": one.action, "id": one.id}
        if one.type == "container":
            old["from"] = attributes.get("image", "")
    return {
        **old,
        "Type": one.type,
        "Action": one.action,
        "Actor": {"ID": one.id, "Attributes": attributes},
        "scope": getattr(one, "scope", "local"),
        "time": one.time_nano // 1_000_000_000,
        "timeNano": one.time_nano,
    }


def ping_headers() -> dict[str, str]:
    """What ``/_ping`` says in headers besides those of every answer."""
    return {
        "Builder-Version": "1",
        "Swarm": "inactive",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
    }


def common_headers() -> dict[str, str]:
    """Headers of every answer."""
    return {
        "Server": f"Seaway/{__version__} (linux)",
        "Api-Version": dotted(NEWEST),
        "Ostype": "linux",
        "Docker-Experimental": "false",
    }
