"""What several JSON shapes share: times, sizes of time in words, and the parts of a network's place."""

from collections.abc import Sequence
from datetime import UTC, datetime

UNITS: tuple[tuple[float, str, str, float], ...] = (
    (1, "Less than a second", "Less than a second", 1),
    (60, "1 second", "{} seconds", 1),
    (3600, "About a minute", "{} minutes", 60),
    (48 * 3600, "About an hour", "{} hours", 3600),
    (14 * 86400, "1 day", "{} days", 86400),
    (60 * 86400, "1 week", "{} weeks", 7 * 86400),
    (2 * 365 * 86400, "1 month", "{} months", 30 * 86400),
    (float("inf"), "1 year", "{} years", 365 * 86400),
)
"""Below how many seconds → the words for one, the words for many, seconds in one."""


def moment(text: str) -> float:
    """RFC 3339 text as seconds since 1970; 0 for Docker's year 1, for empty and for broken text."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if when.year == 1:
        return 0.0
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def stamp(unix: float) -> str:
    """Seconds since 1970 as RFC 3339 text."""
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


def lasting(seconds: float) -> str:
    """A duration as ``docker ps`` says it: ``4 seconds``, ``About an hour``, ``3 weeks``."""
    limit, one, many, unit = next(u for u in UNITS if seconds < u[0])
    rounded = seconds / unit + (0.5 if unit == 3600 else 0)
    if limit == 48 * 3600 and int(rounded) < 1:
        return one
    count = int(rounded)
    return one if count == 1 else many.format(count)


def listed(values: Sequence[str] | None) -> list[str] | None:
    """A tuple as JSON; empty and absent are null."""
    return list(values) if values else None


def split(address: str) -> tuple[str, int]:
    """``10.0.0.2/16`` as its address and its prefix length; ``("", 0)`` for an empty text."""
    text, _, prefix = address.partition("/")
    return text, int(prefix or 0)
