"""Blocking work beside the event loop, always to its end."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a thread; when cancelled, wait until it has returned, then be cancelled.

    A thread cannot be stopped. Who lets go of a lock, or deletes a directory, while it still works
    would pull the ground from under it.
    """
    work = asyncio.get_running_loop().run_in_executor(None, lambda: call(*args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()  # seen, so that nobody is told of it at exit
        raise cancelled
    return work.result()
