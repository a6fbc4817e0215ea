"""A host as the tests of faces use it: containers of the small image, and what talks to them."""

import json
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from demo.host import Host
from demo.machine import CommandFailed, Machine, Result
from tests.faces.image import COMMAND, NAME


def until(true: Callable[[], Any], wait: float = 10, pause: float = 0.1) -> Any:
    """Ask until the answer is true; AssertionError with the last answer otherwise."""
    deadline = time.monotonic() + wait
    while True:
        try:
            answer = true()
        except CommandFailed as problem:
            if time.monotonic() > deadline:
                raise
            answer = problem
        if answer and not isinstance(answer, Exception):
            return answer
        assert time.monotonic() < deadline, f"still not so after {wait} s: {answer!r}"
        time.sleep(pause)


def words(host: Host, line: str, check: bool = True) -> Result:
    """The docker CLI with the words of a line, as a shell would split them."""
    return host.docker(*shlex.split(line), check=check)


def serve(host: Host, *flags: str, image: str = NAME) -> str:
    """Start a web server container in the background; its ID."""
    return host.docker("run", "-d", *flags, image, *COMMAND).out.strip()


def idle(host: Host, *flags: str) -> str:
    """Start a container that does nothing; its ID."""
    return host.docker("run", "-d", *flags, NAME, "sleep", "600").out.strip()


def get(machine: Machine, url: str, wait: float = 3) -> str:
    """Fetch a URL from a machine; empty when it cannot be had."""
    flags = ("-s", "-g", "--max-time", str(wait), "--noproxy", "*")
    return machine.run("curl", *flags, url, check=False, timeout=wait + 5).out


def who(machine: Machine, where: str) -> str:
    """The client's address as the server at ``where`` (host:port) saw it; waits until it serves."""

    def ask() -> str:
        return get(machine, f"http://{where}/cgi-bin/who")

    return str(until(ask)).split()[0].strip("[]").removeprefix("::ffff:")


def inside(host: Host, name: str, *argv: str, check: bool = True) -> Result:
    """Run a program of the host's in a container's network namespace."""
    return host.run(*in_namespace(host, name, *argv), check=check)


def fetch(host: Host, name: str, url: str, check: bool = True) -> str:
    """Fetch a URL from inside a container."""
    return host.docker("exec", name, "timeout", "5", "wget", "-q", "-O", "-", url, check=check).text


def pings(host: Host, name: str, target: str) -> bool:
    """Whether a container reaches an address by ping."""
    return host.docker("exec", name, "ping", "-c", "1", "-W", "1", target, check=False).code == 0


def links(host: Host) -> set[str]:
    """Names of the host's devices."""
    return {link["ifname"] for link in json.loads(host.run("ip", "-j", "link").out)}


def empty(host: Host) -> None:
    """Remove all containers, networks and volumes, whatever state they are in."""
    for container in host.http("GET", "/containers/json?all=1")[1]:
        host.http("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    for network in host.http("GET", "/networks")[1]:
        if network["Name"] not in ("bridge", "host", "none"):
            host.http("DELETE", f"/networks/{network['Id']}")
    for volume in host.http("GET", "/volumes")[1].get("Volumes") or []:
        host.http("DELETE", f"/volumes/{volume['Name']}?force=1")


@contextmanager
def route_to(machine: Machine, prefix: str, via: str) -> Iterator[None]:
    """A route on a machine for as long as the block lasts."""
    machine.run("ip", "route", "add", prefix, "via", via)
    try:
        yield
    finally:
        machine.run("ip", "route", "del", prefix)


@contextmanager
def running(machine: Machine, *argv: str) -> Iterator[None]:
    """A program on a machine, ended with all its children at the end of the block."""
    note = machine.root / f"running-{time.monotonic_ns()}"
    process = machine.popen("setsid", "sh", "-c", f'echo $$ > {note}; exec "$@"', "sh", *argv)
    try:
        until(note.exists)
        until(note.read_text)
        yield
    finally:
        machine.sh(f"kill -9 -- -$(cat {note})", check=False)
        process.wait(5)
        note.unlink()


def in_namespace(host: Host, name: str, *argv: str) -> tuple[str, ...]:
    """The command line that runs a program of the host's in a container's network namespace."""
    return ("nsenter", "-t", str(host.inspect(name)["State"]["Pid"]), "-n", "--", *argv)
