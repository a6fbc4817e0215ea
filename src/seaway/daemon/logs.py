"""The daemon's log: one line for each event, that people read and machines parse (logfmt, or JSON)."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
"""dockerd's names of levels, and the standard library's numbers."""

_WORDS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "fatal",
}
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_BARE = re.compile(r"[A-Za-z0-9._/:@^+-]+")


def _facts(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """What a record says, in order: time, level, message, then every ``extra`` of the caller."""
    moment = datetime.fromtimestamp(record.created, UTC).astimezone()
    yield "time", moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    yield "level", _WORDS.get(record.levelno, record.levelname.lower())
    yield "msg", record.getMessage()
    yield from sorted((k, v) for k, v in vars(record).items() if k not in _USUAL and not k.startswith("_"))
    if record.exc_info and record.exc_info[1] is not None:
        yield "error", f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        yield "trace", logging.Formatter().formatException(record.exc_info)


def _quoted(key: str, value: str) -> str:
    if key not in ("time", "msg") and _BARE.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


class Logfmt(logging.Formatter):
    """``time="…" level=info msg="…" key=value``, as dockerd writes it; never more than one line."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        return " ".join(f"{key}={_quoted(key, str(value))}" for key, value in _facts(record))


class Json(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        return json.dumps(dict(_facts(record)), ensure_ascii=False, default=str)


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send every log record of this process to ``stream`` (standard error) in one form."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if form == "json" else Logfmt())
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)


def set_level(level: str) -> None:
    """Change the level while running. Other people's libraries stay at warning or above."""
    logging.getLogger().setLevel(max(LEVELS[level], logging.WARNING))
    logging.getLogger("seaway").setLevel(LEVELS[level])
