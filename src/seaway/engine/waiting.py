"""Waiting for containers: for their exit, for their removal, and for their start to attach to them."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

from seaway.engine.clock import stamp
from seaway.errors import InvalidInput
from seaway.model import Container
from seaway.runtime.contract import Console, Exit

CONDITIONS = ("", "not-running", "next-exit", "removed")

Result: TypeAlias = tuple[int, str]


async def at_most(done: "asyncio.Future[Exit]", limit: float | None) -> bool:
    """Wait for a container's exit, ``limit`` seconds at most. Whether it came."""
    try:
        await asyncio.wait_for(asyncio.shield(done), limit)
    except TimeoutError:
        return False
    return True


@dataclass(slots=True)
class Waiter:
    """One who waits; ``result`` gives the exit status and an error text, which is empty as a rule."""

    _done: "asyncio.Future[Result]"

    async def result(self) -> Result:
        """Until what was waited for has come."""
        return await self._done


@dataclass(slots=True)
class Waiters:
    """All who wait for a container's exit or removal."""

    _exits: defaultdict[str, list["asyncio.Future[Exit]"]] = field(default_factory=lambda: defaultdict(list))
    _next: defaultdict[str, list["asyncio.Future[Result]"]] = field(default_factory=lambda: defaultdict(list))
    _removals: defaultdict[str, list["asyncio.Future[Result]"]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def wait(self, container: Container, condition: str) -> Waiter:
        """Wait for a condition of Docker's ``/wait``. InvalidInput for one there is not."""
        if condition not in CONDITIONS:
            raise InvalidInput(f"invalid condition: {condition!r}: it is one of {', '.join(CONDITIONS[1:])}")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if condition == "removed":
            self._removals[container.id].append(done)
        elif condition == "next-exit" or container.state.running:
            self._next[container.id].append(done)
        else:
            done.set_result((container.state.exit_code, container.state.error))
        return Waiter(done)

    def expect_exit(self, container_id: str) -> "asyncio.Future[Exit]":
        """A future for the next exit; ask before sending the signal that shall bring it."""
        done: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._exits[container_id].append(done)
        return done

    def exited(self, container_id: str, ended: Exit) -> None:
        """A container has ended, or did not come to life: why is told to who started it, as in Docker."""
        for done in self._exits.pop(container_id, []):
            if not done.done():
                done.set_result(ended)
        for waiter in self._next.pop(container_id, []):
            if not waiter.done():
                waiter.set_result((ended.code, ""))

    def removed(self, container_id: str, code: int) -> None:
        """A container is gone."""
        self.exited(container_id, Exit(code, stamp()))
        for waiter in self._removals.pop(container_id, []):
            if not waiter.done():
                waiter.set_result((code, ""))


class Late:
    """A Console of a container that has not started yet; reading waits until it has."""

    def __init__(self) -> None:
        self._ready: asyncio.Future[Console | None] = asyncio.get_running_loop().create_future()
        self._closed = False

    def bind(self, console: Console) -> None:
        """The container starts: this is its console."""
        if self._closed:
            console.close()
        elif not self._ready.done():
            self._ready.set_result(console)

    def fail(self) -> None:
        """The container does not start: the streams end."""
        if not self._ready.done():
            self._ready.set_result(None)

    async def read(self) -> tuple[int, bytes] | None:
        """As Console.read."""
        console = await asyncio.shield(self._ready)
        return None if console is None else await console.read()

    async def write(self, data: bytes) -> None:
        """As Console.write."""
        console = await asyncio.shield(self._ready)
        if console is not None:
            await console.write(data)

    async def close_input(self) -> None:
        """As Console.close_input."""
        console = await asyncio.shield(self._ready)
        if console is not None:
            await console.close_input()

    def close(self) -> None:
        """As Console.close."""
        self._closed = True
        if self._ready.done():
            console = self._ready.result()
            if console is not None:
                console.close()
        else:
            self._ready.set_result(None)
