"""Which daemon to talk to: from the global flags and the environment."""

import os
from dataclasses import dataclass

from seaway.cli.failures import Unreachable

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


_REASONS = (
    (FileNotFoundError, "no such socket"),
    (PermissionError, "permission denied"),
    (ConnectionRefusedError, "connection refused"),
)


def unreachable(target: Target, error: BaseException) -> Unreachable:
    """The failure for a daemon that does not answer: where, why, and how to start one."""
    start = "seaway daemon" if target.host == DEFAULT_HOST else f"seaway daemon -H {target.host}"
    first = _first_cause(error)
    reason = next((words for kind, words in _REASONS if isinstance(first, kind)), str(first))
    return Unreachable(
        f"Cannot connect to the Seaway daemon at {target.host}: {reason}. "
        f"Is the daemon running? To start it, as root: {start}"
    )


def _first_cause(error: BaseException) -> BaseException:
    """The error that all the others were raised from."""
    seen: list[BaseException] = []
    below: BaseException | None = error
    while below is not None and below not in seen:
        seen.append(below)
        below = below.__cause__ or below.__context__
    return seen[-1]
