"""Lines of a log that came in parts."""

import asyncio
from pathlib import Path

from seaway.runtime.logs import LONGEST, read_logs

AT = "2026-01-01T00:00:0{}.000000000+00:00"


def written(path: Path, *parts: tuple[str, str, str]) -> None:
    with path.open("a") as file:
        for number, (stream, kind, text) in enumerate(parts):
            file.write(f"{AT.format(number)} {stream} {kind} {text}\n")


async def told(path: Path, **how: object) -> list[tuple[int, bytes]]:
    return [piece async for piece in read_logs(path, **how)]  # type: ignore[arg-type]


async def test_a_line_written_in_parts_is_one(tmp_path: Path) -> None:
    """print() of an unbuffered program writes the text and its end apart; clients expect a line."""
    log = tmp_path / "log"
    written(log, ("stdout", "P", "hel"), ("stderr", "F", "x"), ("stdout", "P", "lo"), ("stdout", "F", ""))
    assert await told(log) == [(2, b"x\n"), (1, b"hello\n")]
    assert (await told(log, timestamps=True))[1] == (1, b"2026-01-01T00:00:00.000000000Z hello\n")


async def test_what_nothing_ends_comes_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    written(log, ("stdout", "P", "a prompt: "))
    assert await told(log) == [(1, b"a prompt: ")]
    assert await told(log, follow=True) == [(1, b"a prompt: ")]


async def test_a_long_line_is_not_held_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    written(log, ("stdout", "P", "x" * LONGEST), ("stdout", "P", "y"), ("stdout", "F", "z"))
    assert [len(data) for _, data in await told(log)] == [LONGEST, 3]


async def test_a_followed_line_comes_when_it_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    written(log, ("stdout", "P", "one "))
    lines = read_logs(log, follow=True, running=lambda: True)
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0.25)
    assert not first.done()
    written(log, ("stdout", "F", "two"))
    assert await asyncio.wait_for(first, 5) == (1, b"one two\n")
    await lines.aclose()  # type: ignore[attr-defined]
