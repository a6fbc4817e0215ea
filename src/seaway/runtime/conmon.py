"""Starting conmon, the monitor that keeps a container while daemons come and go.

conmon forks itself away, runs the OCI runtime, and tells what came of it on a pipe, one JSON object a
line: ``{"data": pid}``, or a negative number and a message. It writes the log, serves the attach
socket, listens on the fifo ``ctl`` and leaves the exit status in the file ``exit``.
"""

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from seaway.errors import RuntimeFailed
from seaway.runtime.bundle import Bundle, Record

RESIZE = 1
REOPEN_LOG = 2
"""Message types of the control fifo; a message is ``type height width`` and a newline."""

ANSWER_WITHIN = 120.0
"""Seconds that the OCI runtime may take to create a container or an exec'd process."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Answer(msgspec.Struct, frozen=True):
    """One line of the pipe."""

    data: int
    message: str = ""


@dataclass(slots=True)
class Pipe:
    """Our end of the pipe on which conmon answers."""

    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    async def next(self) -> Answer | None:
        """The next answer; None when conmon has gone without one."""
        line = await self.reader.readline()
        if not line:
            return None
        # conmon escapes bytes, not characters: what is not UTF-8 must not lose us the message.
        return msgspec.json.decode(line.decode(errors="replace"), type=Answer)

    def close(self) -> None:
        """Idempotent."""
        self.transport.close()


async def listen(fd: int) -> Pipe:
    """A Pipe over a descriptor, which it owns from now on."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    file = os.fdopen(fd, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return Pipe(reader, transport)


async def pipe() -> tuple[Pipe, int]:
    """A pipe to give to conmon: our end, and the descriptor of its end, which the caller closes."""
    ours, theirs = os.pipe()
    try:
        return await listen(ours), theirs
    except BaseException:
        os.close(theirs)
        raise


def runtime_flags(root: str, bundle: Bundle) -> list[str]:
    """Options of the OCI runtime itself: where it keeps its state and its log."""
    return [f"--root={root}", f"--log={bundle.runtime_log}", "--log-format=json"]


def command(
    conmon: str, container_id: str, uuid: str, record: Record, root: str, bundle: Bundle
) -> list[str]:
    """conmon's command line, as far as creating and executing have it in common."""
    words = [conmon, "--api-version", "-c", container_id, "-u", uuid, "-r", record.program]
    words += ["-b", str(bundle.path), "-p", str(bundle.pid), "-P", str(bundle.monitor)]
    words += ["--persist-dir", str(bundle.path), "--full-attach", "--no-sync-log"]
    words += [f"--runtime-arg={flag}" for flag in runtime_flags(root, bundle)]
    words += ["-t"] if record.tty else []
    words += ["-i"] if record.stdin else []
    words += ["--leave-stdin-open"] if record.hold else []
    return words


async def launch(words: Sequence[str], bundle: Bundle, pipes: dict[str, int]) -> None:
    """Run conmon until it has forked away. ``pipes`` are descriptors to give it, by variable name.

    It gets those descriptors and no others. Raises RuntimeFailed with its words when it refuses.
    """
    environment = {"PATH": os.environ.get("PATH", PATH), "TZ": "UTC", "LC_ALL": "C"}
    environment |= {"TMPDIR": bundle.scratch()} | {name: str(fd) for name, fd in pipes.items()}
    complaints = os.open(bundle.complaints, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=bundle.path,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=complaints,
            pass_fds=tuple(pipes.values()),
        )
    except OSError as error:
        raise RuntimeFailed(f"cannot run {words[0]}: {error.strerror}") from error
    finally:
        os.close(complaints)
    if await process.wait() != 0:
        raise RuntimeFailed(f"conmon refused: {complaint(bundle)}")


def complaint(bundle: Bundle) -> str:
    """What conmon wrote to standard error before it went into the background."""
    with suppress(OSError):
        return bundle.complaints.read_text(errors="replace").strip()
    return ""


async def tell(bundle: Bundle, kind: int, height: int = 0, width: int = 0) -> bool:
    """Send a control message; False when no conmon listens.

    Waits until conmon has taken it: of two messages that it finds at once it handles the first twice.
    """
    try:
        fd = os.open(bundle.ctl, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        await _drained(fd)
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, f"{kind} {height} {width}\n".encode())
            return await _drained(fd)
        return False
    finally:
        os.close(fd)


async def _drained(fd: int) -> bool:
    for _ in range(400):
        if struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0] == 0:
            # The size travels through a second fifo inside conmon: leave it the time for that.
            await asyncio.sleep(0.005)
            return True
        await asyncio.sleep(0.005)
    return False
