"""Events: history, subscriptions, filters, laggards."""

import asyncio
import time

import pytest

from seaway.engine import events as module
from seaway.engine.events import Event, Events, matches
from seaway.errors import InvalidInput


async def collect(
    events: Events, since: float | None, until: float | None, **filters: list[str]
) -> list[str]:
    return [e.action async for e in events.subscribe(since, until, filters)]


async def test_past_and_future() -> None:
    events = Events()
    began = time.time() - 1
    events.publish("network", "create", "n1", {"name": "front"})
    stream = events.subscribe(began, None, {})
    assert (await anext(stream)).action == "create"
    events.publish("container", "start", "c1", {"name": "web"})
    assert (await anext(stream)).action == "start"
    events.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert events.listeners == 0


async def test_until_in_the_past_ends_at_once() -> None:
    events = Events()
    events.publish("network", "create", "n1", {})
    assert await collect(events, 0, time.time()) == ["create"]
    assert await collect(events, None, time.time() - 5) == []


async def test_a_laggard_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE", 3)
    events = Events()
    stream = events.subscribe(None, None, {})
    for n in range(6):
        events.publish("network", f"a{n}", "n", {})
    assert [(await anext(stream)).action for _ in range(3)] == ["a3", "a4", "a5"]
    await asyncio.sleep(0)


def test_unknown_filter() -> None:
    with pytest.raises(InvalidInput, match="invalid filter 'nope'"):
        Events().subscribe(None, None, {"nope": ["x"]})


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"type": ["container"]}, True),
        ({"type": ["network"]}, False),
        ({"container": ["web"]}, True),
        ({"container": ["c1"]}, True),
        ({"container": ["other"]}, False),
        ({"network": ["web"]}, False),
        ({"event": ["exec_create"]}, True),
        ({"event": ["start"]}, False),
        ({"label": ["tier=web"]}, True),
        ({"label": ["tier=db"]}, False),
        ({"image": ["img"], "type": ["container", "image"]}, True),
    ],
)
def test_matching(wanted: dict[str, list[str]], passes: bool) -> None:
    event = Event("container", "exec_create: sh", "c123", {"name": "web", "tier": "web", "image": "img"})
    assert matches(event, wanted) is passes
