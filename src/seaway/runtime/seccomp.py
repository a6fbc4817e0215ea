"""The system calls a container may not make.

The default profile names what is denied and lets the rest pass, the other way round from Docker's,
which names some 400 calls that may pass. It denies what Docker's documentation lists as denied: calls that
reach kernel state no namespace divides. A call needs its capability *and* passes only where the
container was given that capability. Two exceptions: ``personality`` is not filtered, and ``clone`` is
filtered by its namespace flags. ``clone3`` answers "no such call", whereupon C libraries use ``clone``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from seaway.errors import InvalidInput

EPERM = 1
ENOSYS = 38
NEW_NAMESPACES = 0x7E020000
"""The clone flags that make namespaces: mount, cgroup, UTS, IPC, user, PID, network."""
AF_VSOCK = 40

ALWAYS_DENIED = (
    "add_key", "create_module", "get_kernel_syms", "io_uring_enter", "io_uring_register", "io_uring_setup",
    "kexec_file_load", "keyctl", "migrate_pages", "move_pages", "nfsservctl", "query_module",
    "request_key", "sysfs", "_sysctl", "uselib", "userfaultfd", "ustat", "vm86", "vm86old",
)  # fmt: skip
"""Denied whatever capabilities there are."""

BY_CAPABILITY: Mapping[str, tuple[str, ...]] = {
    "CAP_DAC_READ_SEARCH": ("open_by_handle_at",),
    "CAP_SYS_ADMIN": (
        "bpf", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount",
        "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd",
        "setdomainname", "sethostname", "setns", "swapoff", "swapon", "umount", "umount2", "unshare",
    ),
    "CAP_SYS_BOOT": ("kexec_load", "reboot"),
    "CAP_SYS_MODULE": ("delete_module", "finit_module", "init_module"),
    "CAP_SYS_NICE": ("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"),
    "CAP_SYS_PACCT": ("acct",),
    "CAP_SYS_PTRACE": ("kcmp", "pidfd_getfd", "process_madvise"),
    "CAP_SYS_RAWIO": ("ioperm", "iopl"),
    "CAP_SYS_TIME": ("clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64",
                     "settimeofday", "stime"),
    "CAP_SYS_TTY_CONFIG": ("vhangup",),
}  # fmt: skip
"""Denied without the capability."""

ALSO_ALLOWED_BY: Mapping[str, str] = {"bpf": "CAP_BPF", "perf_event_open": "CAP_PERFMON"}
"""Newer capabilities that serve as well."""

ARCHITECTURES: Mapping[str, tuple[str, ...]] = {
    "amd64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "arm64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}
"""By Docker's name of the architecture: every way to make system calls on it."""


def default(capabilities: Iterable[str], architecture: str) -> dict[str, Any] | None:
    """The OCI ``linux.seccomp`` of the default profile; None on an architecture we have no names for."""
    if architecture not in ARCHITECTURES:
        return None
    have = set(capabilities)
    denied = list(ALWAYS_DENIED)
    for capability, calls in BY_CAPABILITY.items():
        if capability not in have:
            denied += [call for call in calls if ALSO_ALLOWED_BY.get(call) not in have]
    rules = [_errno(denied)]
    rules.append(_errno(["socket"], args=[{"index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_EQ"}]))
    if "CAP_SYS_ADMIN" not in have:
        rules.append(_errno(["clone3"], ENOSYS))
        rules += [
            _errno(["clone"], args=[_masked(1 << bit)]) for bit in range(32) if NEW_NAMESPACES >> bit & 1
        ]
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": list(ARCHITECTURES[architecture]),
        "syscalls": rules,
    }


def given(text: str, capabilities: Iterable[str], architecture: str) -> dict[str, Any]:
    """A profile of the user's, in Docker's format, as the OCI runtime takes it. Raises InvalidInput."""
    try:
        profile = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"Decoding seccomp profile failed: {error}") from error
    if not isinstance(profile.get("defaultAction"), str):
        raise InvalidInput("Decoding seccomp profile failed: defaultAction is missing")
    have = set(capabilities)
    found = {key: profile[key] for key in ("defaultAction", "defaultErrnoRet", "flags") if profile.get(key)}
    found["architectures"] = profile.get("architectures") or list(ARCHITECTURES.get(architecture, ()))
    found["syscalls"] = [
        _rule(rule) for rule in profile.get("syscalls") or () if _applies(rule, have, architecture)
    ]
    return found


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    names = rule.get("names") or ([rule["name"]] if rule.get("name") else [])
    if not names or not rule.get("action"):
        raise InvalidInput("Decoding seccomp profile failed: a rule needs names and an action")
    kept = {key: rule[key] for key in ("action", "args", "errnoRet") if rule.get(key)}
    return {"names": list(names)} | kept


def _applies(rule: Mapping[str, Any], have: set[str], architecture: str) -> bool:
    """Docker's conditions: every capability and one of the architectures included, none excluded."""
    wanted, barred = rule.get("includes") or {}, rule.get("excludes") or {}
    if not set(wanted.get("caps") or ()) <= have or set(barred.get("caps") or ()) & have:
        return False
    arches: Sequence[str] = wanted.get("arches") or ()
    return (not arches or architecture in arches) and architecture not in (barred.get("arches") or ())


def _errno(names: list[str], number: int = EPERM, args: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number}
    return rule | ({"args": args} if args else {})


def _masked(flag: int) -> dict[str, Any]:
    return {"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}
