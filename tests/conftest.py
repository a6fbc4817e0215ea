"""Tests that need root are left out for those who are not."""

import os
from pathlib import Path

import pytest

_ROOT_ROOMS = ("faces", "kernel", "cluster", "clients")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the rooms that need root, and skip them without it."""
    here = Path(__file__).parent
    for item in items:
        room = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if room in _ROOT_ROOMS:
            item.add_marker(pytest.mark.root)
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="needs root"))
