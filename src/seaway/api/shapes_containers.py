"""Containers as Docker's JSON: the inspect object and the list entry."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from seaway.api import shapes_networks
from seaway.api.shapes import lasting, moment
from seaway.drivers.sandbox import GATEWAY_BRIDGE
from seaway.engine.health import View
from seaway.model import (
    Attachment,
    Binding,
    Config,
    Container,
    Endpoint,
    HostConfig,
    Network,
    Sandbox,
    Snapshot,
)

MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

LISTS = (
    "Dns", "DnsOptions", "DnsSearch", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps",
    "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Devices", "Ulimits",
)  # fmt: skip
"""HostConfig fields that Docker shows as [] when they are empty; others are null."""

OMITTED = ("Mounts", "Annotations", "StorageOpt", "Tmpfs", "Sysctls", "Init", "KernelMemory", "Cgroup")
"""HostConfig fields that Docker leaves out when they are empty (Cgroup stays, as an empty text)."""

CONFIG_OMITTED = (
    "ExposedPorts", "Healthcheck", "NetworkDisabled", "MacAddress", "StopSignal", "StopTimeout", "Shell",
)  # fmt: skip
"""Config fields that Docker leaves out when they are empty."""

HEALTH = {
    "starting": " (health: starting)",
    "healthy": " (healthy)",
    "unhealthy": " (unhealthy)",
}
"""What ``docker ps`` says of a container's health."""

NEVER = "0001-01-01T00:00:00Z"


def inspect(
    one: Container, snapshot: Snapshot, facts: Mapping[str, Any], minor: int, view: View | None = None
) -> dict[str, Any]:
    """The object of ``GET /containers/{id}/json``. ``facts`` are the engine's (roots, driver)."""
    home = f"{facts.get('root', '')}/containers/{one.id}"
    return {
        "Id": one.id,
        "Created": one.created,
        "Path": one.path,
        "Args": list(one.args),
        "State": state(one, view),
        "Image": one.image,
        "ResolvConfPath": f"{home}/resolv.conf",
        "HostnamePath": f"{home}/hostname",
        "HostsPath": f"{home}/hosts",
        "LogPath": f"{home}/{one.id}-json.log" if one.host.log_config.type != "none" else "",
        "Name": f"/{one.name}",
        "RestartCount": one.state.restart_count,
        "Driver": facts.get("driver", "overlay2"),
        "Platform": one.platform,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": host_config(one.host),
        "GraphDriver": graph(one, facts),
        "Mounts": list(one.mounts),
        "Config": config(one.config),
        "NetworkSettings": network_settings(one, snapshot, minor),
    }


def state(one: Container, view: View | None = None) -> dict[str, Any]:
    """The State object; its Health is there for a container with a check."""
    now = one.state
    checked = {"Health": health(now.health, view)} if view is not None else {}
    return {
        **checked,
        "Status": now.status,
        "Running": now.running or now.status == "restarting",
        "Paused": now.status == "paused",
        "Restarting": now.status == "restarting",
        "OOMKilled": now.oom_killed,
        "Dead": now.status == "dead",
        "Pid": now.pid if now.running else 0,
        "ExitCode": now.exit_code,
        "Error": now.error,
        "StartedAt": now.started,
        "FinishedAt": now.finished,
    }


def health(status: str, view: View) -> dict[str, Any]:
    """State.Health: the last results of the container's check."""
    results = [{"Start": r.start, "End": r.end, "ExitCode": r.code, "Output": r.output} for r in view.results]
    return {"Status": status, "FailingStreak": view.streak, "Log": results}


def config(one: Config, *, sparse: bool = False) -> dict[str, Any]:
    """A Config in Docker's form; ``sparse`` leaves out everything empty (images, from API 1.50)."""
    shape = {key: _plain(value) for key, value in msgspec.to_builtins(one).items()}
    if sparse:
        return {key: value for key, value in shape.items() if value}
    shape["Labels"] = shape["Labels"] or {}
    shape["Env"] = shape["Env"] or []
    for key in CONFIG_OMITTED:
        if not shape[key] and shape[key] != 0:
            del shape[key]
    return shape


