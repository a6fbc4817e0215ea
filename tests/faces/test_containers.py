"""Containers by the docker CLI: their life, their streams, their exit codes."""

import re
import time

import pytest

from demo.host import DOCKER, Host
from tests.faces.box import idle, until, words
from tests.faces.terminal import Terminal

pytestmark = pytest.mark.skipif(DOCKER is None, reason="no docker CLI on this machine")
CLI = DOCKER or "docker"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("run --rm box:1 true", 0),
        ("run --rm box:1 sh -c 'exit 3'", 3),
        ("run --rm box:1 sh -c 'sleep 9 & kill -9 $!; wait $!'", 137),
        ("run --rm box:1 nosuchcommand", 127),
        ("run --rm box:1 /etc/passwd-", 127),
        ("run --rm box:1 /etc", 126),
        ("run --rm --network nonet box:1 true", 125),
        ("run --rm nosuchimage:1 true", 125),
    ],
)
def test_exit_codes(host: Host, line: str, code: int) -> None:
    done = words(host, line, check=False)
    assert done.code == code, done.text


def test_both_outputs_and_input(host: Host) -> None:
    done = words(host, "run --rm box:1 sh -c 'echo out; echo err >&2'")
    assert (done.out, done.err) == ("out\n", "err\n")
    done = host.docker("run", "--rm", "-i", "box:1", "sh", "-c", "cat; echo end", input="a\nb\n")
    assert done.out == "a\nb\nend\n", "input ends, output goes on"
    big = "x" * 3_000_000
    assert host.docker("run", "--rm", "-i", "box:1", "wc", "-c", input=big).out.strip() == "3000000"
    assert len(host.docker("run", "--rm", "-i", "box:1", "cat", input=big).out) == 3_000_000


def test_a_terminal(host: Host) -> None:
    with Terminal(host, CLI, "run", "--rm", "-it", "box:1", "sh") as tty:
        tty.expect("# ")
        tty.type("stty size; tty\n")
        tty.expect(r"24 80\r\n/dev/pts")
        tty.type("exit 7\n")
        assert tty.end() == 7


def test_detach_and_attach_again(host: Host) -> None:
    with Terminal(host, CLI, "run", "-it", "--name", "tt", "box:1", "sh") as tty:
        tty.expect("# ")
        tty.type("x=kept\n")
        tty.expect("# ")
        tty.type("\x10\x11")
        tty.end()
    assert host.inspect("tt")["State"]["Running"]
    with Terminal(host, CLI, "attach", "tt") as tty:
        tty.type("echo is-$x\n")
        tty.expect("\nis-kept")
        tty.type("exit\n")
        assert tty.end() == 0


def test_exec(host: Host) -> None:
    idle(host, "--name", "cc")
    assert words(host, "exec cc echo hi").out == "hi\n"
    assert words(host, "exec cc sh -c 'exit 9'", check=False).code == 9
    assert words(host, "exec cc nosuchcommand", check=False).code in (126, 127)
    assert (
        words(host, "exec -e A=1 -w /tmp -u nobody cc sh -c 'echo $A $(pwd) $(id -u)'").out
        == "1 /tmp 65534\n"
    )
    assert host.docker("exec", "-i", "cc", "cat", input="typed").out == "typed"
    words(host, "exec -d cc sh -c 'echo later > /tmp/f'")
    until(lambda: words(host, "exec cc cat /tmp/f", check=False).out == "later\n")
    with Terminal(host, CLI, "exec", "-it", "cc", "sh") as tty:
        tty.expect("# ")
        tty.type("exit 4\n")
        assert tty.end() == 4


def test_logs(host: Host) -> None:
    script = "for i in 1 2 3; do echo line $i; done; echo oops >&2; sleep 1; echo last"
    host.docker("run", "-d", "--name", "cc", "box:1", "sh", "-c", script)
    until(lambda: "oops" in words(host, "logs cc").err)
    assert words(host, "logs --tail 1 cc").text.strip() in ("oops", "line 3")
    followed = words(host, "logs -f cc")
    assert followed.out == "line 1\nline 2\nline 3\nlast\n"
    assert followed.err == "oops\n"
    stamped = words(host, "logs -t cc").out.splitlines()[0]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 1", stamped)
    assert words(host, "logs --since 1h cc").out.count("\n") == 4
    assert not words(host, "logs --until 1h cc").out
    assert re.match(r"\S+ stdout F line 1", host.run("head", "-1", host.inspect("cc")["LogPath"]).out)


