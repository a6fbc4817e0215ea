"""Which daemon to talk to: from the global flags and the environment."""

import os
from dataclasses import dataclass

DEFAULT_HOST = "unix:///run/seaway/seaway.sock"
"""Where the daemon listens unless it was told otherwise."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which daemon, and how to trust it."""

    host: str = DEFAULT_HOST
    tls: bool = False
    verify: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""


def target_from(host: str, tls: bool, verify: bool, ca: str, cert: str, key: str) -> Target:
    """The target; a host on the command line wins over ``$SEAWAY_HOST``."""
    chosen = host or os.environ.get("SEAWAY_HOST") or DEFAULT_HOST
    if "://" not in chosen:
        chosen = f"unix://{chosen}" if chosen.startswith("/") else f"tcp://{chosen}"
    return Target(host=chosen, tls=tls or verify, verify=verify, ca=ca, cert=cert, key=key)
