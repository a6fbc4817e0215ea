"""A house for each test, sound at its end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A daemon that has just started on an empty machine."""
    made = House(tmp_path)
    await made.start()
    yield made
    await made.eventually_sound()
    await made.stop()
