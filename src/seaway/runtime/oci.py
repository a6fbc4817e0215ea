"""A container as the OCI runtime wants it told: Box to the specification's config.json. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seaway.errors import InvalidInput
from seaway.model import Container, HostConfig
from seaway.runtime import caps, defaults, limits, mounts, seccomp
from seaway.runtime.contract import Box, ExecSpec
from seaway.runtime.machine import Machine, Node
from seaway.runtime.users import User

VERSION = "1.0.2"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of host and image when a container is made.

    ``root`` is the mounted root file system; ``nodes`` the device nodes by the host path that was asked
    for; ``every_node`` those of the host when the container is privileged; ``shm`` a host directory to
    mount at /dev/shm, or empty.
    """

    root: str
    user: User
    machine: Machine
    cgroup: str
    nodes: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    every_node: tuple[Node, ...] = ()
    shm: str = ""
    architecture: str = "amd64"


def spec(box: Box, facts: Facts) -> tuple[dict[str, Any], list[str]]:
    """``(config.json, warnings)``. Raises InvalidInput for what cannot be."""
    host = box.container.host
    init = facts.machine.init if host.init else ""
    if host.init and not init:
        raise InvalidInput(
            "the container asks for an init process, and neither catatonit nor tini is installed"
        )
    linux, warnings = _linux(box, facts)
    found: dict[str, Any] = {
        "ociVersion": VERSION,
        "process": _process(box, facts, init),
        "root": {"path": facts.root, "readonly": host.readonly_rootfs},
        "mounts": mounts.mounts(box, init, facts.shm),
        "annotations": dict(host.annotations or {}),
        "linux": linux,
    }
    if "uts" not in box.join:
        found["hostname"] = box.hostname
    return found, warnings


def process(container: Container, spec: ExecSpec, user: User, machine: Machine) -> dict[str, Any]:
    """The process of an exec: ``process.json``. ``user`` is the exec's own, resolved already."""
    host = container.host
    privileged = spec.privileged or host.privileged
    chosen = caps.wanted(host.cap_add, host.cap_drop, privileged, machine.capabilities)
    found = _base(container, user, chosen)
    found["args"] = list(spec.cmd)
    found["cwd"] = spec.working_dir or container.config.working_dir or "/"
    found["terminal"] = spec.tty
    env = [*_environment(container, container.config.hostname or container.id[:12]), *spec.env]
    found["env"] = merged([*env, *(["TERM=xterm"] if spec.tty and not _has(env, "TERM") else [])])
    if spec.tty and spec.size:
        found["consoleSize"] = {"height": spec.size[0], "width": spec.size[1]}
    return found


def _process(box: Box, facts: Facts, init: str) -> dict[str, Any]:
    container, host = box.container, box.container.host
    chosen = caps.wanted(host.cap_add, host.cap_drop, host.privileged, facts.machine.capabilities)
    found = _base(container, facts.user, chosen)
    command = [container.path, *container.args]
    found["args"] = [defaults.INIT, "--", *command] if init else command
    found["cwd"] = container.config.working_dir or "/"
    found["terminal"] = container.config.tty
    found["env"] = merged(_environment(container, box.hostname))
    if container.config.tty and host.console_size and any(host.console_size):
        found["consoleSize"] = {"height": host.console_size[0], "width": host.console_size[1]}
    if host.oom_score_adj:
        found["oomScoreAdj"] = host.oom_score_adj
    profile = _options(host).get("apparmor", "")
    if facts.machine.apparmor and profile and profile != "unconfined":
        found["apparmorProfile"] = profile
    return found


def _base(container: Container, user: User, capabilities: list[str]) -> dict[str, Any]:
    return {
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        "rlimits": [_rlimit(u.name, u.soft, u.hard) for u in container.host.ulimits or ()],
        "noNewPrivileges": _options(container.host).get("no-new-privileges", "false") == "true",
    }


def _linux(box: Box, facts: Facts) -> tuple[dict[str, Any], list[str]]:
    host = box.container.host
    found, warnings = limits.resources(host, facts.machine, facts.nodes)
    nodes = _nodes(host, facts)
    found["devices"] = _device_rules(host, nodes)
    linux: dict[str, Any] = {
        "cgroupsPath": facts.cgroup,
        "namespaces": _namespaces(box, facts.machine),
        "resources": found,
        "sysctl": _sysctls(box),
        "devices": [_device(node) for node in nodes.values()],
        "maskedPaths": _paths(host, host.masked_paths, defaults.MASKED),
        "readonlyPaths": _paths(host, host.readonly_paths, defaults.READONLY),
    }
    propagation = mounts.propagation_of_root(box.container)
    if propagation:
        linux["rootfsPropagation"] = propagation
    profile = _seccomp(host, facts)
    if profile:
        linux["seccomp"] = profile
    return linux, warnings


def _paths(host: HostConfig, asked: tuple[str, ...] | None, usual: tuple[str, ...]) -> list[str]:
    if asked is not None:
        return list(asked)
    return [] if host.privileged or "systempaths" in _options(host) else list(usual)


