"""The programs skopeo and umoci: how they are started, ended and asked for their reason."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import Failure

_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for a tool nobody waits for any more."""
_MESSAGE = re.compile(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"')
_FULL = "no space left on device"


class ToolFailed(Failure):
    """A tool ended with an error; the message is its own last word."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs, as found by PATH or by path."""

    skopeo: str = "skopeo"
    umoci: str = "umoci"

    async def run(self, argv: Sequence[str], cwd: Path) -> bytes:
        """Run to the end; standard output. Raises ToolFailed with the tool's reason."""
        errors = cwd / "stderr"
        output = cwd / "stdout"
        async with self.started(argv, cwd) as process:
            await process.wait()
        if process.returncode:
            raise ToolFailed(reason(errors.read_text(errors="replace"), argv[0]))
        return output.read_bytes()

    @asynccontextmanager
    async def started(self, argv: Sequence[str], cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
        """A running tool whose outputs go to the files ``stdout`` and ``stderr`` in ``cwd``.

        Files, because nobody then has to read for it to go on. When the block ends, so does the tool.
        """
        with (cwd / "stdout").open("wb") as output, (cwd / "stderr").open("wb") as errors:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    cwd=cwd,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    env={**os.environ, "LC_ALL": "C", "TMPDIR": str(cwd)},
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise Failure(f"{argv[0]} is not installed: images need skopeo and umoci") from error
        try:
            yield process
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        process.kill()
        await process.wait()


def reason(text: str, program: str) -> str:
    """The sentence in a tool's standard error: its last fatal message, or its last line."""
    if _FULL in text:
        return _FULL
    found: list[str] = _MESSAGE.findall(text)
    if found:
        return found[-1].replace('\\"', '"').replace("\\\\", "\\").replace("\\n", "\n").strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else f"{program} failed"
