"""A throw-away machine: namespaces of its own, held by one init process, wired to a little LAN.

Nothing gets a name outside, so nothing can be left behind: when the init process ends, the kernel
takes all processes, mounts, devices and rules of the machine with it. The init process ends with
whoever started it.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERNET = ("203.0.113.1", "2001:db8:113::1")
"""Addresses behind the LAN's router: the world outside."""

LAN = ("192.168.1", "fd00:c0a8:1:")
"""Prefixes of the LAN; a machine's number follows."""

PEER = 18
"""Number of the LAN's own machine, which is switch, router and neighbour in one."""

_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_INIT = """
set -e
mount --make-rprivate /
hostname "$1"
mkdir -p "$2/cgroup"
mount --rbind /sys/fs/cgroup "$2/cgroup"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount --move "$2/cgroup" /sys/fs/cgroup
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
awk '$5 ~ "^/run/" {print $5}' /proc/self/mountinfo | sort -r | while read -r place; do
    umount -l "$place" 2>&- || ! mountpoint -q "$place"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
printf '127.0.0.1 localhost\\n' > "$2/hosts"
printf 'nameserver %s\\n' "$3" > "$2/resolv.conf"
mount --bind "$2/hosts" /etc/hosts
mount --bind "$2/resolv.conf" "$(readlink -f /etc/resolv.conf)"
mount --make-rshared /
exec catatonit -P
"""


class CommandFailed(AssertionError):
    """A command that had to succeed did not; the message has all it said."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left: exit status, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both outputs, as a person would have seen them."""
        return self.out + self.err


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Machine:
    """Network, mount, UTS, IPC and PID namespaces of its own; ``root`` is its folder outside."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "home").mkdir(exist_ok=True)
        self.env = {
            "PATH": ":".join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), _SYSTEM_PATH)),
            "HOME": str(root / "home"),
            "DOCKER_CONFIG": str(root / "home"),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            **{k: v for k, v in os.environ.items() if k == "PYTHONPATH"},
        }
        ends_with_us = ["setpriv", "--pdeathsig", "KILL"]
        spaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        spaces += ["--propagation", "private"]
        resolver = f"{LAN[0]}.{PEER}"
        self._holder = subprocess.Popen(
            [*ends_with_us, "unshare", *spaces, "sh", "-c", _INIT, "init", name, str(root), resolver],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.pid = self._await_init()

    def _await_init(self) -> int:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for pid in _children(self._holder.pid):
                if _name(pid) == "catatonit":
                    return pid
            if self._holder.poll() is not None:
                break
            time.sleep(0.01)
        self._holder.kill()
        raise CommandFailed(f"machine {self.name} did not come up: {self._holder.communicate()[1]!r}")

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
        done = subprocess.run(
            self.enter(["timeout", "-k", "1", str(timeout), *argv]),
            input=input if input is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout + 5,
            env={**self.env, **(env or {})},
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if check and result.code:
            raise CommandFailed(f"{self.name}$ {shlex.join(argv)}\n{result.text}[exit status {result.code}]")
        return result

    def sh(self, script: str, check: bool = True, timeout: float = 60) -> Result:
        """Run a shell script inside."""
        return self.run("bash", "-c", script, check=check, timeout=timeout)

    def popen(self, *argv: str, **how: object) -> "subprocess.Popen[bytes]":
        """Start a command inside and go on; standard input is empty unless ``how`` says otherwise."""
        options = {"stdin": subprocess.DEVNULL, "env": self.env, **how}
        return subprocess.Popen(self.enter(argv), **options)  # type: ignore[call-overload, no-any-return]

    def close(self) -> None:
        """End the machine and all that is in it."""
        if self._holder.poll() is None:
            self._holder.kill()
        self._holder.wait()
        if self._holder.stderr:
            self._holder.stderr.close()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.02)


class Lan(Machine):
    """The LAN: a switch whose own machine is router and neighbour (192.168.1.18), and the world behind it."""

    def __init__(self, root: Path) -> None:
        super().__init__("lan", root)
        four, six = LAN
        self.sh(
            "ip link set lo up; ip link add br0 type bridge forward_delay 0; ip link set br0 up;"
            f"ip addr add {four}.{PEER}/24 dev br0; ip addr add {six}:{PEER}/64 dev br0 nodad;"
            f"ip addr add {INTERNET[0]}/32 dev lo; ip addr add {INTERNET[1]}/128 dev lo"
        )

    def plug(self, machine: Machine, number: int, mtu: int = 1500) -> None:
        """Give a machine ``eth0`` on this LAN: 192.168.1.<number>, default routes through the router."""
        four, six = LAN
        port = f"p{number}"
        wire = ["nsenter", "-t", str(self.pid), "-n", "ip", "link", "add", port, "mtu", str(mtu)]
        wire += ["type", "veth", "peer", "name", "eth0", "mtu", str(mtu), "netns", str(machine.pid)]
        subprocess.run(wire, check=True)
        self.sh(f"ip link set {port} master br0 up")
        machine.sh(
            "ip link set lo up;"
            f"ip addr add {four}.{number}/24 brd + dev eth0; ip addr add {six}:{number}/64 dev eth0 nodad;"
            f"ip link set eth0 up; ip route add default via {four}.{PEER};"
            f"ip -6 route add default via {six}:{PEER}"
        )
