"""Golden plans: ``pytest tests/golden --update-golden`` rewrites them; review reads the diff."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

import pytest

from seaway.datapath.reconcile import keyed
from seaway.datapath.resources import Resource

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Iterable[Resource]], None]:
    """Compare a plan with its golden file."""

    def compare(name: str, plan: Iterable[Resource]) -> None:
        text = printed(plan)
        path = HERE / f"{name}.txt"
        if request.config.getoption("--update-golden", default=False):
            path.write_text(text)
        assert text == path.read_text(), (
            f"{path.name}: run pytest tests/golden --update-golden, and read the diff"
        )

    return compare


def printed(plan: Iterable[Resource]) -> str:
    """One resource a line, by rank and key; the text of tables indented below."""
    ordered = sorted(keyed(plan).values(), key=lambda r: (r.rank, repr(r.key)))
    return "".join(map(_line, ordered))


def _line(resource: Resource) -> str:
    shown, text = [], ""
    for part in fields(resource):
        value = getattr(resource, part.name)
        if part.name == "text":
            text = "".join(f"    {line}\n" for line in value.expandtabs(2).split("\n") if line.strip())
        elif value != part.default or part.name == "ns":
            shown.append(f"{part.name}={value or '(host)'}")
    return f"{type(resource).__name__} {' '.join(shown)}\n{text}"
