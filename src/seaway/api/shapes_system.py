"""The daemon itself as Docker's JSON: version, info, events, disk usage."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from seaway import __version__
from seaway.api.shapes import stamp
from seaway.api.wire import NEWEST, OLDEST, dotted
from seaway.engine.cluster_views import ClusterView
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
        "Experimental": False,
        "BuildTime": "",
    }


def info(facts: Mapping[str, Any]) -> dict[str, Any]:
    """``GET /info`` from the engine's facts (see the keys read here); what has no meaning here is empty."""
    return {**_counts(facts), **_host(facts), **_daemon(facts), **_cluster(facts), **FOREIGN}


FOREIGN: dict[str, Any] = {
    "GenericResources": None,
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": None,
    },
    "Isolation": "",
    "ContainerdCommit": {"ID": ""},
    "RuncCommit": {"ID": ""},
    "InitCommit": {"ID": ""},
    "CDISpecDirs": [],
}
"""What Docker says of things that Seaway does not have."""


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    get = facts.get
    return {
        "ID": get("id", ""),
        "Containers": get("containers", 0),
        "ContainersRunning": get("running", 0),
        "ContainersPaused": get("paused", 0),
        "ContainersStopped": get("stopped", 0),
        "Images": get("images", 0),
        "NFd": get("fds", 0),
        "NGoroutines": get("tasks", 0),
        "NEventsListener": get("listeners", 0),
    }


def _host(facts: Mapping[str, Any]) -> dict[str, Any]:
    get = facts.get
    cgroup = str(get("cgroup_version", "1"))
    controls = ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit")
    return {
        **dict.fromkeys(controls, True),
        "OomKillDisable": cgroup == "1",
        "IPv4Forwarding": get("ip_forward", True),
        "CgroupDriver": get("cgroup_driver", "cgroupfs"),
        "CgroupVersion": cgroup,
        "KernelVersion": platform.release(),
        "OperatingSystem": get("operating_system", "Linux"),
        "OSVersion": get("os_version", ""),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "NCPU": get("cpus", 0),
        "MemTotal": get("memory", 0),
        "Name": get("name", ""),
        "SystemTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }


def _daemon(facts: Mapping[str, Any]) -> dict[str, Any]:
    get = facts.get
    runtime = get("default_runtime", "runc")
    return {
        "Driver": get("driver", "overlay2"),
        "DriverStatus": [list(pair) for pair in get("driver_status", ())],
        "Plugins": {
            "Volume": ["local"],
            "Network": sorted(get("network_drivers", ("bridge", "host", "null"))),
            "Authorization": None,
            "Log": ["json-file", "local", "none"],
        },
        "Debug": get("debug", False),
        "LoggingDriver": "json-file",
        "IndexServerAddress": "docker.io",
        "RegistryConfig": _registries(facts),
        "DockerRootDir": str(get("root", "")),
        "Labels": list(get("labels", ())),
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {name: _runtime(value) for name, value in get("runtimes", {runtime: runtime}).items()},
        "DefaultRuntime": runtime,
        "LiveRestoreEnabled": True,
        "InitBinary": get("init", ""),
        "SecurityOptions": list(get("security", ())),
        "FirewallBackend": {"Driver": "nftables"},
        "Warnings": list(get("warnings", ())) or None,
    }


def _cluster(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of a host that is in a cluster: the two keys of Docker 20.10, and how it is with the cluster."""
    view: ClusterView | None = facts.get("cluster")
    if view is None:
        return {}
    return {
        "ClusterStore": facts.get("cluster_store", ""),
        "ClusterAdvertise": view.advertise,
        "Cluster": {
            "State": view.state,
            "Since": stamp(view.since),
            "Nodes": view.nodes,
            "NodesDown": view.down,
        },
    }


def _runtime(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {"path": str(value)}


def _registries(facts: Mapping[str, Any]) -> dict[str, Any]:
    mirrors = list(facts.get("mirrors", ()))
    hub = {"Mirrors": mirrors, "Name": "docker.io", "Official": True, "Secure": True}
    others = {
        name: {"Mirrors": [], "Name": name, "Official": False, "Secure": False}
        for name in facts.get("insecure_hosts", ())
    }
    return {
        "IndexConfigs": {"docker.io": hub, **others},
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
