import io
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from seaway.daemon import logs, notify, pidfile, tools
from seaway.daemon.command import daemon
from seaway.daemon.settings import Settings
from seaway.errors import Conflict


@pytest.fixture
def quiet() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_logfmt_is_one_line_for_people_and_machines(quiet: io.StringIO) -> None:
    logs.set_up("info", "text", quiet)
    logging.getLogger("seaway.x").info('say "hi"', extra={"network": "n1", "why": "two words\nand a line"})
    logging.getLogger("seaway.x").debug("not at this level")
    (line,) = quiet.getvalue().splitlines()
    parts = shlex.split(line)
    assert line.startswith('time="')
    assert "level=info" in parts
    assert 'msg=say "hi"' in parts
    assert "network=n1" in line
    assert r'why="two words\nand a line"' in line


def test_an_exception_is_one_line_too(quiet: io.StringIO) -> None:
    logs.set_up("info", "text", quiet)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("seaway.x").exception("failed")
    (line,) = quiet.getvalue().splitlines()
    assert 'error="ValueError: broken"' in line
    assert "level=error" in line


def test_json_lines(quiet: io.StringIO) -> None:
    logs.set_up("warn", "json", quiet)
    logging.getLogger("seaway.x").info("no")
    logging.getLogger("seaway.x").warning("yes", extra={"pid": 3})
    (line,) = quiet.getvalue().splitlines()
    assert {"level": "warning", "msg": "yes", "pid": 3}.items() <= json.loads(line).items()


def test_notify_tells_the_service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        assert notify.notify(notify.READY)
        assert listener.recv(100) == b"READY=1"
    assert not notify.notify(notify.STOPPING)
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify.notify(notify.READY)


def test_one_daemon_for_one_pidfile(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.pid"
    with pidfile.held(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(Conflict, match=f"PID {os.getpid()} is still running"), pidfile.held(path):
            pass
        assert path.exists()
    assert not path.exists()


def test_a_stale_pidfile_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    path.write_text("1\n")
    with pidfile.held(path):
        assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["--validate", "--config-file", "FILE"], 0, "configuration OK"),
        (["--validate", "--no-such-flag"], 1, "unknown flag: --no-such-flag"),
        (["--validate", "--mtu", "5"], 1, '--mtu: invalid value "5"'),
        (["--validate", "-H", "unix:///x", "-D", "--icc=false", "--iptables=false", "-s", "vfs"], 0, "OK"),
        (["--validate", "positional"], 1, "unexpected extra argument"),
        (["--version"], 0, "Seaway version"),
    ],
)
def test_the_command(tmp_path: Path, args: list[str], status: int, says: str) -> None:
    file = tmp_path / "daemon.json"
    file.write_text("{}")
    result = CliRunner().invoke(daemon, [str(file) if arg == "FILE" else arg for arg in args])
    assert (result.exit_code, says in result.output) == (status, True), result.output


def test_a_switch_without_a_value_leaves_the_next_flag_alone() -> None:
    result = CliRunner().invoke(daemon, ["--debug", "--mtu", "5", "--validate"])
    assert "--mtu" in result.output


LIVING = """
    import logging, sys
    from contextlib import asynccontextmanager
    from pathlib import Path
    from seaway.daemon import logs
    from seaway.daemon.life import live
    from seaway.daemon.settings import Settings

    root = Path(sys.argv[1])
    settings = Settings(exec_root=root / "e", data_root=root / "d", pidfile=root / "e" / "p",
                        shutdown_timeout=int(sys.argv[2]))

    @asynccontextmanager
    async def house(settings):
        import asyncio
        print("open", flush=True)
        yield
        await asyncio.sleep(float(sys.argv[3]))
        print("closed", flush=True)

    logs.set_up("info", "text")
    def reread():
        return Settings(log_level="debug", bip="10.0.0.1/8", exec_root=settings.exec_root,
                        data_root=settings.data_root, pidfile=settings.pidfile,
                        shutdown_timeout=settings.shutdown_timeout)
    sys.exit(live(settings, reread, house))
"""


def living(root: Path, patience: int, closing: float) -> subprocess.Popen[str]:
    script = [sys.executable, "-c", textwrap.dedent(LIVING), str(root), str(patience), str(closing)]
    return subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_sigterm_closes_the_house_and_sighup_changes_the_level(tmp_path: Path) -> None:
    process = living(tmp_path, 5, 0)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "open\n"
    assert "completed initialization" in process.stderr.readline()
    assert (tmp_path / "e" / "p").read_text() == f"{process.pid}\n"
    process.send_signal(signal.SIGHUP)
    assert "log_level=debug" in process.stderr.readline()
    assert "names=bip" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "closed\n"), err
    assert not (tmp_path / "e" / "p").exists()


def test_a_stop_that_takes_too_long_ends_with_an_error(tmp_path: Path) -> None:
    process = living(tmp_path, 0, 30)
    assert process.stdout is not None
    process.stdout.readline()
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "did not stop in time" in err


def test_a_place_that_cannot_be_is_named_without_numbers(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("a file")
    _, err = living(tmp_path, 5, 0).communicate(timeout=10)
    assert f'error="{tmp_path}/d: File exists"' in err


def test_programs_that_are_missing_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("conmon", "umoci", "runc"):
        program = tmp_path / name
        program.write_text("")
        program.chmod(0o755)
    assert [row[:2] for row in tools.missing(Settings())] == [
        ("skopeo", "skopeo"),
        ("conntrack", "conntrack"),
        ("ps", "procps"),
    ]
    (tmp_path / "runc").unlink()
    assert next(tools.missing(Settings())) == ("runc", "runc", "containers cannot start")


def test_settings_stay_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().bip = "x"  # type: ignore[misc]
