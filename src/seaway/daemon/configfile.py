"""The daemon's configuration file: daemon.json's form, read and checked against the table of options."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seaway.daemon.options import FILE_ONLY, OPTIONS, Option
from seaway.errors import InvalidInput

DEFAULT = Path("/etc/seaway/daemon.json")
"""Read when it exists and no other file is named."""


def read(path: Path) -> dict[str, Any]:
    """The file as a mapping of directives; an empty file is an empty mapping.

    Raises InvalidInput with the line and column where the JSON goes wrong.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(f"open {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"invalid UTF-8 at byte {error.start}") from error
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"invalid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    if not isinstance(found, dict):
        raise InvalidInput("the file must hold one JSON object")
    return found


def check(directives: Mapping[str, Any], flags: Mapping[Option, Any]) -> None:
    """Refuse keys that nobody knows, and directives that are given as a flag too."""
    known = {option.name for option in OPTIONS} | set(FILE_ONLY)
    unknown = sorted(set(directives) - known)
    if unknown:
        raise InvalidInput(
            f"the following directives don't match any configuration option: {', '.join(unknown)}"
        )
    twice = [
        f"{option.name}: (from flag: {_shown(value)}, from file: {_shown(directives[option.name])})"
        for option, value in flags.items()
        if option.name in directives
    ]
    if twice:
        raise InvalidInput(
            "the following directives are specified both as a flag and in the configuration file: "
            + ", ".join(twice)
        )


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{' '.join(str(member) for member in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
