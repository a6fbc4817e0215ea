"""What the engine asks of the runtime room: values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from seaway.model import Container


@dataclass(frozen=True, slots=True)
class Box:
    """All that is needed to make a container's process; everything is decided already.

    ``netns`` is the path of the namespace to join, empty for the daemon's own (host mode).
    ``lower`` is the image's unpacked root file system. ``files`` maps a path in the container to the
    file of ours that is bound there (/etc/hosts, /etc/resolv.conf, /etc/hostname). ``join`` maps
    ``pid``, ``ipc`` or ``uts`` to the path of the namespace to share (``host`` for the host's own).
    """

    container: Container
    lower: str
    netns: str
    hostname: str
    files: Mapping[str, str] = field(default_factory=dict)
    join: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Born:
    """A process was made: its pid, and the pid of the monitor (conmon) that keeps it."""

    pid: int
    monitor: int


@dataclass(frozen=True, slots=True)
class Exit:
    """A process ended: exit status (128 + signal when killed), RFC 3339 time, lack of memory or not."""

    code: int
    at: str
    oom: bool = False


@dataclass(frozen=True, slots=True)
class ExecSpec:
    """A further process in a running container; the fields are Docker's."""

    cmd: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    stdin: bool = False
    privileged: bool = False
    size: tuple[int, int] | None = None


class Console(Protocol):
    """The standard streams of a process: one attachment of possibly many."""

    async def read(self) -> tuple[int, bytes] | None:
        """Next piece of output as (1 stdout | 2 stderr, bytes); None when the process has ended."""
        ...

    async def write(self, data: bytes) -> None:
        """Feed standard input; waits while the process does not read."""
        ...

    async def close_input(self) -> None:
        """End of standard input."""
        ...

    def close(self) -> None:
        """Let go; the process goes on."""
        ...


class Runtime(Protocol):
    """Containers as processes. Every method raises RuntimeFailed with the runtime's own words."""

    async def create(self, box: Box) -> Born:
        """Mount the root file system, write the bundle, run conmon and the OCI runtime's create."""
        ...

    async def start(self, container_id: str) -> None:
        """Let the created process run."""
        ...

    async def kill(self, container_id: str, signal: int) -> None:
        """Send a signal to the container's first process."""
        ...

    async def pause(self, container_id: str) -> None:
        """Freeze all its processes."""
        ...

    async def resume(self, container_id: str) -> None:
        """Thaw them."""
        ...

    async def wait(self, container_id: str, monitor: int) -> Exit:
        """Until the process has ended; works also for one that an earlier daemon made, or long ago."""
        ...

    async def delete(self, container_id: str) -> None:
        """Remove what ``create`` made, running or not, except the writable layer. Idempotent."""
        ...

    async def remove(self, container_id: str) -> None:
        """As delete, and the writable layer too. Idempotent."""
        ...

    async def attach(self, container_id: str) -> Console:
        """Attach to the streams of a created or running container."""
        ...

    async def resize(self, container_id: str, height: int, width: int) -> None:
        """Set the terminal's size."""
        ...

    async def alive(self, container_id: str, monitor: int) -> int:
        """The pid of its first process when it runs (also paused), else 0."""
        ...