def _namespaces(box: Box, machine: Machine) -> list[dict[str, str]]:
    """A namespace that is left out is the daemon's own, the host's."""
    found = [{"type": "mount"}]
    if box.netns:
        found.append({"type": "network", "path": box.netns})
    for kind in ("pid", "ipc", "uts"):
        path = box.join.get(kind, "")
        if path != "host":
            found.append({"type": kind, "path": path} if path else {"type": kind})
    mode = box.container.host.cgroupns_mode or ("private" if machine.cgroups == "v2" else "host")
    if mode == "private":
        found.append({"type": "cgroup"})
    return found


def _sysctls(box: Box) -> dict[str, str]:
    found = dict(defaults.NAMESPACED_SYSCTLS) if box.netns else {}
    if box.container.config.domainname and "uts" not in box.join:
        found["kernel.domainname"] = box.container.config.domainname
    return found | dict(box.container.host.sysctls or {})


def _nodes(host: HostConfig, facts: Facts) -> dict[str, Node]:
    """Device nodes by their path in the container. A directory's nodes keep their place below it."""
    found = {node.path: node for node in (facts.every_node if host.privileged else ())}
    for device in host.devices or ():
        source, target = device.path_on_host, device.path_in_container or device.path_on_host
        known = facts.nodes.get(source, ())
        if not known:
            raise InvalidInput(
                f'error gathering device information while adding custom device "{source}": '
                "no such device or directory"
            )
        for node in known:
            place = target + node.path.removeprefix(source)
            found[place] = Node(place, node.kind, node.major, node.minor, node.mode, node.uid, node.gid)
    return found


def _device(node: Node) -> dict[str, Any]:
    return {
        "path": node.path,
        "type": node.kind,
        "major": node.major,
        "minor": node.minor,
        "fileMode": node.mode,
        "uid": node.uid,
        "gid": node.gid,
    }


def _device_rules(host: HostConfig, nodes: Mapping[str, Node]) -> list[dict[str, Any]]:
    if host.privileged:
        return [{"allow": True, "access": "rwm"}]
    rules = [dict(rule) for rule in defaults.DEVICE_RULES]
    for device in host.devices or ():
        target = device.path_in_container or device.path_on_host
        for path, node in nodes.items():
            if path == target or path.startswith(target + "/"):
                rules.append(_allow(node.kind, node.major, node.minor, device.cgroup_permissions or "rwm"))
    return rules + [_rule(text) for text in host.device_cgroup_rules or ()]


def _rule(text: str) -> dict[str, Any]:
    """Docker's ``c 1:3 rwm``; a star stands for every number."""
    try:
        kind, numbers, access = text.split()
        major, minor = (None if n == "*" else int(n) for n in numbers.split(":"))
    except ValueError as error:
        raise InvalidInput(f"invalid device cgroup rule format: '{text}'") from error
    if kind not in ("a", "b", "c") or not set(access) <= set("rwm"):
        raise InvalidInput(f"invalid device cgroup rule format: '{text}'")
    return _allow(kind, major, minor, access)


def _allow(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
    rule |= {} if major is None else {"major": major}
    return rule | ({} if minor is None else {"minor": minor})


def _rlimit(name: str, soft: int, hard: int) -> dict[str, Any]:
    if name not in defaults.RLIMITS:
        raise InvalidInput(f"invalid ulimit type: {name}; known are {', '.join(sorted(defaults.RLIMITS))}")
    if hard != -1 and (soft > hard or soft == -1):
        raise InvalidInput(f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")
    unlimited = (1 << 64) - 1
    soft, hard = (unlimited if value == -1 else value for value in (soft, hard))
    return {"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}


def _options(host: HostConfig) -> dict[str, str]:
    """SecurityOpt by name. Docker takes ``name=value``, ``name:value`` and the bare name."""
    found = {}
    for text in host.security_opt or ():
        name, _, value = text.partition("=") if "=" in text else text.partition(":")
        found[name] = value or "true"
    return found


def _seccomp(host: HostConfig, facts: Facts) -> dict[str, Any] | None:
    wish = _options(host).get("seccomp", "")
    chosen = caps.wanted(host.cap_add, host.cap_drop, host.privileged, facts.machine.capabilities)
    if wish == "unconfined" or (host.privileged and not wish):
        return None
    if wish in ("", "builtin"):
        return seccomp.default(chosen, facts.architecture)
    return seccomp.given(wish, chosen, facts.architecture)


def _environment(container: Container, hostname: str) -> list[str]:
    """Docker's own variables, then the container's, which win."""
    terminal = ["TERM=xterm"] if container.config.tty else []
    return [defaults.PATH, f"HOSTNAME={hostname}", *terminal, *(container.config.env or ())]


def _has(env: Iterable[str], name: str) -> bool:
    return any(entry.startswith(f"{name}=") for entry in env)


def merged(env: Iterable[str]) -> list[str]:
    """The last value of each variable, at the place of the first; a bare name takes it away."""
    found: dict[str, str] = {}
    for entry in env:
        name, given, _ = entry.partition("=")
        if given:
            found[name] = entry
        else:
            found.pop(name, None)
    return list(found.values())
