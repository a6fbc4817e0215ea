"""Small, named by nouns, opened by one sentence: the sizes and first sentences of the house."""

import ast
from pathlib import Path

from tests.house.tree import ROOT, python_files

FILE_LINES = 400
FUNCTION_LINES = 60


def test_files_are_small() -> None:
    sizes = {str(p): len((ROOT / p).read_text().splitlines()) for p in _everything()}
    assert len(sizes) > 100
    assert not {p: n for p, n in sizes.items() if n > FILE_LINES}


def test_functions_are_small() -> None:
    long = []
    for path in _everything():
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{path}:{node.lineno} {node.name}: {lines} lines"] if lines > FUNCTION_LINES else []
    assert not long, "\n".join(long)


def test_every_module_opens_with_a_sentence() -> None:
    wrong = []
    for path in python_files("src", "demo", "bench", "images"):
        docstring = ast.get_docstring(ast.parse((ROOT / path).read_text())) or ""
        first = docstring.split("\n\n")[0].strip()
        if not first or first.rstrip('"')[-1] not in ".:" or not (first[0].isupper() or first[0] in "`/"):
            wrong.append(f"{path}: {first!r}")
    assert not wrong, "\n".join(wrong)


def _everything() -> list[Path]:
    return python_files("src", "tests", "demo", "bench", "images")


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