def test_log_rotation(host: Host) -> None:
    """One second's lines may stand beyond the limit: the daemon looks once a second."""
    script = (
        "for i in $(seq 25); do for j in $(seq 100); do echo line $i $j; done; sleep 0.2; done; echo done"
    )
    host.docker(
        *("run", "-d", "--name", "cc", "--log-opt", "max-size=20k", "--log-opt", "max-file=2", "box:1"),
        *("sh", "-c", script),
    )
    until(lambda: "done" in words(host, "logs --tail 1 cc").out, wait=15)
    folder = str(host.inspect("cc")["LogPath"]).rsplit("/", 1)[0]
    sizes = [int(size) for size in host.sh(f"stat -c %s {folder}/*.log*").out.split()]
    assert len(sizes) == 2
    assert all(size < 60_000 for size in sizes), sizes
    lines = words(host, "logs cc").out.splitlines()
    assert 300 < len(lines) < 1_600
    assert lines[-2:] == ["line 25 100", "done"]
    assert len(set(lines)) == len(lines)


def test_stop_has_a_grace_period(host: Host) -> None:
    catcher = "trap 'echo bye; exit 5' TERM; while :; do sleep 0.1; done"
    host.docker("run", "-d", "--name", "polite", "box:1", "sh", "-c", catcher)
    host.docker("run", "-d", "--name", "deaf", "box:1", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    time.sleep(0.3)
    words(host, "stop -t 10 polite")
    state = host.inspect("polite")["State"]
    assert (state["ExitCode"], state["Status"]) == (5, "exited")
    started = time.monotonic()
    words(host, "stop -t 1 deaf")
    assert 0.8 < time.monotonic() - started < 6
    assert host.inspect("deaf")["State"]["ExitCode"] == 137


def test_kill_pause_restart_wait_rename(host: Host) -> None:
    idle(host, "--name", "cc")
    first = host.inspect("cc")["State"]["Pid"]
    words(host, "pause cc")
    assert host.inspect("cc")["State"]["Status"] == "paused"
    assert "(Paused)" in words(host, "ps").out
    words(host, "unpause cc")
    words(host, "restart -t 0 cc")
    assert host.inspect("cc")["State"]["Pid"] not in (0, first)
    words(host, "rename cc dd")
    assert host.inspect("dd")["Name"] == "/dd"
    waiting = host.popen(CLI, "wait", "dd", stdout=-1)
    time.sleep(0.3)
    words(host, "kill -s KILL dd")
    assert waiting.communicate(timeout=10)[0] == b"137\n"
    assert "is not running" in words(host, "kill dd", check=False).err
    words(host, "start dd")
    assert host.inspect("dd")["State"]["Running"]


def test_restart_policies(host: Host) -> None:
    words(host, "run -d --name thrice --restart on-failure:2 box:1 sh -c 'exit 1'")
    until(lambda: host.inspect("thrice")["RestartCount"] == 2, wait=15)
    until(lambda: host.inspect("thrice")["State"]["Status"] == "exited")
    words(host, "run -d --name ever --restart always box:1 sleep 600")
    pid = host.inspect("ever")["State"]["Pid"]
    host.run("kill", "-9", str(pid))
    until(lambda: host.inspect("ever")["State"]["Pid"] not in (0, pid), wait=15)
    words(host, "stop -t 0 ever")
    time.sleep(1)
    assert not host.inspect("ever")["State"]["Running"], "stopped by hand stays stopped"


def test_limits_and_rights(host: Host) -> None:
    words(host, "run -d --name cc -m 64m --pids-limit 40 --cpu-shares 512 box:1 sleep 600")
    group = host.sh(f"cat /proc/{host.inspect('cc')['State']['Pid']}/cgroup").out
    memory = re.search(r":memory:(\S+)", group)
    if memory:
        limit = host.sh(f"cat /sys/fs/cgroup/memory{memory[1]}/memory.limit_in_bytes").out
    else:
        limit = host.sh(f"cat /sys/fs/cgroup{group.strip().split(':')[2]}/memory.max").out
    assert limit.strip() == str(64 * 1024 * 1024)
    caps = words(host, "exec cc grep CapEff /proc/self/status").out.split()[1]
    assert int(caps, 16) == 0xA80425FB, "Docker's default set"
    assert words(host, "exec cc ping -c 1 127.0.0.1").code == 0
    assert (
        words(host, "run --rm --cap-drop ALL box:1 grep CapEff /proc/self/status").out.split()[1] == "0" * 16
    )
    assert "Read-only" in words(host, "run --rm --read-only box:1 touch /x", check=False).text
    assert (
        "Read-only" in words(host, "exec cc sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'", check=False).text
    )


def test_out_of_memory_is_told(host: Host) -> None:
    script = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    done = host.docker("run", "--name", "cc", "-m", "16m", "box:1", "sh", "-c", script, check=False)
    assert done.code == 137
    assert host.inspect("cc")["State"]["OOMKilled"]


def test_top_and_stats(host: Host) -> None:
    idle(host, "--name", "cc")
    rows = words(host, "top cc").out.splitlines()
    assert "PID" in rows[0]
    assert any("sleep 600" in r for r in rows[1:])
    line = words(host, "stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}}' cc").out.split()
    assert line[:2] == ["cc", "1"]
    words(host, "exec cc ping -c 3 172.17.0.1")
    counters = host.http("GET", "/containers/cc/stats?stream=0")[1]["networks"]["eth0"]
    assert counters["tx_bytes"] > 0


def test_events(host: Host) -> None:
    since = host.run("date", "+%s.%N").out.strip()
    words(host, "network create net")
    words(host, "run --rm --name cc --network net box:1 true")
    until(lambda: not words(host, "ps -aq").out)
    words(host, "network rm net")
    until_time = host.run("date", "+%s.%N").out.strip()
    shape = "{{.Type}} {{.Action}}"
    out = host.docker("events", "--since", since, "--until", until_time, "--format", shape).out.splitlines()
    for event in (
        *("network create", "container create", "network connect", "container start", "container die"),
        *("network disconnect", "container destroy", "network destroy"),
    ):
        assert event in out, out
    assert out.index("network connect") < out.index("container start") < out.index("container die")
    only = host.docker(
        *("events", "--since", since, "--until", until_time, "--filter", "type=network", "--format", shape)
    )
    assert all(line.startswith("network") for line in only.out.splitlines())


def test_ps_and_inspect(host: Host) -> None:
    idle(host, "--name", "cc", "--label", "a=b", "-p", "8080:80")
    words(host, "create --name never box:1 true")
    assert words(host, "ps -q --no-trunc").out.split() == [host.inspect("cc")["Id"]]
    table = words(host, "ps -a --format '{{.Names}}|{{.Status}}|{{.Ports}}'").out.splitlines()
    assert "never|Created|" in table
    assert any(re.match(r"cc\|Up .*\|0\.0\.0\.0:8080->80/tcp, .*8080->80/tcp", row) for row in table), table
    assert words(host, "ps -q --filter label=a=b").out
    assert not words(host, "ps -q --filter label=a=c").out
    assert words(host, "ps -aq --filter name=nev --filter status=created").out
    assert (
        words(host, "inspect -f '{{.State.Status}} {{.HostConfig.NetworkMode}}' cc").out == "running bridge\n"
    )


def test_volumes_and_mounts(host: Host) -> None:
    words(host, "volume create vol")
    words(host, "run --rm -v vol:/data box:1 sh -c 'echo kept > /data/f'")
    assert words(host, "run --rm -v vol:/data:ro box:1 cat /data/f").out == "kept\n"
    assert "Read-only" in words(host, "run --rm -v vol:/data:ro box:1 touch /data/g", check=False).text
    (host.root / "shared").mkdir(exist_ok=True)
    (host.root / "shared/f").write_text("from outside\n")
    assert words(host, f"run --rm -v {host.root}/shared:/in box:1 cat /in/f").out == "from outside\n"
    words(host, "run --rm --tmpfs /scratch box:1 sh -c 'echo x > /scratch/y'")


def test_crun_does_it_too(host: Host) -> None:
    assert words(host, "run --rm --runtime crun box:1 ping -c 1 203.0.113.1").code == 0
    words(host, "run -d --name cc --runtime crun box:1 sleep 600")
    assert words(host, "exec cc echo hi").out == "hi\n"
    assert host.inspect("cc")["HostConfig"]["Runtime"] == "crun"


def test_an_init_reaps(host: Host) -> None:
    words(host, "run -d --name cc --init box:1 sleep 600")
    assert "sleep" not in words(host, "exec cc cat /proc/1/comm").out
