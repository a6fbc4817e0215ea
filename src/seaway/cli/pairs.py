"""``key=value`` texts, files of them, and lines of files."""

import os
from collections.abc import Iterable
from pathlib import Path

from seaway.cli.failures import Failed


def mapping(texts: Iterable[str]) -> dict[str, str]:
    """``key=value`` texts as a mapping; a text without ``=`` has an empty value."""
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def lines(path: str) -> list[str]:
    """A file's lines without comments and empty ones. Raises Failed when it cannot be read."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Failed(f"open {path}: {reason.lower()}", leave=125) from error
    return [line for line in map(str.lstrip, text.splitlines()) if line and not line.startswith("#")]


def environment(files: Iterable[str], texts: Iterable[str]) -> list[str]:
    """``--env-file`` and ``--env`` as the API's list; a name alone takes its value from here, if any."""
    found = []
    for text in [*(line for path in files for line in lines(path)), *texts]:
        name, equals, _ = text.partition("=")
        if not name or " " in name:
            raise Failed(f"invalid environment variable: {text}", leave=125)
        if equals:
            found.append(text)
        elif name in os.environ:
            found.append(f"{name}={os.environ[name]}")
    return found
