"""What operators do and what happens to them: limits changed, disks filled, files lost, second daemons."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.host import SEAWAY, Host, Street
from tests.faces.box import idle, until, words
from tests.faces.image import NAME


@pytest.fixture
def little(street: Street, box_tar: Path) -> Iterator[Host]:
    """A host whose data root is a small disk of its own; the daemon runs and has the small image."""
    number = 40 + len(street.hosts)
    made = street.host(f"h{number}", number)
    made.sh(f"mkdir {made.data}; mount -t tmpfs -o size=24m tmpfs {made.data}")
    made.start()
    made.docker("import", str(box_tar), NAME)
    yield made
    made.close()


def fill(host: Host) -> Path:
    """Leave not one block free on the data root; what has to be deleted to have space again."""
    hog = host.data / "hog"
    host.sh(f"dd if=/dev/zero of={hog} bs=4k", check=False)
    return hog


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


def test_a_daemon_without_its_programs_says_so_and_starts(host: Host) -> None:
    host.stop()
    path = host.root / "few"
    path.mkdir()
    for name in ("runc", "skopeo", "mount", "umount"):
        (path / name).symlink_to(host.run("which", name).out.strip())
    full, host.env["PATH"] = host.env["PATH"], f"{path}:/nonexistent"
    argv = host.enter([SEAWAY, "daemon", "-H", host.url, "--data-root", str(host.data)])
    argv += ["--exec-root", str(host.exec), "--pidfile", str(host.pidfile)]
    log = host.root / "few.log"
    nsenter = f"{shutil.which('nsenter')}"
    with log.open("wb") as out:
        daemon = subprocess.Popen([nsenter, *argv[1:]], env=host.env, stdout=out, stderr=out)
    host.env["PATH"] = full
    try:
        until(host.alive)
        for word in ("conmon is not installed: containers cannot start", "package=procps"):
            assert word in log.read_text()
        assert "skopeo is not installed" not in log.read_text()
        refused = words(host, f"run --rm {NAME} true", check=False)
        assert refused.code and "cannot run conmon" in refused.text
    finally:
        host.run("kill", str(host.daemon_pid()))
        daemon.wait(10)
        host.start()


def test_a_daemon_of_another_namespace_on_the_same_exec_root_is_refused(host: Host) -> None:
    idle(host, "--name", "box")
    own = [f"--{name}={host.root}/far-{name}" for name in ("data-root", "pidfile")]
    own += ["-H", f"unix://{host.root}/far", "--exec-root", str(host.exec)]
    done = host.run("unshare", "-n", SEAWAY, "daemon", *own, check=False, timeout=10)
    assert done.code == 1, done.text
    assert f"another daemon uses {host.exec}" in done.text
    assert words(host, "exec box ip addr show eth0").out


def test_a_full_disk_stops_what_needs_space_and_nothing_else(little: Host) -> None:
    idle(little, "--name", "box", "--stop-signal", "KILL")
    idle(little, "--name", "other", "--stop-signal", "KILL")
    words(little, f"create --name cold {NAME} true")
    hog = fill(little)
    for line in ("start cold", f"run --rm {NAME} true", f"tag {NAME} more:1"):
        refused = words(little, line, check=False)
        assert refused.code, line
        assert "no space left" in refused.text.lower(), f"{line}: {refused.text}"
        assert "Errno" not in refused.text, f"{line}: {refused.text}"
    assert words(little, "exec box echo hi").out == "hi\n"
    words(little, "stop box")
    words(little, "rm -f box other cold")
    assert not words(little, "ps -aq").out
    little.sh(f"rm {hog}")
    assert words(little, f"run --rm {NAME} echo works").out == "works\n"


def test_containers_whose_exec_root_was_cleaned_are_ended_and_start_again(host: Host) -> None:
    idle(host, "--name", "kept", "--restart", "always")
    idle(host, "--name", "box")
    host.crash()
    host.sh(f"rm -rf {host.exec}", check=False)
    host.start()
    until(lambda: host.inspect("box")["State"]["Status"] == "exited")
    until(lambda: host.inspect("kept")["State"]["Status"] == "running")
    assert len(host.sh("pgrep -x sleep").out.split()) == 1
    words(host, "start box")
    assert words(host, "exec box echo hi").out == "hi\n"
    host.sh(f"rm -rf {host.exec}/*", check=False)
    words(host, "stop -t 0 box")
    words(host, "rm -f box kept")
    assert not host.sh("pgrep -x sleep", check=False).out
