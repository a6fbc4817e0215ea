"""What happened: a bounded history of events, and subscriptions to those to come."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from seaway.errors import InvalidInput

KEPT = 1024
"""How many past events ``since`` can reach back to (dockerd keeps 256)."""

QUEUE = 4096
"""Events a subscriber may lag behind before it loses the oldest."""

KEYS = frozenset(
    ("type", "event", "container", "image", "network", "volume", "label", "scope", "daemon", "node",
     "plugin", "service", "secret", "config")
)  # fmt: skip
"""Filter keys of ``GET /events``."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, as Docker has it; ``time_nano`` in nanoseconds since 1970."""

    type: str
    action: str
    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    time_nano: int = 0
    scope: str = "local"


class Events:
    """Publishes events and hands them to subscribers. Used from the event loop only."""

    def __init__(self) -> None:
        self._past: deque[Event] = deque(maxlen=KEPT)
        self._queues: set[asyncio.Queue[Event | None]] = set()

    @property
    def listeners(self) -> int:
        """How many subscriptions are open."""
        return len(self._queues)

    def publish(self, kind: str, action: str, identity: str, attributes: Mapping[str, str]) -> None:
        """Tell everybody, now."""
        event = Event(kind, action, identity, dict(attributes), time.time_ns())
        self._past.append(event)
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def close(self) -> None:
        """End every subscription."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    def subscribe(
        self, since: float | None, until: float | None, filters: Mapping[str, list[str]]
    ) -> AsyncIterator[Event]:
        """Events from ``since`` (seconds since 1970; None: from now) to ``until`` (None: for ever)."""
        for key in filters:
            if key not in KEYS:
                raise InvalidInput(f"invalid filter '{key}'")
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE)
        past = [] if since is None else [e for e in self._past if e.time_nano >= since * 1e9]
        self._queues.add(queue)
        return self._stream(queue, past, until, filters)

    async def _stream(
        self,
        queue: "asyncio.Queue[Event | None]",
        past: list[Event],
        until: float | None,
        filters: Mapping[str, list[str]],
    ) -> AsyncIterator[Event]:
        try:
            for event in past:
                if (until is None or event.time_nano <= until * 1e9) and matches(event, filters):
                    yield event
            while True:
                left = None if until is None else until - time.time()
                if left is not None and left <= 0:
                    return
                try:
                    next_event = await asyncio.wait_for(queue.get(), left)
                except TimeoutError:
                    return
                if next_event is None:
                    return
                if matches(next_event, filters):
                    yield next_event
        finally:
            self._queues.discard(queue)


def matches(event: Event, filters: Mapping[str, list[str]]) -> bool:
    """Whether an event passes: any value of each key, all keys."""
    return all(_passes(event, key, values) for key, values in filters.items() if values)


def _passes(event: Event, key: str, values: list[str]) -> bool:
    if key == "type":
        return event.type in values
    if key == "event":
        return any(event.action == v or event.action.startswith(v + ":") for v in values)
    if key == "scope":
        return event.scope in values
    if key == "label":
        return all(_label(event, v) for v in values)
    if key == "image":
        return any(v in (event.attributes.get("image"), event.id) for v in values)
    if event.type != key:
        return False
    name = event.attributes.get("name", "")
    return any(v == name or (v and event.id.startswith(v)) for v in values)


def _label(event: Event, wanted: str) -> bool:
    key, eq, value = wanted.partition("=")
    return key in event.attributes and (not eq or event.attributes[key] == value)
