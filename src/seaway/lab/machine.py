"""A machine: namespaces of its own, held by one init process.

Nothing of it has a name outside, so nothing can be left behind: when the init process ends, the kernel
takes all processes, mounts, devices and rules of the machine with it. Only its folder stays: the disk.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from seaway.errors import Conflict, Failure
from seaway.lab import process
from seaway.lab.process import Process, Result

_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_SPACES = (
    "--net",
    "--mount",
    "--uts",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--propagation",
    "private",
)

_INIT = """
set -e
read -r status < /proc/self/stat
echo "$status" > "$2/init"
hostname "$1"
mkdir -p "$2/cgroup" "$2/run"
mount --rbind /sys/fs/cgroup "$2/cgroup"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount --move "$2/cgroup" /sys/fs/cgroup
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
awk '$5 ~ "^/run/" {print $5}' /proc/self/mountinfo | sort -r | while read -r place; do
    umount -l "$place" 2>&- || ! mountpoint -q "$place"
done
mount -t tmpfs -o mode=755 tmpfs "$2/run"
mkdir -p "$2/run/netns" "$2/run/lock"
case "$2" in
    /run/*) mkdir -p "$2/run/${2#/run/}"; mount --bind "$2" "$2/run/${2#/run/}" ;;
esac
mount -n --move "$2/run" /run
mount --bind "$2/hosts" /etc/hosts
mount --bind "$2/resolv.conf" "$(readlink -f /etc/resolv.conf)"
mount --make-rshared /
exec catatonit -P
"""
"""The first thing that runs inside. The status it writes down is the outside's view of its own process:
/proc is not the machine's own yet. A folder below /run is bound into the machine's fresh /run."""

_START = (
    'pid=$1; shift; log=$1; shift; setsid sh -c \'echo $$ > "$0"; exec "$@"\' "$pid" "$@" >>"$log" 2>&1 &'
)


def children(pid: int) -> list[int]:
    """The processes that a process started, and that have not ended."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def status(stat: Path) -> tuple[int, str, str, int]:
    """Process id, name, state letter and start time out of a ``stat`` file; (0, "", "", 0) without one."""
    try:
        head, _, tail = stat.read_text().rpartition(")")
        pid, _, name = head.partition(" (")
        words = tail.split()
        return int(pid), name, words[0], int(words[19])
    except (OSError, ValueError, IndexError):
        return 0, "", "", 0


class Machine:
    """Network, mount, UTS, IPC and PID namespaces of its own; ``root`` is its folder outside.

    An ``ephemeral`` machine ends with the thread that booted it; another goes on until it is killed, and
    is found again by whoever makes a Machine of the same folder.
    """

    def __init__(self, name: str, root: Path, *, ephemeral: bool = False) -> None:
        self.name = name
        self.root = root
        self.ephemeral = ephemeral
        self.env = environment(root / "home")
        self._holder: Process | None = None
        self._began: dict[str, int] = {}

    def prepare(self, hosts: str = "127.0.0.1 localhost\n", resolver: str = "127.0.0.1") -> None:
        """Make the folder, with the files that the machine sees as /etc/hosts and /etc/resolv.conf."""
        (self.root / "home").mkdir(parents=True, exist_ok=True)
        (self.root / "hosts").write_text(hosts)
        (self.root / "resolv.conf").write_text(f"nameserver {resolver}\n")

    @property
    def pid(self) -> int:
        """The init process; Conflict when the machine is off."""
        pid = self.on()
        if not pid:
            raise Conflict(f"{self.name} is off; seaway lab start {self.name} boots it")
        return pid

    def on(self) -> int:
        """The init process, 0 when the machine is off."""
        pid, _, _, born = status(self.root / "init")
        _, name, state, started = status(Path(f"/proc/{pid}/stat"))
        there = pid and born == started and name == "catatonit" and state not in "ZX"
        return pid if there else 0

    def boot(self) -> None:
        """Switch the machine on; Failure with the reason when it does not come up."""
        if self.on():
            raise Conflict(f"{self.name} is running already")
        (self.root / "init").unlink(missing_ok=True)
        ends_with_us = ["setpriv", "--pdeathsig", "KILL"] if self.ephemeral else []
        init = ["unshare", *_SPACES, "sh", "-c", _INIT, "init", self.name, str(self.root)]
        self._holder = process.spawn([*ends_with_us, *init], self.env, self.root / "boot.log")
        deadline = time.monotonic() + 10
        while not self.on():
            if self._holder.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = (self.root / "boot.log").read_text(errors="replace").strip()
                raise Failure(f"{self.name} did not come up: {said[-500:] or 'no reason given'}")
            time.sleep(0.01)

    def kill(self) -> None:
        """Cut the power: everything in the machine ends at once. Quiet when it is off."""
        pid = self.on()
        if pid:
            os.kill(pid, signal.SIGKILL)
        if self._holder is not None:
            if not pid:
                self._holder.kill()
            self._holder.wait()  # it ends with its child
            self._holder = None
        await_end(pid)

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs ``argv`` inside."""
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-u", "-i", "-p", "--", *argv]

    def run(
        self,
        *argv: str,
        check: bool = True,
        input: str | None = None,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command inside and wait; CommandFailed when it fails and ``check``."""
        bounded = self.enter(["timeout", "-k", "1", str(timeout), *argv])
        result = process.run(bounded, {**self.env, **(env or {})}, input or "", timeout)
        return process.checked(self.name, argv, result) if check else result

    def sh(self, script: str, check: bool = True, timeout: float = 60) -> Result:
        """Run a shell script inside."""
        return self.run("bash", "-c", script, check=check, timeout=timeout)

    def popen(self, *argv: str, **how: object) -> Process:
        """Start a command inside and go on; standard input is empty unless ``how`` says otherwise."""
        env = how.pop("env", self.env)
        assert isinstance(env, Mapping)
        return process.popen(self.enter(argv), env, **how)

    def become(self, argv: Sequence[str], term: str = "") -> None:
        """Be replaced by a command inside, with our terminal; it ends with us."""
        inside = ["setpriv", "--pdeathsig", "KILL", "env", "--default-signal=INT,QUIT", *argv]
        process.become(self.enter(inside), {**self.env, "TERM": term or self.env["TERM"]})

    def launch(self, service: str, *argv: str, env: Mapping[str, str] | None = None) -> None:
        """Start a program inside that goes on without us; its output goes into ``<service>.log``."""
        pid, log = f"/run/{service}.pid", self.root / f"{service}.log"
        log.touch()
        self._began[service] = log.stat().st_size
        self.run("rm", "-f", pid)
        self.run("sh", "-c", _START, "start", pid, str(log), *argv, env=env)
        deadline = time.monotonic() + 5
        while not _text(self._inside(pid)) and time.monotonic() < deadline:
            time.sleep(0.005)  # the file is there a moment before it says anything

    def state(self, service: str) -> str:
        """Of a program started inside: ``running``, ``frozen`` or ``stopped``."""
        return self.service(service)[1]

    def service(self, service: str) -> tuple[int, str]:
        """Process id inside, and state; (0, "stopped") when it is not there."""
        if not self.on():
            return 0, "stopped"
        try:
            pid = int(self._inside(f"/run/{service}.pid").read_text())
        except (OSError, ValueError):
            return 0, "stopped"
        letter = status(self._inside(f"/proc/{pid}/stat"))[2]
        if letter in ("", "Z", "X"):
            return 0, "stopped"
        return pid, "frozen" if letter in "Tt" else "running"

    def send(self, service: str, sign: signal.Signals) -> bool:
        """Signal a program started inside; False when it is not there."""
        pid = self.service(service)[0]
        return bool(pid) and not self.run("kill", f"-{int(sign)}", str(pid), check=False).code

    def end(self, service: str, sign: signal.Signals = signal.SIGTERM, wait: float = 30) -> None:
        """Signal a program started inside and wait for its end; Failure when it goes on."""
        if not self.send(service, sign):
            return
        self.send(service, signal.SIGCONT)
        deadline = time.monotonic() + wait
        while self.state(service) != "stopped":
            if time.monotonic() > deadline:
                raise Failure(f"{service} on {self.name} did not end within {wait:g} s after {sign.name}")
            time.sleep(0.01)

    def last(self, service: str, lines: int = 40) -> str:
        """The last lines that a program started inside has written."""
        try:
            text = (self.root / f"{service}.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def said(self, service: str, first: int = 3, last: int = 10) -> str:
        """What a program has written since we started it, without the middle: the reason why it ended."""
        with (self.root / f"{service}.log").open("rb") as log:
            log.seek(self._began.get(service, 0))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines if len(lines) <= first + last else [*lines[:first], "…", *lines[-last:]])

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self.pid}/root{path}")


def _text(path: Path) -> str:
    """What a file says; nothing when it is not there."""
    try:
        return path.read_text()
    except OSError:
        return ""


def environment(home: Path) -> dict[str, str]:
    """What commands on a machine find in their environment."""
    return {
        "PATH": ":".join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), _SYSTEM_PATH)),
        "HOME": str(home),
        "DOCKER_CONFIG": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        **{k: v for k, v in os.environ.items() if k == "PYTHONPATH"},
    }


def await_end(pid: int, wait: float = 10) -> None:
    """Until a process is gone, or only its parent has yet to be told."""
    deadline = time.monotonic() + wait
    while pid and status(Path(f"/proc/{pid}/stat"))[2] not in ("", "Z", "X"):
        if time.monotonic() > deadline:
            raise Failure(f"process {pid} did not end within {wait:g} s")
        time.sleep(0.01)


def strays(folder: Path) -> list[int]:
    """Processes that hold machines of which the folder is below ``folder``, whoever started them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
        if "unshare" in words and "init" in words and Path(words[-1]).is_relative_to(folder):
            found.append(int(path.parts[2]))
    return found