def host_config(one: HostConfig) -> dict[str, Any]:
    """A HostConfig in Docker's form: null, [], {} and absence where Docker has each."""
    shape = {key: _plain(value) for key, value in msgspec.to_builtins(one).items()}
    for key in LISTS:
        shape[key] = shape[key] or []
    for key in OMITTED:
        if not shape[key] and shape[key] is not False and key != "Cgroup":
            del shape[key]
    shape["PortBindings"] = shape["PortBindings"] or {}
    shape["LogConfig"] = {"Type": one.log_config.type or "json-file", "Config": one.log_config.config or {}}
    shape["RestartPolicy"]["Name"] = one.restart_policy.name or "no"
    shape["ConsoleSize"] = list(one.console_size or (0, 0))
    shape["OomKillDisable"] = bool(one.oom_kill_disable)
    if not one.privileged:
        shape["MaskedPaths"] = list(MASKED) if one.masked_paths is None else list(one.masked_paths)
        shape["ReadonlyPaths"] = list(READONLY) if one.readonly_paths is None else list(one.readonly_paths)
    return shape


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def graph(one: Container, facts: Mapping[str, Any]) -> dict[str, Any]:
    """GraphDriver: where the writable layer is kept, and the image's unpacked root."""
    root = facts.get("root", "")
    home = f"{root}/rootfs/{one.id}"
    return {
        "Data": {
            "ID": one.id,
            "LowerDir": f"{root}/images/rootfs/{one.image.removeprefix('sha256:')}",
            "MergedDir": f"{home}/merged",
            "UpperDir": f"{home}/upper",
            "WorkDir": f"{home}/work",
        },
        "Name": facts.get("driver", "overlay2"),
    }


# -- networking


def network_settings(one: Container, snapshot: Snapshot, minor: int) -> dict[str, Any]:
    """NetworkSettings by mode; the top-level addresses are those on the network ``bridge``."""
    sandbox = snapshot.sandboxes.get(one.sandbox_id) if one.sandbox_id else None
    shared = one.host.network_mode.startswith("container:")
    places = networks(one, snapshot, brief=False)
    if minor < 45:
        _old_aliases(one, places)
    legacy = next(
        (places[n.name] for n in snapshot.networks.values() if n.default_bridge and n.name in places), {}
    )
    return {
        "Bridge": "",
        "SandboxID": "" if shared or sandbox is None else sandbox.id,
        "SandboxKey": "" if shared or sandbox is None else _key(sandbox),
        "Ports": ports(one, snapshot, sandbox),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": legacy.get("EndpointID", ""),
        "Gateway": legacy.get("Gateway", ""),
        "GlobalIPv6Address": legacy.get("GlobalIPv6Address", ""),
        "GlobalIPv6PrefixLen": legacy.get("GlobalIPv6PrefixLen", 0),
        "IPAddress": legacy.get("IPAddress", ""),
        "IPPrefixLen": legacy.get("IPPrefixLen", 0),
        "IPv6Gateway": legacy.get("IPv6Gateway", ""),
        "MacAddress": legacy.get("MacAddress", ""),
        "Networks": places,
    }


def _key(sandbox: Sandbox) -> str:
    return sandbox.path or "/run/docker/netns/default"


def _old_aliases(one: Container, places: dict[str, dict[str, Any]]) -> None:
    """Up to API 1.44 the short ID stood among the aliases on user-defined networks."""
    for name, place in places.items():
        if name not in ("bridge", "host", "none"):
            given = place["Aliases"] or []
            more = (n for n in (one.id[:12], one.config.hostname) if n and n not in given)
            place["Aliases"] = [*given, *dict.fromkeys(more)]


def networks(one: Container, snapshot: Snapshot, *, brief: bool) -> dict[str, dict[str, Any]]:
    """Networks: for each the container has asked for or stands on, its place there.

    The way out of an overlay is not among them, as in Docker: nobody asked for it.
    """
    if one.host.network_mode.startswith("container:"):
        return {}
    standing = {e.network_id: e for e in snapshot.endpoints_of_container(one.id)}
    by_name = {n.name: n for n in snapshot.networks.values()}
    places: dict[str, dict[str, Any]] = {}
    for name, wish in one.networks.items():
        net = by_name.get(name) or snapshot.networks.get(name)
        endpoint = standing.pop(net.id, None) if net else None
        places[net.name if net else name] = shapes_networks.settings(wish, one, endpoint, net, brief=brief)
    for endpoint in standing.values():
        net = snapshot.networks.get(endpoint.network_id)
        if net and net.name == GATEWAY_BRIDGE and endpoint.name.startswith("gateway_"):
            continue
        places[net.name if net else endpoint.network_id] = _unasked(one, endpoint, net, brief=brief)
    return places


def _unasked(one: Container, endpoint: Endpoint, net: Network | None, *, brief: bool) -> dict[str, Any]:
    return shapes_networks.settings(Attachment(), one, endpoint, net, brief=brief)


