from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seaway.cli.main import main
from tests.unit.cli.stub import Stub, stub

Play = Callable[..., Result]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], Stub]]:
    with ExitStack() as stack:
        yield lambda answers: stack.enter_context(stub(tmp_path / "s.sock", answers))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(*args: str, **extra: Any) -> Result:
        return CliRunner().invoke(main, ["-H", f"unix://{tmp_path / 's.sock'}", *args], **extra)

    return run
