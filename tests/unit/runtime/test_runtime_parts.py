"""The runtime room's small pure parts: users, words, log lines, the process table."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.errors import InvalidInput
from seaway.model.container import LogConfig
from seaway.runtime.changes import changes
from seaway.runtime.log_policy import parse_size, policy
from seaway.runtime.logs import chain, nanoseconds, parse, read_logs, rfc3339
from seaway.runtime.top import select
from seaway.runtime.users import User, find
from seaway.runtime.words import CannotRun, failure, last_error, plain

PASSWD = "root:x:0:0:r:/root:/bin/sh\nbroken\nbob:x:1000:1001::/home/bob:/bin/sh\n7:x:8:9::/seven:/bin/sh\n"
GROUP = "root:x:0:\nbob:x:1001:\nwheel:x:10:root,bob\naudio:x:29:bob\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", User(0, 0, (0, 10), "/root")),
        ("bob", User(1000, 1001, (1001, 10, 29), "/home/bob")),
        ("1000", User(1000, 1001, (1001, 10, 29), "/home/bob")),
        ("4242", User(4242, 0, (0,), "")),
        ("bob:audio", User(1000, 29, (29,), "/home/bob")),
        ("5:6", User(5, 6, (6,), "")),
        ("7", User(8, 9, (9,), "/seven")),
        (":10", User(0, 10, (10,), "/root")),
    ],
)
def test_users(user: str, expected: User) -> None:
    assert find(PASSWD, GROUP, user) == expected


def test_added_groups_and_unknown_names() -> None:
    assert find(PASSWD, GROUP, "5:6", ("audio", "77", "audio")).groups == (6, 29, 77)
    for user, text in (("eve", "unable to find user eve"), ("bob:cats", "unable to find group cats")):
        with pytest.raises(InvalidInput, match=text):
            find(PASSWD, GROUP, user)
    with pytest.raises(InvalidInput, match="uids and gids must be in range 0-2147483647"):
        find(PASSWD, GROUP, "4294967296")


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        (
            'runc create failed: unable to start container process: exec: "x": '
            "executable file not found in $PATH",
            127,
            'exec: "x": executable file not found in $PATH: unknown',
        ),
        ('time="now" level=error msg="unable to start container process: exec: \\"/x\\": stat /x: '
         'no such file or directory"', 127, 'exec: "/x": stat /x: no such file'),
        ('unable to start container process: exec: "/etc": is a directory', 126, "is a directory"),
        ("crun: executable file `x` not found in $PATH: No such file or directory", 127,
         'exec: "x": executable file not found in $PATH'),
        ("crun: open executable `/etc/passwd`: Permission denied", 126,
         'exec: "/etc/passwd": permission denied'),
        ('{"msg":"open executable: Permission denied","level":"error"}', 126,
         "executable: permission denied"),
    ],
)  # fmt: skip
def test_commands_that_cannot_run(said: str, code: int, text: str) -> None:
    error = failure("create", said)
    assert isinstance(error, CannotRun) and error.code == code and text in error.message


def test_other_failures_are_not_the_commands() -> None:
    said = "runc create failed: mountpoint for cgroup: no such file or directory"
    error = failure("create", said)
    assert not isinstance(error, CannotRun)
    assert error.message == (
        "failed to create task for container: failed to create shim task: OCI runtime create failed: "
        f"{said}: unknown"
    )
    assert failure("pause", "").message.startswith("OCI runtime pause failed: the runtime failed")
    assert plain('{"level":"error","msg":"a b"}') == "a b"
    assert last_error(b'{"level":"error","msg":"one"}\n{"level":"warning","msg":"two"}\nrest') == "one"


def test_log_lines() -> None:
    line = b"2026-01-02T03:04:05.000000006+00:00 stderr P  a b "
    piece = parse(line)
    assert piece is not None and (piece.stream, piece.whole, piece.data) == (2, False, b" a b ")
    assert nanoseconds(piece.at) == 1767323045_000000006
    assert nanoseconds(b"2026-01-02T05:04:05.000000006+02:00") == 1767323045_000000006
    assert rfc3339(piece.at) == b"2026-01-02T03:04:05.000000006Z"
    for bad in (b"", b"x stdout F", b"t stdin F x", b"t stdout Q x"):
        assert parse(bad) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("10", 10), ("1k", 1024), ("1.5m", 1572864), ("2GB", 2 << 30), ("3MiB", 3 << 20), ("-1", -1)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_log_policies() -> None:
    assert policy(LogConfig()) == ("json-file", 0, 1)
    assert policy(LogConfig(type="local")) == ("local", 20 << 20, 5)
    assert policy(LogConfig(config={"max-size": "1k", "max-file": "3"})) == ("json-file", 1024, 3)
    assert policy(LogConfig(config={"max-size": "-1"})) == ("json-file", 0, 1)


PIECES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.sampled_from(["F", "P"]), st.integers(0, 9)),
    max_size=30,
)


@given(pieces=PIECES, cuts=st.lists(st.integers(0, 30), max_size=3), tail=st.integers(0, 12))
async def test_tail_is_the_end_of_all(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, str, int]], cuts: list[int], tail: int
) -> None:
    """The last lines of a log in one stream and in several files are the last lines of what was written."""
    path = tmp_path_factory.mktemp("log") / "log"
    lines = [f"2026-01-02T03:04:05.000000006+00:00 {s} {f} {n}\n" for s, f, n in pieces]
    bounds = [0, *sorted(min(c, len(lines)) for c in cuts), len(lines)]
    for number, (start, end) in enumerate(pairwise(bounds)):
        age = len(bounds) - 2 - number
        path.with_name(f"log.{age}" if age else "log").write_text("".join(lines[start:end]))
    assert chain(path)[-1] == path
    whole = b"".join([data async for _, data in read_logs(path, stderr=False)])
    last = b"".join([data async for _, data in read_logs(path, stderr=False, tail=tail)])
    expected = whole.splitlines(keepends=True)
    assert last == b"".join(expected[len(expected) - tail :] if tail < len(expected) else expected)


async def test_what_is_no_log_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"rubbish\n2026-01-02T03:04:05.000000006+00:00 stdout F ok\n2026-01-02T03:0")
    assert [piece async for piece in read_logs(path)] == [(1, b"ok\n")]
    assert [piece async for piece in read_logs(tmp_path / "none", tail=3)] == []


def test_process_table() -> None:
    listing = "UID PID PPID CMD\nroot 1 0 init here\nroot 22 1 sh -c a b\nroot 222 1 other\nroot - - thread\n"
    assert select(listing, {22}) == {
        "Titles": ["UID", "PID", "PPID", "CMD"],
        "Processes": [["root", "22", "1", "sh -c a b"]],
    }
    with pytest.raises(InvalidInput, match="Couldn't find PID field"):
        select("UID CMD\n", set())


def test_changes(tmp_path: Path) -> None:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for folder in (lower / "etc/deep", upper / "etc/deep", upper / "dev", upper / "new"):
        folder.mkdir(parents=True)
    (lower / "etc/file").write_text("a")
    (upper / "etc/file").write_text("b")
    (upper / "etc/deep/added").write_text("")
    (upper / "new/x").write_text("")
    (upper / "etc/hosts").write_text("")
    assert changes(upper, lower) == [
        {"Path": "/etc", "Kind": 0},
        {"Path": "/etc/deep", "Kind": 0},
        {"Path": "/etc/deep/added", "Kind": 1},
        {"Path": "/etc/file", "Kind": 0},
        {"Path": "/new", "Kind": 1},
        {"Path": "/new/x", "Kind": 1},
    ]
