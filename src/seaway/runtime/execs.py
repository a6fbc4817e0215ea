"""A further process in a running container, started and kept by a conmon of its own.

By ``conmon --exec`` rather than by ``runc exec`` with our own pipes: the process survives the daemon,
does not block on a pipe nobody reads, its exit status is told apart from runc's own, and attaching,
terminals and resizing work by the same code as for a container's first process.
"""

import asyncio
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from msgspec.structs import replace

from seaway.errors import RuntimeFailed
from seaway.runtime import conmon
from seaway.runtime.bundle import Bundle, Record
from seaway.runtime.console import Attached, Line, dial
from seaway.runtime.contract import ExecSpec
from seaway.runtime.runner import answer

LOST = 137
"""Exit status when conmon was killed and nobody can tell the real one."""


@dataclass(frozen=True, slots=True)
class Call:
    """Where and by what an exec is done; ``root`` is the OCI runtime's state directory."""

    conmon: str
    container_id: str
    exec_id: str
    record: Record
    root: str
    bundle: Bundle


class ExecHandle:
    """A running exec. ``console`` is at its end already when the exec was started detached."""

    def __init__(self, pid: int, console: Attached, bundle: Bundle, pipe: conmon.Pipe) -> None:
        self.pid = pid
        self.console = console
        self._bundle = bundle
        self._pipe = pipe
        self._code: int | None = None
        self._once = asyncio.Lock()

    async def wait(self) -> int:
        """Its exit status (128 + signal when killed). May be awaited by several."""
        async with self._once:
            if self._code is None:
                answer = await self._pipe.next()
                self._code = LOST if answer is None else answer.data
                self._pipe.close()
                await asyncio.to_thread(self._bundle.remove)
        return self._code

    async def resize(self, height: int, width: int) -> None:
        """Set the terminal's size. Raises RuntimeFailed when it has ended."""
        if not await conmon.tell(self._bundle, conmon.RESIZE, height, width):
            raise RuntimeFailed("the exec'd process is not running")


async def start(call: Call, spec: ExecSpec, detach: bool) -> ExecHandle:
    """Start it. Raises CannotRun or RuntimeFailed; nothing is left behind then."""
    pipe, theirs = await conmon.pipe()
    console = Attached(None)
    try:
        with ExitStack() as ours:
            ours.callback(os.close, theirs)
            if detach:
                await conmon.launch(_command(call, spec), call.bundle, {"_OCI_SYNCPIPE": theirs})
            else:
                console = await _launch_attached(call, spec, theirs)
        pid = await answer("exec", call.bundle, pipe)
    except BaseException:
        console.close()
        pipe.close()
        await asyncio.to_thread(call.bundle.remove)
        raise
    return ExecHandle(pid, console, call.bundle, pipe)


def _command(call: Call, spec: ExecSpec) -> list[str]:
    record = replace(call.record, tty=spec.tty, stdin=spec.stdin, hold=spec.tty)
    words = conmon.command(call.conmon, call.container_id, call.exec_id, record, call.root, call.bundle)
    return [*words, "--exec", "--exec-process-spec", str(call.bundle.process), "-l", "none"]


async def _launch_attached(call: Call, spec: ExecSpec, sync: int) -> Attached:
    """Start conmon in two steps, so that the console is there before the process writes a byte:
    conmon says on one pipe that its socket is open, and runs nothing before it hears on another."""
    with ExitStack() as stack:
        attached, theirs = await conmon.pipe()
        stack.callback(attached.close)
        with ExitStack() as ends:
            ends.callback(os.close, theirs)
            waits, go = os.pipe()
            ends.callback(os.close, waits)
            stack.callback(os.close, go)
            os.write(go, b"1")
            pipes = {"_OCI_SYNCPIPE": sync, "_OCI_ATTACHPIPE": theirs, "_OCI_STARTPIPE": waits}
            await conmon.launch([*_command(call, spec), "--exec-attach"], call.bundle, pipes)
        console = Attached(None)
        if await attached.next() is not None:
            console = Line(await dial(call.bundle.attach), spec.tty, _ignore).attach()
            with suppress(BrokenPipeError):
                os.write(go, b"2")
        return console


def _ignore(_: Line) -> None:
    """An exec's line has one console, and is forgotten with it."""
