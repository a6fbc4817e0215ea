"""What operators do and what happens to them: limits changed, disks filled, files lost, second daemons."""

from demo.host import SEAWAY, Host
from tests.faces.box import idle, until, words


def test_changed_limits_leave_the_restart_policy_alone(host: Host) -> None:
    idle(host, "--name", "box", "--restart", "always")
    words(host, "update --memory 64m box")
    first = host.inspect("box")
    assert first["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert first["HostConfig"]["Memory"] == 64 << 20
    host.run("kill", "-9", str(first["State"]["Pid"]))
    until(lambda: host.inspect("box")["RestartCount"] == 1 and host.inspect("box")["State"]["Running"])
    words(host, "update --restart no box")
    assert host.inspect("box")["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_a_daemon_of_another_namespace_on_the_same_exec_root_is_refused(host: Host) -> None:
    idle(host, "--name", "box")
    own = [f"--{name}={host.root}/far-{name}" for name in ("data-root", "pidfile")]
    own += ["-H", f"unix://{host.root}/far", "--exec-root", str(host.exec)]
    done = host.run("unshare", "-n", SEAWAY, "daemon", *own, check=False, timeout=10)
    assert done.code == 1, done.text
    assert f"another daemon uses {host.exec}" in done.text
    assert words(host, "exec box ip addr show eth0").out
