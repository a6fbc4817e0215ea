"""What a host has at one instant: devices, rules, mounts, processes …; for 'before equals after'."""

import re
import time
from dataclasses import dataclass, fields

from demo.host import Host

_LOOK = r"""
echo '#links'; ip -o link show | sed 's/^[0-9]*: //; s/[:@].*//'
echo '#addresses'; ip -o addr show | awk '{print $2, $3, $4}'
echo '#routes'; ip route show table all; ip -6 route show table all
echo '#rules'; ip rule show; ip -6 rule show
echo '#neighbours'; ip neigh show nud permanent
echo '#nft'; nft -s list ruleset | sed 's/# handle.*//'
echo '#namespaces'; ls /run/netns EXEC/netns 2>/dev/null
echo '#mounts'; awk '{print $5}' /proc/self/mountinfo
echo '#processes'; ps -e -o pid=,args= | awk '$1 != 1 && $1 != DAEMON'
echo '#cgroups'; find /sys/fs/cgroup -type d -name '*-*' -o -type d -regex '.*[0-9a-f]\{64\}.*'
echo '#sockets'; ss -Hlntu | awk '{print $1, $5}'
"""
_LOOKING = re.compile(r"^\s*\d+ (\[|timeout -k|bash -c|ps -e|awk |find )")


@dataclass(frozen=True, slots=True)
class Traces:
    """Sorted lines of each kind; two of them are equal when nothing was left behind."""

    links: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    nft: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


def look(host: Host, seen: frozenset[str] = frozenset()) -> Traces:
    """Look at a host. ``seen`` holds container IDs whose cgroups count (other hosts share the tree)."""
    pid = str(host.daemon_pid()) if host.alive() else "0"
    script = _LOOK.replace("EXEC", str(host.exec)).replace("DAEMON", pid)
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in host.sh(script).out.splitlines():
        if line.startswith("#"):
            lines = parts.setdefault(line[1:], [])
        elif line.strip() and not _LOOKING.match(line):
            lines.append(line.rstrip())
    parts["processes"] = [re.sub(r"^\s*\d+ ", "", p) for p in parts["processes"]]
    parts["cgroups"] = [c for c in parts["cgroups"] if any(i in c for i in seen)]
    # Link-local addresses and their routes come and go with a bridge's first port, anycast with forwarding.
    parts["addresses"] = [a for a in parts["addresses"] if " fe80:" not in a]
    parts["routes"] = [r for r in parts["routes"] if not re.search(r"fe80:|ff00::|anycast", r)]
    parts["routes"] = [r.replace(" linkdown", "") for r in parts["routes"]]
    if host.alive():
        parts["networks"] = [n["Id"] for n in host.http("GET", "/networks")[1]]
        parts["containers"] = [c["Id"] for c in host.http("GET", "/containers/json?all=1")[1]]
    names = {f.name for f in fields(Traces)}
    return Traces(**{k: tuple(sorted(v)) for k, v in parts.items() if k in names})


def difference(before: Traces, after: Traces) -> str:
    """In words for a person: what is new and what is missing."""
    words = []
    for field in fields(Traces):
        old, new = getattr(before, field.name), getattr(after, field.name)
        words += [f"new {field.name}: {line}" for line in new if line not in old]
        words += [f"missing {field.name}: {line}" for line in old if line not in new]
        if not words and old != new:
            words.append(f"{field.name} changed in number: {old} -> {new}")
    return "\n".join(words)


def settle_to(host: Host, before: Traces, seen: frozenset[str] = frozenset(), wait: float = 6) -> str:
    """Wait until a host is as it was; empty when it is, else the difference."""
    deadline = time.monotonic() + wait
    while True:
        left = difference(before, look(host, seen))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


def descriptors(host: Host) -> list[str]:
    """Where each of the daemon's descriptors leads."""
    found = host.sh(f"cd /proc/{host.daemon_pid()}/fd && readlink * || true").out.splitlines()
    return sorted(re.sub(r"\d{3,}", "N", line) for line in found)
