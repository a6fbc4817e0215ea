"""A day in a second: the cluster's periods and pauses, shortened."""

import pytest

from seaway.cluster import publish, session
from seaway.engine import tending


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses."""
    monkeypatch.setattr(session, "PAUSES", (0.005, 0.01))
    monkeypatch.setattr(session, "REFUSED_PAUSE", 0.01)
    monkeypatch.setattr(session, "PATIENCE", 0.05)
    monkeypatch.setattr(publish, "PERIOD", 0.05)
    monkeypatch.setattr(tending, "PERIOD", 0.02)
    monkeypatch.setattr(tending, "COOL", 0.1)
