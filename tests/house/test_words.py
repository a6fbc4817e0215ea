"""Words that have no place here: paths of one machine, promises instead of code, addresses of registries."""

import re
from pathlib import Path

from tests.house.tree import ROOT, text_files

_FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:wo" r"rk|fa" r"rm)/",
    "a promise instead of code": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|NotImplemented" r"Error)\b",
    "the address of a package registry": r"https?://[\w.-]*(?:py" r"pi|pythonho" r"sted|proxy\.gol" r"ang)\.",
}


def test_no_forbidden_words() -> None:
    found = [line for path in text_files() for line in _findings(path)]
    assert not found, "\n".join(found)


def _findings(path: Path) -> list[str]:
    try:
        text = (ROOT / path).read_text()
    except UnicodeDecodeError:
        return []
    return [
        f"{path}:{text.count(chr(10), 0, m.start()) + 1}: {m.group()} ({why})"
        for why, pattern in _FORBIDDEN.items()
        for m in re.finditer(pattern, text)
    ]
