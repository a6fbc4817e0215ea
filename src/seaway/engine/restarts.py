"""Restart policies: who shall run again, after which pause, and what waits for its turn."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from seaway.engine.clock import seconds
from seaway.engine.tasks import Tasks
from seaway.model import Container

BACKOFF, LONGEST = 0.1, 60.0
"""First and longest pause before a restart, in seconds; it doubles each time."""

LONG_LIFE = 10.0
"""Seconds of life after which the pauses start anew (Docker's numbers)."""


def wants_restart(container: Container, code: int) -> bool:
    """Whether a container that has just ended with this status shall run again."""
    policy, state = container.host.restart_policy, container.state
    if state.manually_stopped or policy.name in ("", "no"):
        return False
    if policy.name == "on-failure":
        limit = policy.maximum_retry_count
        return code != 0 and (limit == 0 or state.restart_count < limit)
    return True


def wants_revival(container: Container) -> bool:
    """Whether a container that does not run shall run when the daemon starts.

    ``always`` also when it was stopped by hand; ``on-failure`` only when it was about to restart.
    """
    policy, state = container.host.restart_policy.name, container.state
    if state.started.startswith("0001") or state.status in ("removing", "dead"):
        return False
    if state.status == "restarting":
        return wants_restart(container, state.exit_code)
    return policy == "always" or (policy == "unless-stopped" and not state.manually_stopped)


@dataclass(slots=True)
class Restarts:
    """The restarts to come, by container ID."""

    tasks: Tasks
    _pauses: dict[str, float] = field(default_factory=dict)
    _coming: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def pause(self, container: Container) -> float:
        """Seconds to wait before the next restart; longer each time, unless it has lived long."""
        lived = seconds(container.state.finished) - seconds(container.state.started)
        pause = BACKOFF if lived >= LONG_LIFE else self._pauses.get(container.id, BACKOFF)
        self._pauses[container.id] = min(LONGEST, pause * 2)
        return pause

    def expect(self, container: Container, work: Coroutine[Any, Any, None]) -> None:
        """Let this work be the container's restart."""
        self._coming[container.id] = self.tasks.spawn(work, f"restart {container.name}")

    def come(self, container_id: str) -> None:
        """The restart takes place: it cannot be cancelled any more."""
        self._coming.pop(container_id, None)

    def cancel(self, container_id: str) -> None:
        """Nothing is to come, and pauses start anew."""
        self._pauses.pop(container_id, None)
        task = self._coming.pop(container_id, None)
        if task is not None:
            task.cancel()
