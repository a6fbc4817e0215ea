"""Small, named by nouns, opened by one sentence: the sizes and first sentences of the house."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import ROOT, python_files

FILE_LINES = 400
FUNCTION_LINES = 60


@pytest.mark.parametrize("path", python_files("src", "tests", "demo", "bench", "images"), ids=str)
def test_file_and_function_sizes(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert len(text.splitlines()) <= FILE_LINES, f"{path} is longer than {FILE_LINES} lines"
    long = [
        f"{path}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("path", python_files("src", "demo", "bench", "images"), ids=str)
def test_every_module_opens_with_a_sentence(path: Path) -> None:
    first = (ast.get_docstring(ast.parse((ROOT / path).read_text())) or "").split("\n\n")[0].strip()
    assert first, f"{path} has no docstring"
    assert first.rstrip('"')[-1] in ".:", (
        f"{path}: the docstring's first paragraph is not a sentence: {first!r}"
    )
    assert first[0].isupper() or first[0] in "`/", f"{path}: {first!r}"


def test_no_import_inside_a_function_hides_a_cycle() -> None:
    """A late import is for start-up time (the command line), never of our own rooms."""
    hidden = []
    for path in python_files("src"):
        if path.parts[:3] == ("src", "seaway", "cli") or path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden += [f"{path}:{n.lineno}" for n in ast.walk(node) if _ours(n)]
    assert not hidden, hidden


def _ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("seaway")
    return isinstance(node, ast.Import) and any(a.name.startswith("seaway") for a in node.names)
