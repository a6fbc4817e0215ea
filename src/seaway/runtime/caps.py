"""Capabilities: every one there is, Docker's default set, and what a container shall have."""

from collections.abc import Iterable, Sequence

from seaway.errors import InvalidInput

ALL = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
"""In the kernel's order: the index is the capability's number."""

DEFAULT = frozenset(
    {
        "CAP_AUDIT_WRITE",
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_SETFCAP",
        "CAP_SETGID",
        "CAP_SETPCAP",
        "CAP_SETUID",
        "CAP_SYS_CHROOT",
    }
)
"""Docker's default set. With NET_RAW in it ping works."""


def wanted(
    add: Sequence[str] | None,
    drop: Sequence[str] | None,
    privileged: bool,
    available: frozenset[str],
) -> list[str]:
    """The capabilities of a container, in the kernel's order.

    ``available`` are those this daemon may give. As in Docker: privileged means all; ``ALL`` may stand
    in either list, and single names of the other list are exceptions from it. Raises InvalidInput for
    an unknown name.
    """
    plus, minus = _names(add), _names(drop)
    if privileged:
        chosen: frozenset[str] | set[str] = set(ALL)
    elif "ALL" in plus:
        chosen = set(ALL) - minus
    elif "ALL" in minus:
        chosen = plus
    else:
        chosen = (DEFAULT | plus) - minus
    return [name for name in ALL if name in chosen and name in available]


def _names(given: Iterable[str] | None) -> set[str]:
    found = set()
    for word in given or ():
        name = word.upper()
        full = name if name.startswith("CAP_") else f"CAP_{name}"
        if full in ALL:
            found.add(full)
        elif full == "CAP_ALL":
            found.add("ALL")
        else:
            raise InvalidInput(f'unknown capability: "{full}"; known are {", ".join(ALL)} and ALL')
    return found
