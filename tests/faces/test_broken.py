"""What a stranger broke: each of these went wrong once, with real packets."""

import pytest

from demo.host import Host
from tests.faces.box import get, idle, serve, until

WEB = "http://192.168.1.20:5001/"


@pytest.mark.parametrize("daemon", ["running", "killed"])
def test_a_namespace_that_lost_its_name_keeps_its_container(host: Host, daemon: str) -> None:
    host.docker("network", "create", "near")
    serve(host, "--name", "web", "--network", "near", "-p", "5001:5001")
    idle(host, "--name", "guest", "--network", "near")
    until(lambda: get(host.lan, WEB))
    if daemon == "killed":
        host.crash()
    host.sh(f"umount {host.exec}/netns/*; rm {host.exec}/netns/*")
    if daemon == "killed":
        host.start()
    until(lambda: get(host.lan, WEB, wait=1), wait=8)
    until(lambda: host.docker("exec", "guest", "ping", "-c", "1", "-W", "1", "web", check=False).code == 0)
