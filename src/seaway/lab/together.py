"""The same for many at once: all are waited for, and every failure is told."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from seaway.errors import Failure, SeawayError

_In = TypeVar("_In")
_Out = TypeVar("_Out")

AT_ONCE = 8


def together(do: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """Results in order; Failure with every reason when some failed."""
    if not items:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        running = [pool.submit(do, item) for item in items]
    problems = [problem for r in running if (problem := r.exception())]
    for problem in problems:
        if not isinstance(problem, SeawayError):
            raise problem
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Failure("\n".join(dict.fromkeys(str(p) for p in problems)))
    return [r.result() for r in running]
