"""Connection tracking: forget flows that began before a published port or an address came or went.

A UDP flow that keeps sending keeps its entry, and with it the old translation, for ever.
"""

import logging
import re
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, TypeAlias

from seaway.datapath import netns, process

log = logging.getLogger(__name__)

_ANY = ("", "0.0.0.0", "::")
_ANY_OF = {"": "0.0.0.0"}
_LOCAL4 = re.compile(r"\|-- (\S+)\s+/32 host LOCAL")
_FLOW = re.compile(r"\bsrc=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")

Door: TypeAlias = tuple[str, int]
"""A host address (``0.0.0.0`` and ``::`` stand for every one of the host's) and a UDP port."""


class Flow(NamedTuple):
    """A UDP flow as its first packet had it, in conntrack's notation."""

    source: str
    target: str
    source_port: str
    target_port: str


_NOTHING_FOUND = 1


def forget(ns: str, proto: str, host_port: int, host_ip: str) -> None:
    """Forget flows to a host port; ``host_ip`` ``0.0.0.0`` or ``::`` means every address of that family.

    ``ns`` is the path of a namespace, empty for the daemon's. Never raises.
    """
    what = ["-p", proto, "--orig-port-dst", str(host_port)]
    if host_ip not in _ANY:
        what += ["--orig-dst", host_ip]
    for family in _families(host_ip):
        _delete(ns, family, what)


def forget_doors(doors: Collection[Door], ns: str = "") -> int:
    """Forget UDP flows to these doors of the host, whatever their number by one listing and one deletion.

    A flow to somebody else's address, which only passes through or leaves the host, is left alone.
    Returns how many flows were forgotten. Never raises.
    """
    if not doors:
        return 0
    wanted = frozenset((_ANY_OF.get(address, address), port) for address, port in doors)
    try:
        listing = process.run(["conntrack", "-L", "-p", "udp"], ns=ns).output
        stale = stale_flows(listing, wanted, netns.in_namespace(ns, _local_addresses))
        if stale:
            process.run(["conntrack", "-R", "-"], text="".join(map(_deletion, stale)), ns=ns)
    except OSError as error:
        log.debug("cannot forget flows", extra={"reason": str(error)})
        return 0
    return len(stale)


def stale_flows(listing: str, doors: frozenset[Door], local: frozenset[str]) -> list[Flow]:
    """Flows of a listing whose first packet went to one of the doors. Pure."""
    found = []
    for line in listing.splitlines():
        match = _FLOW.search(line)
        if match is None:
            continue
        flow = Flow(*match.groups())
        address, port = str(ip_address(flow.target)), int(flow.target_port)
        every = "::" if ":" in address else "0.0.0.0"
        if (address, port) in doors or ((every, port) in doors and address in local):
            found.append(flow)
    return found


def forget_address(ns: str, address: str) -> None:
    """Forget flows that an address began, was sent, or answered by translation. Never raises."""
    for side in ("--orig-src", "--orig-dst", "--reply-src"):
        for family in _families(address):
            _delete(ns, family, [side, address])


def _deletion(flow: Flow) -> str:
    family = "ipv6" if ":" in flow.target else "ipv4"
    ends = f"-s {flow.source} -d {flow.target} --sport {flow.source_port} --dport {flow.target_port}"
    return f"-D -f {family} -p udp {ends}\n"


def _local_addresses() -> frozenset[str]:
    """The addresses of the namespace this thread is in."""
    found = set(_LOCAL4.findall(_text("fib_trie")))
    found |= {
        str(ip_address(int(line.split()[0], 16).to_bytes(16))) for line in _text("if_inet6").splitlines()
    }
    return frozenset(found | {"::1"})


def _text(name: str) -> str:
    try:
        return Path("/proc/thread-self/net", name).read_text()
    except OSError:
        return ""


def _families(address: str) -> tuple[str, ...]:
    if not address:
        return ("ipv4", "ipv6")
    return ("ipv6",) if ":" in address else ("ipv4",)


def _delete(ns: str, family: str, what: list[str]) -> None:
    try:
        done = process.run(["conntrack", "-D", "-f", family, *what], ns=ns)
    except OSError as error:
        log.debug("cannot forget flows", extra={"reason": str(error)})
        return
    if done.code not in (0, _NOTHING_FOUND):
        log.debug("cannot forget flows", extra={"reason": done.errors.strip()})
