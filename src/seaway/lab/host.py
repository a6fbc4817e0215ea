"""A host of the lab: a machine with a daemon of its own, and the clients that drive it."""

import http.client
import json
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seaway.errors import Failure
from seaway.lab.machine import Machine
from seaway.lab.plan import Place
from seaway.lab.process import Result

_BESIDE_US = Path(sys.executable).with_name("seaway")

SEAWAY: tuple[str, ...] = (
    (str(_BESIDE_US),) if _BESIDE_US.exists() else (sys.executable, "-P", "-m", "seaway")
)
"""The program on the hosts: the one that runs this."""

DOCKER = shutil.which("docker")
"""The docker CLI, where there is one."""

ROOTS = ("--exec-root", "/run/seaway")
"""What a power cut takes with it lies in the host's own /run, as on a real one."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float = 30) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Host(Machine):
    """A machine with a daemon: socket ``s``, data and logs lie in ``root``, the exec-root in its /run.

    ``boot`` and ``kill`` are the machine's power. The daemon has ``daemon_start``, ``daemon_stop`` and
    ``daemon_kill``.
    """

    def __init__(
        self, place: Place, folder: Path, flags: Sequence[str] = (), ephemeral: bool = False
    ) -> None:
        super().__init__(place.name, folder, ephemeral=ephemeral)
        self.place = place
        self.address = place.address
        self.address6 = place.address6
        self.flags = tuple(flags)
        self.socket = str(folder / "s")
        self.data = folder / "data"
        self.log = folder / "daemon.log"
        self.url = f"unix://{self.socket}"
        self.env["DOCKER_HOST"] = self.env["SEAWAY_HOST"] = self.url

    def daemon_start(self, *flags: str, wait: float = 30) -> None:
        """Start the daemon and wait until it answers; ``flags`` stand behind the lab's, this time only."""
        if self.state("daemon") == "stopped":
            own = ["-H", self.url, "--data-root", str(self.data), *ROOTS, "--log-level", "debug"]
            self.launch("daemon", *SEAWAY, "daemon", *own, *self.flags, *flags)
        deadline = time.monotonic() + wait
        while not self.daemon_alive():
            if self.state("daemon") == "stopped":
                raise Failure(f"the daemon on {self.name} ended:\n{self.said('daemon')}")
            if time.monotonic() > deadline:
                raise Failure(
                    f"the daemon on {self.name} did not answer within {wait:g} s:\n{self.said('daemon')}"
                )
            time.sleep(0.02)

    def daemon_stop(self, wait: float = 30) -> None:
        """SIGTERM, and wait for its end; quiet when it does not run."""
        self.end("daemon", wait=wait)

    def daemon_kill(self) -> None:
        """kill -9, and wait for its end."""
        self.end("daemon", signal.SIGKILL)

    def daemon_restart(self, *flags: str, kill: bool = False, wait: float = 30) -> None:
        """Stop or kill the daemon and start it again; containers are what the daemon makes of them."""
        if kill:
            self.daemon_kill()
        else:
            self.daemon_stop(wait)
        self.daemon_start(*flags, wait=wait)

    def daemon_state(self) -> str:
        """``running``, ``not answering``, ``frozen`` or ``stopped``; ``off`` when the host is."""
        if not self.on():
            return "off"
        state = self.state("daemon")
        return "not answering" if state == "running" and not self.daemon_alive() else state

    def daemon_pid(self) -> int:
        """The daemon's process id as the host sees it, 0 when it does not run."""
        return self.service("daemon")[0]

    def daemon_alive(self) -> bool:
        """Whether the API answers a ping."""
        try:
            return self.http("GET", "/_ping", timeout=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

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
        program = (DOCKER,) if DOCKER else SEAWAY
        return self.run(*program, *args, check=check, timeout=timeout, input=input)

    def seaway(self, *args: str, check: bool = True, timeout: float = 60, input: str | None = None) -> Result:
        """Seaway's own command line."""
        return self.run(*SEAWAY, *args, check=check, timeout=timeout, input=input)

    def load(self, archive: Path) -> None:
        """Load images from an archive of this machine, wherever it lies."""
        link = UnixConnection(self.socket, 300)
        try:
            with archive.open("rb") as file:
                link.request("POST", "/images/load?quiet=1", file, {"Content-Type": "application/x-tar"})
                answer = link.getresponse()
                said = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            why = f"its daemon is {self.daemon_state()}" if archive.is_file() else "there is no such file"
            raise Failure(f"{self.name} cannot load {archive}: {why} ({error})") from error
        finally:
            link.close()
        if answer.status != 200 or '"error"' in said:
            raise Failure(f"{self.name} cannot load {archive}: {said.strip()[-300:]}")

    def inspect(self, name: str) -> Any:
        """A container's inspect answer."""
        status, answer = self.http("GET", f"/containers/{name}/json")
        if status != 200:
            raise Failure(f"{self.name}: {answer}")
        return answer

    def container_address(self, name: str, network: str = "bridge") -> str:
        """A container's IPv4 address on a network."""
        return str(self.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def hidden_namespaces(self) -> list[str]:
        """Paths, inside the host, of the overlay networks' hidden namespaces."""
        return self.sh("ls -d /run/seaway/netns/1-* 2>&- || true").out.split()
