"""The pytest fixtures of boxes.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.kernel.boxes import Yard, make_image


@pytest.fixture(scope="session")
def busybox_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("busybox"))


@pytest_asyncio.fixture
async def yard(tmp_path: Path, busybox_image: Path) -> AsyncIterator[Yard]:
    made = Yard(tmp_path, busybox_image)
    try:
        yield made
    finally:
        left = await made.sweep()
    assert left == []
