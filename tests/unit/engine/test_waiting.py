"""What waiters are told."""

from seaway.engine.waiting import Waiters
from seaway.model import Container, State
from seaway.runtime.contract import Exit


def container(**state: object) -> Container:
    return Container(
        id="1" * 64,
        name="c",
        created="",
        image="",
        image_name="",
        path="x",
        state=State(**state),  # type: ignore[arg-type]
    )


async def test_a_failed_start_gives_its_status_alone_to_who_waits_meanwhile() -> None:
    """The CLI waits before it starts, and would print the error twice."""
    waiters = Waiters()
    waiter = waiters.wait(container(), "next-exit")
    waiters.exited("1" * 64, Exit(127, ""))
    assert await waiter.result() == (127, "")


async def test_who_waits_later_is_told_the_error_too() -> None:
    failed = container(exit_code=127, error="no such program")
    assert await Waiters().wait(failed, "not-running").result() == (127, "no such program")
