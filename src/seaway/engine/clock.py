"""Time and chance: the only place in the engine that asks for either."""

import secrets
import time
from datetime import UTC, datetime

NEVER = "0001-01-01T00:00:00Z"
"""Docker's text for a time that has not come."""


def stamp(nanoseconds: int | None = None) -> str:
    """RFC 3339 text with nanoseconds in UTC, of now or of a given time since 1970."""
    ns = time.time_ns() if nanoseconds is None else nanoseconds
    base = datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{base}.{ns % 1_000_000_000:09d}Z"


def seconds(text: str) -> float:
    """The time of RFC 3339 text in seconds since 1970; 0 for NEVER."""
    if text.startswith("0001-"):
        return 0.0
    head, _, tail = text.rstrip("Z").partition(".")
    digits = "".join(c for c in tail if c.isdigit())[:9] if "+" not in tail else tail.partition("+")[0]
    whole = datetime.fromisoformat(head + "+00:00").timestamp()
    return whole + (int(digits) / 10 ** len(digits) if digits else 0.0)


def identity() -> str:
    """A new ID: 64 random hexadecimal digits."""
    return secrets.token_hex(32)
