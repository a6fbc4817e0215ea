"""A throw-away host for each test, with a leak check behind it."""

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.datapath.ground import Ground


def _open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A host of its own. Afterwards no descriptor, thread, mount or file may be left over."""
    files, threads = _open_files(), threading.active_count()
    ground = Ground()
    try:
        yield ground
    finally:
        ground.close()
    assert _open_files() == files
    assert threading.active_count() == threads
    assert str(ground.root) not in Path("/proc/self/mountinfo").read_text()
    assert not ground.root.exists()


@pytest.fixture
def host(ground: Ground) -> str:
    """The path of a fresh network namespace that plays the host."""
    return ground.path
