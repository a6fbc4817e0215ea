"""Running the OCI runtime, and turning what it says into answers and errors."""

import asyncio
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from seaway.errors import RuntimeFailed
from seaway.runtime import conmon, words
from seaway.runtime.bundle import Bundle, Record

log = logging.getLogger(__name__)


class Runner:
    """The OCI runtimes of a daemon; each keeps its state in a directory of its own below ``exec_root``."""

    def __init__(self, exec_root: Path) -> None:
        self._exec_root = exec_root

    def root(self, record: Record) -> str:
        """Where the runtime keeps its state (its option ``--root``)."""
        return str(self._exec_root / f"runtime-{record.runtime}")

    def knows(self, record: Record, container_id: str) -> bool:
        """Whether the runtime has any state of the container."""
        return os.path.isdir(os.path.join(self.root(record), container_id))

    def started(self, record: Record, container_id: str) -> bool:
        """Whether a created container was told to start: runc and crun both wait at this fifo until then."""
        return not os.path.exists(os.path.join(self.root(record), container_id, "exec.fifo"))

    def forget(self, record: Record, container_id: str) -> None:
        """Take away what is left of its state. Idempotent."""
        shutil.rmtree(os.path.join(self.root(record), container_id), ignore_errors=True)

    async def run(self, record: Record, bundle: Bundle, command: Sequence[str], given: bytes = b"") -> None:
        """One command of the runtime; ``given`` is its standard input. Raises RuntimeFailed."""
        before = _size(bundle.runtime_log)
        try:
            process = await asyncio.create_subprocess_exec(
                record.program,
                *conmon.runtime_flags(self.root(record), bundle),
                *command,
                stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise RuntimeFailed(f"cannot run {record.program}: {error.strerror}") from error
        _, said = await process.communicate(given or None)
        if process.returncode != 0:
            raise words.failure(command[0], said.decode(errors="replace") or _logged(bundle, before))

    async def destroy(self, record: Record, bundle: Bundle, container_id: str) -> None:
        """Kill and forget the container as far as the runtime knows it. What it refuses is logged."""
        if not self.knows(record, container_id):
            return
        try:
            await self.run(record, bundle, ("delete", "--force", container_id))
        except RuntimeFailed as error:
            log.warning("container %s: %s", container_id[:12], error)


async def answer(verb: str, bundle: Bundle, pipe: conmon.Pipe) -> int:
    """The pid that conmon reports for a process it had created. Raises RuntimeFailed."""
    try:
        async with asyncio.timeout(conmon.ANSWER_WITHIN):
            answer = await pipe.next()
    except TimeoutError as error:
        raise words.failure(verb, f"no answer within {conmon.ANSWER_WITHIN:.0f} seconds") from error
    if answer is not None and answer.data > 0:
        return answer.data
    said = answer.message if answer is not None else conmon.complaint(bundle)
    raise words.failure(verb, said if words.plain(said) else _logged(bundle, 0))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _logged(bundle: Bundle, offset: int) -> str:
    try:
        with bundle.runtime_log.open("rb") as file:
            file.seek(offset)
            return words.last_error(file.read())
    except OSError:
        return ""
