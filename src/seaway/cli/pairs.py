"""``key=value`` texts, files of them, and lines of files."""

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
