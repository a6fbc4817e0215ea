"""Numbers, times and lists as people read them, in docker's words."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from time import time
from typing import Any


def short(identity: str) -> str:
    """An ID's first 12 digits, without the name of its hash."""
    return identity.partition(":")[2][:12] if identity.startswith("sha256:") else identity[:12]


def ellipsis(words: str, length: int) -> str:
    """Text cut to a length, with a sign that it was cut."""
    return words if len(words) <= length else words[: length - 1] + "…"


def quoted(words: str) -> str:
    """Text in double quotes, special characters escaped."""
    return json.dumps(words, ensure_ascii=False)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    hours = round(seconds / 3600)
    table: tuple[tuple[bool, str], ...] = (
        (seconds < 1, "Less than a second"),
        (seconds < 2, "1 second"),
        (seconds < 60, f"{int(seconds)} seconds"),
        (seconds < 120, "About a minute"),
        (seconds < 3600, f"{int(seconds / 60)} minutes"),
        (hours <= 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    )
    return next((words for fits, words in table if fits), f"{hours // 24 // 365} years")


def ago(unix: float) -> str:
    """How long ago a moment was."""
    return f"{duration(max(time() - unix, 0))} ago"


def unix_of(rfc3339: str) -> float:
    """A moment from RFC 3339 text with nanoseconds; 0 when it means "never" or cannot be read."""
    whole, _, rest = rfc3339.partition(".")
    fraction = rest.rstrip("Z").partition("+")[0][:6] if rest else ""
    zone = "+00:00" if rfc3339.endswith("Z") or not rfc3339 else rfc3339[-6:]
    base = whole.removesuffix("Z")[:19]
    try:
        moment = datetime.fromisoformat(f"{base}{'.' + fraction.ljust(6, '0') if fraction else ''}{zone}")
        return max(moment.timestamp(), 0)
    except ValueError:
        return 0


def local_time(unix: float) -> str:
    """A moment as docker's long lists write it."""
    moment = datetime.fromtimestamp(unix).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S %z %Z")


def size(count: float, base: int = 1000, digits: int = 3) -> str:
    """Bytes as people read them: 13.3kB, or 1.5MiB with ``base`` 1024."""
    units = ("B", "kB", "MB", "GB", "TB", "PB") if base == 1000 else ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    place, value = 0, float(count)
    while value >= base and place < len(units) - 1:
        value /= base
        place += 1
    return f"{value:.{digits}g}{units[place]}" if value < 1000 else f"{value:.0f}{units[place]}"


def joined(host: str, port: str | int) -> str:
    """``address:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def labels(found: dict[str, str] | None) -> str:
    """Labels as one line."""
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items()))


def ports(found: Iterable[dict[str, Any]]) -> str:
    """Published and exposed ports as one line; neighbours that lead to their own number are one range."""
    ranges: list[list[Any]] = []
    current: dict[tuple[str, str], list[Any]] = {}
    mapped: list[str] = []
    order = sorted(
        found, key=lambda p: (p["PrivatePort"], p.get("IP", ""), p.get("PublicPort", 0), p["Type"])
    )
    for port in order:
        address, inside, outside = port.get("IP", ""), port["PrivatePort"], port.get("PublicPort", 0)
        if address and outside != inside:
            mapped.append(f"{joined(address, outside)}->{inside}/{port['Type']}")
            continue
        key = (address, port["Type"])
        last = current.get(key)
        if last is not None and inside in (last[2], last[2] + 1):
            last[2] = inside
            continue
        current[key] = [key, inside, inside]
        ranges.append(current[key])
    return ", ".join([*(_range(*entry) for entry in ranges), *mapped])


def _range(key: tuple[str, str], first: int, last: int) -> str:
    numbers = str(first) if first == last else f"{first}-{last}"
    return f"{joined(key[0], numbers)}->{numbers}/{key[1]}" if key[0] else f"{numbers}/{key[1]}"


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``n10`` stands behind ``n9``."""
    parts: list[tuple[int, int, str]] = []
    text, number = "", ""
    for letter in f"{name}\0":
        if letter.isdigit():
            number += letter
            continue
        if number:
            parts += [(1, 0, text), (0, int(number), "")]
            text, number = "", ""
        text += letter
    return [*parts, (1, 0, text)]


def columns(rows: Sequence[Sequence[str]], narrowest: int = 10, gap: int = 3) -> str:
    """Rows as a table with docker's gaps: every column but the last is padded."""
    count = max((len(row) for row in rows), default=0)
    widths = [
        max([narrowest, *(len(row[i]) + gap for row in rows if i < len(row) - 1)]) for i in range(count)
    ]
    return "\n".join(
        "".join(cell.ljust(widths[i]) if i < len(row) - 1 else cell for i, cell in enumerate(row))
        for row in rows
    )
