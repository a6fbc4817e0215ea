"""A throw-away host with Seaway's daemon on it, and the clients that drive it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from demo.machine import CommandFailed, Lan, Machine, Result
from seaway.lab.host import DOCKER, UnixConnection

SEAWAY = str(Path(sys.executable).with_name("seaway"))
"""The program under demonstration, from the environment that runs this."""


class Host(Machine):
    """A machine on the LAN with a daemon of its own: ``data``, ``exec`` and the socket lie in ``root``."""

    def __init__(self, lan: Lan, root: Path, name: str = "h1", number: int = 20, mtu: int = 1500) -> None:
        super().__init__(name, root)
        lan.plug(self, number, mtu)
        self.lan = lan
        self.address = f"192.168.1.{number}"
        self.address6 = f"fd00:c0a8:1::{number}"
        self.socket = str(root / "s")
        self.data = root / "data"
        self.exec = root / "exec"
        self.pidfile = root / "pid"
        self.log = root / "daemon.log"
        self.url = f"unix://{self.socket}"
        self.env["DOCKER_HOST"] = self.env["SEAWAY_HOST"] = self.url
        self.flags: tuple[str, ...] = ()
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, wait: float = 30) -> None:
        """Start the daemon (again) and wait until it answers; the flags stay for the next start."""
        self.flags = flags or self.flags
        own = ["-H", self.url, "--data-root", str(self.data), "--exec-root", str(self.exec)]
        own += ["--pidfile", str(self.pidfile), "--log-level", "debug", *self.flags]
        with self.log.open("ab") as log:
            self._daemon = self.popen(SEAWAY, "daemon", *own, stdout=log, stderr=log)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if self._daemon.poll() is not None:
                raise CommandFailed(f"the daemon ended with {self._daemon.returncode}:\n{self.tail()}")
            if self.alive():
                return
            time.sleep(0.02)
        raise CommandFailed(f"the daemon did not answer within {wait} s:\n{self.tail()}")

    def alive(self) -> bool:
        """Whether the API answers a ping."""
        try:
            return self.http("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def daemon_pid(self) -> int:
        """The daemon's pid as the host sees it."""
        return int(self.pidfile.read_text())

    def stop(self, sign: signal.Signals = signal.SIGTERM, wait: float = 30) -> int:
        """Signal the daemon and wait for its end; its exit status (negative for a signal)."""
        assert self._daemon is not None, "the daemon was not started"
        if self._daemon.poll() is None:
            self.run("kill", f"-{int(sign)}", str(self.daemon_pid()))
        code = self._daemon.wait(wait)
        self._daemon = None
        return code

    def crash(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def tail(self, lines: int = 40) -> str:
        """The last lines of the daemon's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def http(self, method: str, path: str, body: Any = None, timeout: float = 30) -> tuple[int, Any]:
        """One request to the API; status and decoded answer."""
        link = UnixConnection(self.socket, timeout)
        try:
            text = None if body is None else json.dumps(body)
            link.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            answer = link.getresponse()
            raw = answer.read()
        finally:
            link.close()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(raw) if is_json and raw else raw.decode(errors="replace")

    def docker(self, *args: str, check: bool = True, timeout: float = 60, input: str | None = None) -> Result:
        """The docker CLI, or Seaway's own where there is none."""
        return self.run(DOCKER or SEAWAY, *args, check=check, timeout=timeout, input=input)

    def seaway(self, *args: str, check: bool = True, timeout: float = 60, input: str | None = None) -> Result:
        """Seaway's own command line."""
        return self.run(SEAWAY, *args, check=check, timeout=timeout, input=input)

    def inspect(self, name: str) -> Any:
        """A container's inspect answer."""
        status, answer = self.http("GET", f"/containers/{name}/json")
        assert status == 200, answer
        return answer

    def container_address(self, name: str, network: str = "bridge") -> str:
        """A container's IPv4 address on a network."""
        return str(self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def close(self) -> None:
        """Stop the daemon if it runs, then end the machine."""
        if self._daemon is not None and self._daemon.poll() is None:
            try:
                self.stop()
            except (CommandFailed, subprocess.TimeoutExpired, OSError, ValueError):
                self._daemon.kill()
        super().close()
        if self._daemon is not None:
            self._daemon.wait()


def _forget_groups(container_id: str) -> None:
    """Remove the control groups of a container that ended with its host: their tree is the machine's."""
    for place, folders, _files in os.walk("/sys/fs/cgroup"):  # passes over groups that go meanwhile
        if container_id in folders:
            for folder, _inner, _files in os.walk(f"{place}/{container_id}", topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


class Street:
    """A LAN and its hosts in one folder; everything is gone when it is closed."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="sw-", dir="/tmp"))
        self.hosts: list[Host] = []
        self.lan = Lan(self.root / "lan")

    def host(self, name: str = "h1", number: int = 20, mtu: int = 1500) -> Host:
        """Build a host; its daemon is not started yet."""
        made = Host(self.lan, self.root / name, name, number, mtu)
        self.hosts.append(made)
        return made

    def close(self) -> None:
        """End every machine and remove the folder."""
        for machine in (*self.hosts, self.lan):
            machine.close()
        for folder in self.root.glob("*/data/containers/*"):
            _forget_groups(folder.name)
        shutil.rmtree(self.root)

    def __enter__(self) -> "Street":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