def ports(
    one: Container, snapshot: Snapshot, sandbox: Sandbox | None
) -> dict[str, list[dict[str, str]] | None]:
    """Ports: ``port/proto`` → host sides; null for a port that is exposed and not published."""
    if not _addressed(one, sandbox):
        return {}
    shape: dict[str, list[dict[str, str]] | None] = {}
    for binding in _bindings(sandbox):
        side = {"HostIp": binding.host_ip, "HostPort": str(binding.host_port)}
        sides = shape.setdefault(f"{binding.port}/{binding.proto}", [])
        if sides is not None:
            sides.append(side)
    for port in one.config.exposed_ports or {}:
        shape.setdefault(port, None)
    return shape


def _addressed(one: Container, sandbox: Sandbox | None) -> bool:
    """Whether the container has ports of its own now: running, with a namespace and addresses of its own."""
    mode = one.host.network_mode
    own = mode not in ("host", "none") and not mode.startswith("container:")
    return own and one.state.running and sandbox is not None


def _bindings(sandbox: Sandbox | None) -> list[Binding]:
    if sandbox is None:
        return []
    return sorted(sandbox.bindings, key=lambda b: (b.port, b.proto, b.family, b.host_ip, b.host_port))


# -- lists


def entry(
    one: Container, snapshot: Snapshot, links: Iterable[str], *, size: tuple[int, int] | None
) -> dict[str, Any]:
    """One entry of ``GET /containers/json``; ``links`` are the further names others have given it, ``size``
    the bytes it wrote and those of its image."""
    shape: dict[str, Any] = {
        "Id": one.id,
        "Names": [f"/{one.name}", *links],
        "Image": one.image_name,
        "ImageID": one.image,
        "Command": command(one),
        "Created": int(moment(one.created)),
        "Ports": list_ports(one, snapshot),
        "Labels": one.config.labels or {},
        "State": one.state.status,
        "Status": status(one, time.time()),
        "HostConfig": {"NetworkMode": one.host.network_mode},
        "NetworkSettings": {"Networks": networks(one, snapshot, brief=True)},
        "Mounts": list(one.mounts),
    }
    if size:
        shape |= sizes(*size)
    return shape


def sizes(written: int, image: int) -> dict[str, int]:
    """What ``size`` adds: bytes that the container wrote, and these with its image's."""
    return {"SizeRw": written, "SizeRootFs": image + written}


def command(one: Container) -> str:
    """The command in one line; an argument with a space is quoted."""
    return " ".join((one.path, *(f"'{a}'" if " " in a else a for a in one.args)))


def list_ports(one: Container, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Ports of a list entry: one for each host address."""
    sandbox = snapshot.sandboxes.get(one.sandbox_id) if one.sandbox_id else None
    if not _addressed(one, sandbox):
        return []
    found: list[dict[str, Any]] = [
        {"IP": b.host_ip, "PrivatePort": b.port, "PublicPort": b.host_port, "Type": b.proto}
        for b in _bindings(sandbox)
    ]
    published = {(b.port, b.proto) for b in _bindings(sandbox)}
    for text in one.config.exposed_ports or {}:
        port, _, proto = text.partition("/")
        if port.isdigit() and (int(port), proto or "tcp") not in published:
            found.append({"PrivatePort": int(port), "Type": proto or "tcp"})
    return found


def link_names(every: Iterable[Container]) -> dict[str, list[str]]:
    """Container name or ID → the names that links of other containers give it (``/c8/db``)."""
    names: dict[str, list[str]] = {}
    for one in every:
        for link in one.host.links or ():
            target, _, alias = link.partition(":")
            names.setdefault(target.lstrip("/"), []).append(
                f"/{one.name}/{alias.rpartition('/')[2] or target}"
            )
    return names


def status(one: Container, now: float) -> str:
    """The words of ``docker ps``: ``Up 4 seconds``, ``Exited (137) 3 minutes ago``, ``Created``."""
    state_now = one.state
    up = lasting(max(0.0, now - moment(state_now.started)))
    ago = lasting(max(0.0, now - moment(state_now.finished)))
    words = {
        "running": f"Up {up}{HEALTH.get(state_now.health, '')}",
        "paused": f"Up {up} (Paused)",
        "restarting": f"Restarting ({state_now.exit_code}) {ago} ago",
        "removing": "Removal In Progress",
        "dead": "Dead",
        "created": "Created",
        "exited": f"Exited ({state_now.exit_code}) {ago} ago" if state_now.finished != NEVER else "Created",
    }
    return words.get(state_now.status, state_now.status)
