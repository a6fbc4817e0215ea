"""Logs: every byte back, followed across rotations, cut by time and by lines."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from seaway.errors import InvalidInput
from seaway.model import HostConfig
from seaway.model.container import LogConfig
from seaway.runtime.contract import Born, Box
from seaway.runtime.logs import chain, read_logs
from tests.kernel.boxes import Yard

pytestmark = pytest.mark.root


async def collect(pieces: AsyncIterator[tuple[int, bytes]]) -> dict[int, bytes]:
    found = {1: bytearray(), 2: bytearray()}
    async with asyncio.timeout(40):
        async for stream, data in pieces:
            found[stream] += data
    return {stream: bytes(data) for stream, data in found.items()}


async def logged(yard: Yard, script: str, **options: Any) -> dict[int, bytes]:
    box, born = await yard.up("sh", "-c", script)
    await yard.ended(box, born)
    return await collect(read_logs(yard.runtime.log_path(box.container.id), **options))


def limited(size: str, files: str) -> HostConfig:
    return HostConfig(log_config=LogConfig(type="json-file", config={"max-size": size, "max-file": files}))


async def rotating(yard: Yard, box: Box, born: Born) -> int:
    """Rotate until the container ends; how often."""
    times = 0
    async with asyncio.timeout(40):
        while await yard.runtime.alive(box.container.id, born.monitor):
            times += await yard.runtime.rotate_due(box.container.id)
            await asyncio.sleep(0.005)
    return times


async def test_all_bytes_come_back(yard: Yard) -> None:
    script = "echo out; echo err >&2; printf 'no newline'; printf '\\000\\001\\377 \\r\\n\\n\\n x'"
    assert await logged(yard, script) == {
        1: b"out\nno newline\x00\x01\xff \r\n\n\n x",
        2: b"err\n",
    }


async def test_very_long_lines_and_random_bytes(yard: Yard) -> None:
    script = "head -c 3000000 /dev/urandom | tee /root/sent;"
    script += "yes | head -c 300001 | tr -d '\\n' | tee -a /root/sent"
    box, born = await yard.up("sh", "-c", script)
    await yard.ended(box, born)
    sent = (yard.tmp / "roots" / box.container.id / "upper/root/sent").read_bytes()
    assert len(sent) > 3_000_000
    got = await collect(read_logs(yard.runtime.log_path(box.container.id)))
    assert hashlib.sha256(got[1]).digest() == hashlib.sha256(sent).digest()


async def test_streams_are_chosen(yard: Yard) -> None:
    script = "echo out; echo err >&2"
    assert await logged(yard, script, stderr=False) == {1: b"out\n", 2: b""}
    assert await logged(yard, script, stdout=False) == {1: b"", 2: b"err\n"}


async def test_tail(yard: Yard) -> None:
    script = "for i in 1 2 3; do echo $i; done; printf end"
    for tail, text in ((0, b""), (1, b"end"), (2, b"3\nend"), (4, b"1\n2\n3\nend"), (9, b"1\n2\n3\nend")):
        assert (await logged(yard, script, tail=tail))[1] == text
    assert (await logged(yard, "head -c 20000 /dev/zero | tr '\\000' x; echo; echo last", tail=2))[1] == (
        b"x" * 20000 + b"\nlast\n"
    )


async def test_times(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "echo early; sleep 0.6; echo late; head -c 9000 /dev/zero; echo")
    await yard.ended(box, born)
    path = yard.runtime.log_path(box.container.id)
    stamped = (await collect(read_logs(path, timestamps=True)))[1].splitlines()
    assert len(stamped) == 3 and stamped[2].count(b"Z ") == 1
    stamp, text = stamped[0].split(b" ")
    assert text == b"early" and len(stamp) == len("2026-01-01T00:00:00.123456789Z") and stamp.endswith(b"Z")
    middle = time.time_ns() - 300_000_000
    assert (await collect(read_logs(path, until=middle)))[1] == b"early\n"
    assert b"early" not in (await collect(read_logs(path, since=middle)))[1]
    assert (await collect(read_logs(path, since=time.time_ns())))[1] == b""


async def test_follow_is_prompt_and_ends_with_the_container(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "printf pro; sleep 0.1; echo mpt; sleep 0.5; echo bye")
    going = True
    pieces = read_logs(yard.runtime.log_path(box.container.id), follow=True, running=lambda: going)
    async with asyncio.timeout(10):
        assert await anext(pieces) == (1, b"prompt\n")
        assert await yard.runtime.alive(box.container.id, born.monitor)
        await yard.ended(box, born)
        going = False
        assert b"".join([data async for _, data in pieces]) == b"bye\n"


async def test_follow_across_rotations_loses_nothing(yard: Yard) -> None:
    script = (
        "for i in $(seq 1 4000); do echo line $i of the long story; [ $((i % 40)) = 0 ] && sleep 0.01; done"
    )
    box = yard.box("sh", "-c", script, host=limited("8k", "3"))
    born = await yard.runtime.create(box)
    ended = False
    path = yard.runtime.log_path(box.container.id)
    async with asyncio.TaskGroup() as group:
        followers = [
            group.create_task(collect(read_logs(path, follow=True, running=lambda: not ended)))
            for _ in range(2)
        ]
        await yard.runtime.start(box.container.id)
        times = await rotating(yard, box, born)
        await yard.ended(box, born)
        ended = True
    expected = b"".join(b"line %d of the long story\n" % n for n in range(1, 4001))
    assert times >= 3
    assert followers[0].result()[1] == expected
    assert followers[1].result()[1] == expected
    assert len(chain(path)) == 3
    rest = (await collect(read_logs(path)))[1]
    assert expected.endswith(rest) and rest.count(b"\n") > 100
    tail = (await collect(read_logs(path, tail=rest.count(b"\n") - 5)))[1]
    assert tail == b"".join(rest.splitlines(keepends=True)[5:])


async def test_rotation_that_a_killed_daemon_left_half_done(yard: Yard) -> None:
    box = yard.box("sh", "-c", "while read l; do echo $l; done", host=limited("1m", "2"), open_stdin=True)
    await yard.runtime.create(box)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await console.write(b"one\n")
    assert await console.read() == (1, b"one\n")
    path = yard.runtime.log_path(box.container.id)
    path.rename(path.with_name(path.name + ".1"))
    assert await yard.another().rotate_due(box.container.id)
    await console.write(b"two\n")
    assert await console.read() == (1, b"two\n")
    assert (await collect(read_logs(path)))[1] == b"one\ntwo\n"
    assert not await yard.runtime.rotate_due(box.container.id)


async def test_one_file_only(yard: Yard) -> None:
    box = yard.box("sh", "-c", "yes | head -c 30000; sleep 100", host=limited("4k", "1"))
    await yard.runtime.create(box)
    await yard.runtime.start(box.container.id)
    path = yard.runtime.log_path(box.container.id)
    async with asyncio.timeout(10):
        while not await yard.runtime.rotate_due(box.container.id):
            await asyncio.sleep(0.02)
    assert chain(path) == [path]
    await yard.runtime.remove(box.container.id)
    assert not path.parent.exists()


async def test_no_log_at_all(yard: Yard) -> None:
    host = HostConfig(log_config=LogConfig(type="none"))
    assert (await yard.out("echo", "seen", host=host))[0] == b"seen\n"
    box, born = await yard.up("echo", "x", host=host)
    await yard.ended(box, born)
    path = yard.runtime.log_path(box.container.id)
    assert not path.exists() and not await yard.runtime.rotate_due(box.container.id)
    assert await collect(read_logs(path)) == {1: b"", 2: b""}


async def test_logs_go_on_over_a_restart(yard: Yard) -> None:
    box, born = await yard.up("echo", "again")
    await yard.ended(box, born)
    await yard.runtime.delete(box.container.id)
    born = await yard.runtime.create(box)
    await yard.runtime.start(box.container.id)
    await yard.ended(box, born)
    path = yard.runtime.log_path(box.container.id)
    assert (await collect(read_logs(path)))[1] == b"again\nagain\n"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (LogConfig(type="syslog"), "no log driver named 'syslog' is registered"),
        (LogConfig(config={"max-size": "much"}), "invalid size: 'much'"),
        (LogConfig(config={"max-file": "0"}), "max-file cannot be less than 1"),
    ],
)
async def test_bad_log_options(yard: Yard, config: LogConfig, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        await yard.runtime.create(yard.box("true", host=HostConfig(log_config=config)))
