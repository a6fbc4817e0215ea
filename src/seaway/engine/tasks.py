"""The daemon's work, in one task group: nothing runs that nobody waits for."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from seaway.errors import SeawayError

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE = 8.0
"""Seconds that verbs which have begun may take when the daemon stops."""


RETRY, LONGEST_RETRY = 0.2, 10.0
"""First and longest pause, in seconds, before a step that must succeed is tried again."""


class Tasks:
    """A task group whose members may fail without ending the others; a failure is logged.

    Enter and leave it in the same task. Leaving cancels background work, lets verbs come to their end
    (for PATIENCE seconds), and waits for both.
    """

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._verbs: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def __aenter__(self) -> "Tasks":
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        for task in list(self._running):
            task.cancel()
        if self._verbs:
            _done, late = await asyncio.wait(self._verbs, timeout=PATIENCE)
            for task in late:
                task.cancel()
        await self._group.__aexit__(None, None, None)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Start background work; ``name`` is what the log calls it if it fails."""
        task = self._group.create_task(self._guard(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if self._leaving:  # a verb that came to its end wants to leave something behind
            task.cancel()
        return task

    async def carry(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a verb. It goes on to its end even when who asked for it is cancelled."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(_answered(work, answer))
        self._verbs.add(task)
        task.add_done_callback(self._verbs.discard)
        return await answer

    async def insist(self, step: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Take a step that must be taken, as often as it needs; the disk may be full for a while."""
        pause = RETRY
        while True:
            try:
                await self.carry(step())
                return
            except SeawayError as error:
                log.error("tried again later", extra={"container": name, "reason": error.message})
            await asyncio.sleep(pause)
            pause = min(LONGEST_RETRY, pause * 2)

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("background work failed", extra={"work": name})


class _HasTasks(Protocol):
    @property
    def tasks(self) -> Tasks: ...


class _HasCore(Protocol):
    @property
    def core(self) -> _HasTasks: ...


Self = TypeVar("Self", bound=_HasCore)


def carried(
    verb: Callable[Concatenate[Self, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Self, P], Coroutine[Any, Any, T]]:
    """Marks a verb that is carried through once it has begun, even when its client hangs up."""

    @wraps(verb)
    async def whole(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.core.tasks.carry(verb(self, *args, **kwargs))

    return whole


async def _answered(work: Coroutine[Any, Any, T], answer: "asyncio.Future[T]") -> None:
    try:
        result = await work
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:
        if answer.done():
            log.warning("failed with nobody to tell", extra={"reason": str(error)})
        else:
            answer.set_exception(error)
        return
    if not answer.done():
        answer.set_result(result)
