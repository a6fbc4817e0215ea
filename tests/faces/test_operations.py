"""What operators do and what happens to them: limits changed, disks filled, files lost, second daemons."""

from demo.host import Host
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
