"""Containers as processes: conmon and an OCI runtime (runc, or crun) behind the Runtime contract.

Everything needed to find a container again is on disk: the bundle ``exec_root/<id>`` (see bundle.py)
and the OCI runtime's own state. A daemon may be killed at any time; the next one has the same objects.
"""

import asyncio
import logging
import os
import signal as signals
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.model import Container, HostConfig
from seaway.runtime import cgroups, conmon, execs, logs, machine, shm
from seaway.runtime.bundle import Bundle, Record
from seaway.runtime.console import Attached, Line, dial
from seaway.runtime.contract import Born, Box, ExecSpec, Exit
from seaway.runtime.making import Maker
from seaway.runtime.processes import Watched, in_box, is_monitor, watch
from seaway.runtime.rootfs import Rootfs
from seaway.runtime.runner import Runner, answer
from seaway.runtime.unbroken import unbroken

log = logging.getLogger(__name__)

RUNTIMES: Mapping[str, str] = {"runc": "/usr/sbin/runc", "crun": "/usr/bin/crun"}
"""OCI runtimes by Docker's name, where Debian puts them."""

KILLED = 137
"""Exit status of a container whose monitor was killed: we kill the container then."""

LOST = 255
"""Exit status when nothing is left that could tell it (the host was restarted)."""

MONITOR_ENDS_WITHIN = 5.0
"""Seconds from the end of a container's first process to that of its conmon."""


