"""docker compose, unmodified: networks, aliases, fixed addresses, shared namespaces, a healthy service."""

import json
from pathlib import Path
from typing import Any

import pytest

from demo.host import Host
from demo.machine import Machine, Result
from tests.clients.compose import program
from tests.faces.box import get
from tests.faces.image import NAME

pytestmark = pytest.mark.root

FILE = f"""
name: demo
services:
  web:
    image: {NAME}
    command: httpd -f -p 5001 -h /www
    ports: ["15001:5001"]
    healthcheck:
      test: wget -qO- http://127.0.0.1:5001/
      interval: 1s
    networks:
      front: {{aliases: [www], ipv4_address: 10.44.0.10}}
      back:
  cli:
    image: {NAME}
    command: sh -c "echo cli is up; exec sleep 600"
    networks: [back]
    depends_on: {{web: {{condition: service_healthy}}}}
  hostsvc:
    image: {NAME}
    command: sleep 600
    network_mode: host
  share:
    image: {NAME}
    command: sleep 600
    network_mode: service:web
networks:
  front:
    ipam: {{config: [{{subnet: 10.44.0.0/24}}]}}
  back:
    internal: true
    driver_opts: {{com.docker.network.driver.mtu: "1400"}}
"""


class Project:
    """A compose project on a host."""

    def __init__(self, host: Host, file: Path) -> None:
        self.host, self.file, self.tool = host, file, str(_program())

    def __call__(self, *words: str, check: bool = True) -> Result:
        return self.host.run(self.tool, "-f", str(self.file), *words, check=check, timeout=90)

    def states(self) -> dict[str, str]:
        """Service → state, of those compose knows of."""
        lines = self("ps", "-a", "--format", "json").out.splitlines()
        return {one["Service"]: one["State"] for one in map(json.loads, lines)}

    def places(self, service: str) -> Any:
        """A service's networks as inspect shows them."""
        return self.host.inspect(f"demo-{service}-1")["NetworkSettings"]["Networks"]


def _program() -> Path:
    try:
        return program()
    except OSError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def project(host: Host, tmp_path: Path) -> Project:
    """The file above, nothing of it up yet."""
    file = tmp_path / "compose.yaml"
    file.write_text(FILE)
    return Project(host, file)


def test_a_project_from_up_to_down(project: Project, host: Host, street: Any) -> None:
    project("up", "-d", "--quiet-pull")
    assert project.states() == dict.fromkeys(("web", "cli", "hostsvc", "share"), "running")
    assert "(healthy)" in project("ps", "web").out
    _networks_are_as_written(project)
    _names_are_the_networks_own(project, street.lan)
    _stop_and_start(project)
    project("down", "-t", "1")
    assert project.states() == {}
    assert {n["Name"] for n in host.http("GET", "/networks")[1]} == {"bridge", "host", "none"}


def _networks_are_as_written(project: Project) -> None:
    places = project.places("web")
    assert places["demo_front"]["IPAddress"] == "10.44.0.10"
    assert {"www", "web"} <= set(places["demo_front"]["DNSNames"])
    assert "www" not in places["demo_back"]["DNSNames"]
    back = project.host.http("GET", "/networks/demo_back")[1]
    assert back["Internal"] and back["Options"] == {"com.docker.network.driver.mtu": "1400"}
    web = project.host.inspect("demo-web-1")["Id"]
    assert project.host.inspect("demo-share-1")["HostConfig"]["NetworkMode"] == f"container:{web}"
    assert project("exec", "-T", "cli", "cat", "/sys/class/net/eth0/mtu").out == "1400\n"


def _names_are_the_networks_own(project: Project, neighbour: Machine) -> None:
    fetch = ("wget", "-qO-")
    assert project("exec", "-T", "cli", *fetch, "http://web:5001/").out == "Hello from the box\n"
    alias = project("exec", "-T", "cli", *fetch, "http://www:5001/", check=False)
    assert alias.code == 1 and "bad address 'www:5001'" in alias.text
    assert project("exec", "-T", "share", *fetch, "http://127.0.0.1:5001/").out == "Hello from the box\n"
    assert project("exec", "-T", "hostsvc", "hostname").out.strip() == project.host.name
    assert get(neighbour, f"http://{project.host.address}:15001/") == "Hello from the box\n"


def _stop_and_start(project: Project) -> None:
    assert project("logs", "--no-color", "cli").out.split("|")[1].strip() == "cli is up"
    before = project.host.inspect("demo-cli-1")["State"]["StartedAt"]
    project("restart", "-t", "1", "cli")
    assert project.host.inspect("demo-cli-1")["State"]["StartedAt"] > before
    assert project("exec", "-T", "cli", "wget", "-qO-", "http://web:5001/").out == "Hello from the box\n"
    project("stop", "-t", "1")
    assert set(project.states().values()) == {"exited"}
    project("start")
    assert set(project.states().values()) == {"running"}
    assert project.places("web")["demo_front"]["IPAddress"] == "10.44.0.10"
    assert project("exec", "-T", "cli", "wget", "-qO-", "http://web:5001/").out == "Hello from the box\n"
