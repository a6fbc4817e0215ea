import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.cli.failures import Failed
from seaway.cli.frames import Frames
from seaway.cli.hijack import Stream
from seaway.cli.keys import DetachKeys, detach_keys
from seaway.cli.stream import Detached, Pump
from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import ID, Stub, frame, hijacked

Serve = Callable[[dict[str, Any]], Stub]


class Kept:
    """Takes output, for a test to look at."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50)), max_size=8), st.integers(1, 17))
def test_frames_may_come_in_any_pieces(frames: list[tuple[int, bytes]], step: int) -> None:
    out, err = os.pipe(), os.pipe()
    writer = Frames(out[1], err[1])
    whole = b"".join(frame(number, content) for number, content in frames)
    for place in range(0, len(whole), step):
        writer.write(whole[place : place + step])
    for number, pair in ((1, out), (2, err)):
        os.close(pair[1])
        assert os.read(pair[0], 65536) == b"".join(content for which, content in frames if which == number)
        os.close(pair[0])


@given(st.binary(max_size=30), st.integers(1, 5))
def test_detach_keys_pass_everything_else_on(typed: bytes, step: int) -> None:
    keys, passed, left = detach_keys(""), b"", False
    for place in range(0, len(typed), step):
        data, left = keys.feed(typed[place : place + step])
        passed += data
        if left:
            break
    if b"\x10\x11" in typed:
        assert left
        assert passed == typed.partition(b"\x10\x11")[0]
    else:
        assert not left
        assert passed == typed.removesuffix(b"\x10")


def test_detach_keys_of_the_user() -> None:
    assert detach_keys("a,ctrl-c").sequence == b"a\x03"
    with pytest.raises(Failed, match="is no key"):
        detach_keys("ctrl-")


def pumped(peer: Callable[[socket.socket], None], stdin: int, **more: Any) -> bytes:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=peer, args=(theirs,))
    thread.start()
    kept = Kept()
    try:
        Pump(Stream(ours, b"early ", False), kept, stdin, **more).run()  # type: ignore[arg-type]
    finally:
        thread.join(10)
        ours.close()
        theirs.close()
    return kept.data


def echo_until_end(theirs: socket.socket) -> None:
    """Gives everything back, and answers only after the other side has said that nothing more comes."""
    data = b""
    while piece := theirs.recv(65536):
        data += piece
    theirs.sendall(data + b" end")
    theirs.close()


def test_input_is_half_closed_and_output_still_comes() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"some input")
    os.close(writing)
    assert pumped(echo_until_end, reading) == b"early some input end"
    os.close(reading)


def test_without_input_the_other_side_is_told_at_once() -> None:
    assert pumped(echo_until_end, -1) == b"early  end"


def test_much_input_and_output_do_not_block_each_other() -> None:
    reading, writing = os.pipe()
    many = os.urandom(1 << 20)

    def type_it() -> None:
        place = 0
        while place < len(many):
            place += os.write(writing, many[place : place + 65536])
        os.close(writing)

    def mirror(theirs: socket.socket) -> None:
        while piece := theirs.recv(65536):
            theirs.sendall(piece)
        theirs.close()

    typist = threading.Thread(target=type_it)
    typist.start()
    assert pumped(mirror, reading) == b"early " + many
    typist.join(10)
    os.close(reading)


def test_detach_keys_end_the_session() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"ls\n\x10\x11")

    def wait(theirs: socket.socket) -> None:
        theirs.settimeout(10)
        theirs.recv(10)

    with pytest.raises(Detached):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            Pump(Stream(ours, b"", False), Kept(), reading, keys=DetachKeys(b"\x10\x11")).run()  # type: ignore[arg-type]
    os.close(reading)
    os.close(writing)


def test_signals_are_passed_on_and_the_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    passed: list[int] = []

    def peer(theirs: socket.socket) -> None:
        while signal.getsignal(signal.SIGUSR1) == before:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)
        while not passed:
            threading.Event().wait(0.01)
        theirs.close()

    pumped(peer, -1, on_signal=passed.append, signals=(signal.SIGUSR1,))
    assert passed == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


C = f"/containers/{ID}"


def running(output: bytes = b"", status: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "POST /containers/create": (201, {"Id": ID, "Warnings": []}),
        f"POST {C}/attach": hijacked(output),
        f"POST {C}/wait": (200, {"StatusCode": status}),
        f"POST {C}/start": (204, None),
    } | more


def test_run_attaches_and_waits_before_it_starts(
    serve: Serve, play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon = serve(running(frame(1, b"out\n") + frame(2, b"err\n"), 7))
    result = play("run", "--rm", "img", "sh", "-c", "exit 7")
    assert result.exit_code == 7
    assert daemon.order == [
        "POST /containers/create",
        f"POST {C}/attach",
        f"POST {C}/wait",
        f"POST {C}/start",
    ]
    assert daemon.query(f"POST {C}/wait") == {"condition": "removed"}
    assert daemon.query(f"POST {C}/attach") == {"stream": "1", "stdout": "1", "stderr": "1"}
    written = capfd.readouterr()
    assert (written.out, written.err) == ("out\n", "err\n")


def test_run_detached_prints_the_id(serve: Serve, play: Play) -> None:
    warned = (201, {"Id": ID, "Warnings": ["Published ports are discarded when using host network mode"]})
    daemon = serve(running() | {"POST /containers/create": warned})
    result = play("run", "-d", "--name", "x", "img")
    assert result.stdout == f"{ID}\n"
    assert result.stderr == "WARNING: Published ports are discarded when using host network mode\n"
    assert daemon.order == ["POST /containers/create", f"POST {C}/start"]
    assert daemon.query("POST /containers/create") == {"name": "x"}
    assert "AttachStdout" not in daemon.body("POST /containers/create")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ('exec: "nosuch": executable file not found in $PATH: unknown', 127),
        ("permission denied: unknown", 126),
        ("Address already in use", 125),
    ],
)
def test_run_that_cannot_start_has_dockers_status(serve: Serve, play: Play, said: str, status: int) -> None:
    serve(running() | {f"POST {C}/start": (400, {"message": said})})
    for args in (["run", "img"], ["run", "-d", "img"]):
        result = play(*args)
        assert (result.exit_code, result.stderr) == (status, f"seaway: Error response from daemon: {said}\n")


def test_run_pulls_what_is_missing(serve: Serve, play: Play) -> None:
    answers = iter([(404, {"message": "No such image: img:latest"}), (201, {"Id": ID})])
    progress = b'{"status":"Pulling from library/img","id":"latest"}\r\n{"status":"Status: Downloaded"}\r\n'
    daemon = serve(running(b"", 0))
    daemon.answers |= {
        "POST /containers/create": lambda handler: handler.reply(*next(answers)),
        "POST /images/create": (200, progress),
    }
    result = play("run", "-d", "img")
    assert result.exit_code == 0, result.output
    assert daemon.query("POST /images/create") == {"fromImage": "img", "tag": "latest"}
    assert "Unable to find image 'img:latest' locally" in result.stderr
    assert "latest: Pulling from library/img" in result.stderr
    assert result.stdout == f"{ID}\n"


def test_run_does_not_pull_when_told_never(serve: Serve, play: Play) -> None:
    daemon = serve({"POST /containers/create": (404, {"message": "No such image: img:latest"})})
    result = play("run", "--pull", "never", "img")
    assert result.exit_code == 125
    assert daemon.order == ["POST /containers/create"]


def test_an_error_inside_a_pull_fails(serve: Serve, play: Play) -> None:
    serve(
        {
            "POST /images/create": (
                200,
                b'{"status":"x"}\r\n{"errorDetail":{"message":"gone"},"error":"gone"}\r\n',
            )
        }
    )
    result = play("pull", "img")
    assert (result.exit_code, result.stderr) == (1, "gone\n")


def test_exec_gives_the_commands_status(serve: Serve, play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    daemon = serve(
        {
            "POST /containers/c1/exec": (201, {"Id": "e1"}),
            "POST /exec/e1/start": hijacked(frame(1, b"hi\n")),
            "GET /exec/e1/json": (200, {"ExitCode": 3, "Running": False}),
        }
    )
    assert play("exec", "c1", "ls").exit_code == 3
    assert capfd.readouterr().out == "hi\n"
    assert daemon.body("POST /exec/e1/start") == {"Detach": False, "Tty": False}


def test_a_refused_attach_keeps_the_daemons_words(serve: Serve, play: Play) -> None:
    serve(running() | {f"POST {C}/attach": (409, {"message": "container is paused"})})
    result = play("run", "img")
    assert (result.exit_code, "Error response from daemon: container is paused" in result.stderr) == (
        125,
        True,
    )


def test_logs_are_split(serve: Serve, play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    daemon = serve(
        {
            "GET /containers/c1/json": (200, {"Config": {"Tty": False}}),
            "GET /containers/c1/logs": (200, frame(1, b"a\n") + frame(2, b"b\n")),
        }
    )
    assert play("logs", "--tail", "5", "-t", "--since", "1700000000", "c1").exit_code == 0
    written = capfd.readouterr()
    assert (written.out, written.err) == ("a\n", "b\n")
    assert daemon.query("GET /containers/c1/logs") == {
        "since": "1700000000",
        "stderr": "1",
        "stdout": "1",
        "tail": "5",
        "timestamps": "1",
    }


def test_a_terminal_session_needs_a_terminal(serve: Serve, play: Play) -> None:
    daemon = serve(running())
    result = play("run", "-it", "img")
    assert (result.exit_code, "the input device is not a TTY" in result.stderr) == (125, True)
    assert daemon.order == []