class OciRuntime:
    """The Runtime contract by conmon and an OCI runtime. One object for a daemon; not thread-safe.

    ``data_root`` holds the logs, ``exec_root`` (best on a tmpfs) what lives as long as a container runs.
    """

    def __init__(
        self,
        *,
        data_root: Path,
        exec_root: Path,
        runtimes: Mapping[str, str] = RUNTIMES,
        default: str = "runc",
        cgroup_parent: str = "/seaway",
        conmon: str = "conmon",
        rootfs: Rootfs,
    ) -> None:
        if ":" in str(data_root):
            raise InvalidInput(f"the data root must not have a colon in its path: {data_root}")
        self._data_root = data_root
        self._exec_root = exec_root
        self._conmon = conmon
        self.rootfs = rootfs
        self._maker = Maker(exec_root, dict(runtimes), default, cgroup_parent, machine.look())
        self._lines: dict[str, Line] = {}
        self._exits: dict[str, Exit] = {}
        self._runner = Runner(exec_root)

    # -- life ------------------------------------------------------------------------------------

    async def create(self, box: Box) -> Born:
        """As the contract says. Raises CannotRun for a command that cannot be run, InvalidInput,
        or RuntimeFailed; nothing is left behind then."""
        container_id = box.container.id
        record = self._maker.record(box.container, self.log_path(container_id))
        await self.delete(container_id)
        self._exits.pop(container_id, None)
        try:
            root = await asyncio.to_thread(self.rootfs.mount, container_id, box.lower)
            await asyncio.to_thread(self._maker.write, box, self._bundle(container_id), record, root)
            return await unbroken(self._spawn(container_id, record))
        except BaseException:
            await unbroken(self.delete(container_id))
            raise

    async def start(self, container_id: str) -> None:
        """Let the created process run."""
        await self._run(container_id, "start", container_id)

    async def kill(self, container_id: str, signal: int) -> None:
        """Send a signal to the first process; a kill also wakes a paused container to die."""
        if signal == signals.SIGKILL and await self._end_lost(container_id):
            return
        pid = self._bundle(container_id).number(self._bundle(container_id).pid)
        process = watch(pid)
        if process is None:
            raise _not_running(container_id)
        with process:
            if not in_box(pid, container_id):
                raise _not_running(container_id)
            try:
                process.signal(signal)
            except ProcessLookupError as error:
                raise _not_running(container_id) from error
        if signal == signals.SIGKILL and cgroups.frozen(pid):
            await self.resume(container_id)

    async def pause(self, container_id: str) -> None:
        """Freeze all its processes."""
        await self._run(container_id, "pause", container_id)

    async def resume(self, container_id: str) -> None:
        """Thaw them."""
        await self._run(container_id, "resume", container_id)

    async def wait(self, container_id: str, monitor: int) -> Exit:
        """Until the process has ended. When conmon was killed, the container is killed too: nobody
        would learn how it ends, and its output has nowhere to go."""
        process = watch(monitor if monitor > 0 else self._monitor(container_id))
        if process is not None:
            with process:
                if is_monitor(process.pid, container_id):
                    await self._end_lost(container_id)
                    await process.ended()
        return await self._result(container_id)

    async def alive(self, container_id: str, monitor: int) -> int:
        """The pid of its first process when it runs under its monitor; 0 also when it was created and
        never started. ``wait`` then tells how it ended, ``delete`` takes away what is left."""
        bundle = self._bundle(container_id)
        record, pid = bundle.record(), bundle.number(bundle.pid)
        if record is None or not is_monitor(monitor or self._monitor(container_id), container_id):
            return 0
        started = self._runner.started(record, container_id)
        return pid if started and in_box(pid, container_id) else 0

    async def delete(self, container_id: str) -> None:
        """Remove what ``create`` made, running or not. The writable layer and the log stay. Idempotent."""
        bundle = self._bundle(container_id)
        record = bundle.record()
        if record is not None:
            await self._runner.destroy(record, bundle, container_id)
            await self._end_monitor(container_id, bundle)
            await self._note_exit(container_id)
        await self._end_lost(container_id)
        line = self._lines.pop(container_id, None)
        if line is not None:
            line.close()
        await asyncio.to_thread(self._sweep, container_id, bundle, record)

    async def remove(self, container_id: str) -> None:
        """As delete; the writable layer and the log go too. Idempotent."""
        await self.delete(container_id)
        await asyncio.to_thread(self.rootfs.remove, container_id)
        await asyncio.to_thread(logs.remove, self.log_path(container_id))
        self._exits.pop(container_id, None)

    async def update(self, container_id: str, host: HostConfig) -> None:
        """Change the limits of a running container to those of ``host``."""
        given = await asyncio.to_thread(self._maker.resources, container_id, host)
        await self._run(container_id, "update", "--resources", "-", container_id, given=given)

    # -- streams ---------------------------------------------------------------------------------

    async def attach(self, container_id: str) -> Attached:
        """A console on the streams of a created or running container. Attach before ``start`` to miss
        nothing; what is attached must be read (or closed), for the container waits for its readers."""
        line = self._lines.get(container_id)
        if line is None:
            bundle = self._bundle(container_id)
            record = bundle.record()
            if record is None:
                raise _not_running(container_id)
            sock = await dial(bundle.attach)
            line = self._lines.get(container_id)
            if line is None:
                line = self._lines[container_id] = Line(sock, record.hold, self._line_ended(container_id))
            else:  # another attachment was quicker
                sock.close()
        return line.attach()

    async def resize(self, container_id: str, height: int, width: int) -> None:
        """Set the terminal's size, in characters."""
        if not await conmon.tell(self._bundle(container_id), conmon.RESIZE, height, width):
            raise _not_running(container_id)

    async def exec_start(
        self,
        container_id: str,
        exec_id: str,
        spec: ExecSpec,
        container: Container,
        *,
        detach: bool = False,
    ) -> execs.ExecHandle:
        """Run a further process in a running container. Raises CannotRun, InvalidInput, RuntimeFailed."""
        bundle = self._bundle(container_id)
        record = bundle.record()
        if record is None:
            raise _not_running(container_id)
        root = self.rootfs.path(container_id)
        place = Bundle(bundle.execs / exec_id)
        await asyncio.to_thread(self._maker.write_exec, container, spec, place, root)
        call = execs.Call(self._conmon, container_id, exec_id, record, self._runner.root(record), place)
        return await unbroken(execs.start(call, spec, detach))

    def log_path(self, container_id: str) -> Path:
        """Where a container's log is (Docker's LogPath); there is none when its log type is ``none``."""
        return self._data_root / "containers" / container_id / f"{container_id}-json.log"

    async def rotate_due(self, container_id: str) -> bool:
        """Rotate the log when it has outgrown its max-size; True when it was. Cheap: call it often."""
        bundle = self._bundle(container_id)
        record = bundle.record()
        if record is None or not record.log or not record.max_size:
            return False
        return await logs.rotate(bundle, Path(record.log), record.max_size, record.max_file)

    def pid(self, container_id: str) -> int:
        """The host pid of a container's first process, 0 when it does not run."""
        bundle = self._bundle(container_id)
        pid = bundle.number(bundle.pid)
        return pid if in_box(pid, container_id) else 0

    def root(self, container_id: str) -> str:
        """The container's root directory as this host can open it (archive.py): with its volumes while it
        runs. When it does not run, the file system must be mounted first (Rootfs)."""
        pid = self.pid(container_id)
        return f"/proc/{pid}/root" if pid else self.rootfs.path(container_id)

    # -- inside ----------------------------------------------------------------------------------

    def _bundle(self, container_id: str) -> Bundle:
        return Bundle(self._exec_root / container_id)

    def _monitor(self, container_id: str) -> int:
        bundle = self._bundle(container_id)
        return bundle.number(bundle.monitor)

    async def _run(self, container_id: str, *words: str, given: bytes = b"") -> None:
        bundle = self._bundle(container_id)
        record = bundle.record()
        if record is None:
            raise _not_running(container_id)
        await self._runner.run(record, bundle, words, given)

    def _line_ended(self, container_id: str) -> Callable[[Line], None]:
        def gone(line: Line) -> None:
            if self._lines.get(container_id) is line:
                del self._lines[container_id]

        return gone

    async def _spawn(self, container_id: str, record: Record) -> Born:
        bundle = self._bundle(container_id)
        words = conmon.command(
            self._conmon, container_id, container_id, record, self._runner.root(record), bundle
        )
        words += ["-l", f"k8s-file:{record.log}" if record.log else "none"]
        pipe, theirs = await conmon.pipe()
        try:
            try:
                await conmon.launch(words, bundle, {"_OCI_SYNCPIPE": theirs})
            finally:
                os.close(theirs)
            pid = await answer("create", bundle, pipe)
        finally:
            pipe.close()
        return Born(pid=pid, monitor=self._monitor(container_id))

    async def _result(self, container_id: str) -> Exit:
        """How it ended, once no monitor is there any more."""
        bundle = self._bundle(container_id)
        if bundle.number(bundle.exit) < 0 and bundle.record() is not None:
            process = watch(bundle.number(bundle.pid))
            if process is not None:
                with process:
                    await self._kill_orphan(container_id, process)
            if bundle.path.is_dir() and not bundle.exit.exists():
                bundle.write(bundle.exit, b"%d" % KILLED)
        return self._read_exit(bundle) or self._exits.get(container_id) or Exit(LOST, _now())

    async def _kill_orphan(self, container_id: str, process: Watched) -> None:
        if not in_box(process.pid, container_id):
            return
        log.warning("container %s lost its monitor: killing it", container_id)
        try:
            await self.kill(container_id, signals.SIGKILL)
        except RuntimeFailed:
            return
        await process.ended(MONITOR_ENDS_WITHIN)

    async def _end_lost(self, container_id: str) -> bool:
        """Kill what runs of a container whose bundle is gone (somebody cleaned the exec-root): the OCI
        runtime knows nothing of it any more, and nobody could ever stop it. Whether there was something."""
        if self._bundle(container_id).record() is not None:
            return False
        tops, group = self._maker.machine.hierarchies, self._maker.group(container_id)
        found = await asyncio.to_thread(cgroups.empty, tops, group)
        if found:
            log.warning("container %s had lost its files in %s: killed", container_id[:12], self._exec_root)
        return found

    def _read_exit(self, bundle: Bundle) -> Exit | None:
        code = bundle.number(bundle.exit)
        if code < 0:
            return None
        try:
            at = datetime.fromtimestamp(bundle.exit.stat().st_mtime, UTC)
        except OSError:
            at = datetime.now(UTC)
        return Exit(code=code, at=_rfc3339(at), oom=bundle.oom.exists())

    async def _end_monitor(self, container_id: str, bundle: Bundle) -> None:
        process = watch(bundle.number(bundle.monitor))
        if process is None:
            return
        with process:
            if not is_monitor(process.pid, container_id):
                return
            if not await process.ended(MONITOR_ENDS_WITHIN):
                process.signal(signals.SIGKILL)
                await process.ended(MONITOR_ENDS_WITHIN)

    async def _note_exit(self, container_id: str) -> None:
        """Keep how it ended for those who wait still, when the bundle is taken away under them."""
        found = self._read_exit(self._bundle(container_id))
        if found is not None:
            self._exits[container_id] = found
            while len(self._exits) > 1000:
                self._exits.pop(next(iter(self._exits)))

    def _sweep(self, container_id: str, bundle: Bundle, record: Record | None) -> None:
        shm.drop(bundle.shm)
        self.rootfs.unmount(container_id)
        group = self._maker.group(container_id) if record is None else record.cgroup
        cgroups.remove(self._maker.machine.hierarchies, group)
        if record is not None:
            self._runner.forget(record, container_id)
        bundle.remove()


def _not_running(container_id: str) -> RuntimeFailed:
    return RuntimeFailed(f"container {container_id} is not running")


def _now() -> str:
    return _rfc3339(datetime.now(UTC))


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
