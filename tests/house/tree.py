"""The files of the repository, as the house's tests see them."""

from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SKIPPED = {".git", ".venv", "build", "dist", "__pycache__", "results"}
_TEXT = {".py", ".md", ".toml", ".txt", ".sh", ".json", ".yml", ".yaml", ".c", ".service", ""}


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file that people write here, relative to the root."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        inner = path.relative_to(ROOT)
        if path.is_file() and path.suffix in _TEXT and not _skipped(inner):
            found.append(inner)
    return tuple(found)


def _skipped(inner: Path) -> bool:
    return any(
        p in _SKIPPED or (p.startswith(".") and p.endswith("_cache")) or p == ".hypothesis"
        for p in inner.parts
    )


def python_files(*rooms: str) -> list[Path]:
    """The Python files below these top-level folders, relative to the root."""
    return [p for p in text_files() if p.suffix == ".py" and p.parts[0] in rooms]
