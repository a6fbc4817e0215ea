"""Connection tracking: forget flows that began before a published port or an address came or went.

A UDP flow that keeps sending keeps its entry, and with it the old translation, for ever.
"""

import logging

from seaway.datapath import process

log = logging.getLogger(__name__)

_ANY = ("", "0.0.0.0", "::")
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


def forget_address(ns: str, address: str) -> None:
    """Forget flows that an address began, was sent, or answered by translation. Never raises."""
    for side in ("--orig-src", "--orig-dst", "--reply-src"):
        for family in _families(address):
            _delete(ns, family, [side, address])


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
