"""What a stranger broke: each of these went wrong once, with real packets."""

import subprocess

import pytest

from demo.host import SEAWAY, Host
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


def test_another_daemon_in_the_same_namespace_is_refused_and_does_no_harm(host: Host) -> None:
    serve(host, "--name", "web", "-p", "5001:5001")
    until(lambda: get(host.lan, WEB))
    before = host.sh("nft list table inet seaway; ip -o link").out
    own = [f"--{name}={host.root}/other-{name}" for name in ("data-root", "exec-root", "pidfile")]
    for socket in ("other", "s"):
        done = host.run(SEAWAY, "daemon", "-H", f"unix://{host.root}/{socket}", *own, check=False, timeout=10)
        assert done.code == 1, done.text
        assert f"another seaway daemon (PID {host.daemon_pid()})" in done.text
    assert host.sh("nft list table inet seaway; ip -o link").out == before
    host.crash()
    host.start()
    assert get(host.lan, WEB)


def test_the_name_of_the_namespace_in_strange_hands_stops_nobody(host: Host) -> None:
    host.stop()
    code = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0seaway'); s.listen(); input()"
    strange = ("setpriv", "--reuid=65534", "--clear-groups")
    squatter = host.popen(*strange, "python3", "-c", code, stdin=subprocess.PIPE)
    try:
        until(lambda: "@seaway" in host.sh("cat /proc/net/unix").out)
        host.start()
        assert "who is not root holds the daemon's name" in host.tail()
    finally:
        squatter.communicate(b"\n")
