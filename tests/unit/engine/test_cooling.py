"""Addresses of the cluster cool down from when the store heard of it, however often it is away."""

from types import SimpleNamespace
from typing import Any

import pytest

from seaway.cluster.mirror import Mirror
from seaway.engine import tending
from seaway.engine.facts import Change
from seaway.engine.tending import Tending

NET, ADDRESS, KEY = "n1", "10.0.0.2", "claims/n1/10.0.0.2"
COOLING = "cooling:c1"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that the test sets."""
    made = SimpleNamespace(now=100.0)
    monkeypatch.setattr(tending, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


class Core:
    """As much of an engine as cooling needs: one address that cools, and what is freed."""

    def __init__(self) -> None:
        self.freed: list[str] = []
        self.facts = self
        self.mirror = Mirror("me")
        self.mirror.networks = {NET: None}  # type: ignore[dict-item]
        self.mirror.claims = {NET: {ADDRESS: f"me {COOLING}"}}
        self.session = SimpleNamespace(connected=True)
        self.shared = self

    def claimed_networks(self) -> list[str]:
        return [NET]

    def own_claims(self, network_id: str) -> dict[str, str]:
        return {} if self.freed else {ADDRESS: COOLING}

    async def commit(self, change: Change) -> None:
        self.freed += list(change.deletes)


def _tending(core: Any) -> Tending:
    return Tending(core, None, None)  # type: ignore[arg-type]


async def test_free_after_the_time_though_the_store_was_away(clock: SimpleNamespace) -> None:
    core = Core()
    tending_ = _tending(core)
    await tending_._cool()
    clock.now += 20
    core.session.connected = False
    await tending_._cool()
    clock.now += 20
    await tending_._cool()
    assert not core.freed, "nothing is given away that nobody can be told of"
    core.session.connected = True
    await tending_._cool()
    assert core.freed == [KEY]


async def test_the_time_begins_when_the_store_has_heard(clock: SimpleNamespace) -> None:
    core = Core()
    tending_ = _tending(core)
    core.mirror.claims = {NET: {ADDRESS: "me endpoint:e1"}}
    await tending_._cool()
    clock.now += 40
    core.mirror.claims = {NET: {ADDRESS: f"me {COOLING}"}}
    await tending_._cool()
    assert not core.freed
    clock.now += 30
    await tending_._cool()
    assert core.freed == [KEY]


async def test_of_a_network_that_is_gone_nobody_must_hear(clock: SimpleNamespace) -> None:
    core = Core()
    tending_ = _tending(core)
    core.mirror.networks, core.mirror.claims = {}, {}
    await tending_._cool()
    clock.now += 30
    await tending_._cool()
    assert core.freed == [KEY]
