"""Standard streams: attaching, several at once, standard input, terminals, and exec."""

import asyncio
import hashlib
import os
import signal
from pathlib import Path

import pytest

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.model import HostConfig
from seaway.runtime.contract import Born, Box, ExecSpec
from seaway.runtime.execs import ExecHandle
from seaway.runtime.words import CannotRun
from tests.kernel.boxes import Yard, drain, gone, until

pytestmark = pytest.mark.root

BINARY = bytes(range(256)) * 4096


async def run_exec(yard: Yard, box: Box, *cmd: str, name: str = "e", **more: object) -> ExecHandle:
    spec = ExecSpec(cmd=cmd, **more)  # type: ignore[arg-type]
    return await yard.runtime.exec_start(box.container.id, name, spec, box.container)


async def exec_out(yard: Yard, box: Box, *cmd: str, **more: object) -> tuple[bytes, bytes, int]:
    handle = await run_exec(yard, box, *cmd, **more)
    out, err = await drain(handle.console)
    return out, err, await handle.wait()


async def begun(yard: Yard, *cmd: str, **config: object) -> tuple[Box, Born]:
    box = yard.box(*cmd, **config)
    return box, await yard.runtime.create(box)


async def test_stdin_half_close_and_bytes_both_ways(yard: Yard) -> None:
    box, born = await begun(yard, "cat", open_stdin=True, stdin_once=True)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)

    async def feed() -> None:
        await console.write(BINARY)
        await console.close_input()

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        out, err = await drain(console)
    assert hashlib.sha256(out).digest() == hashlib.sha256(BINARY).digest()
    assert err == b""
    assert (await yard.ended(box, born)).code == 0


async def test_writing_waits_while_nobody_reads(yard: Yard) -> None:
    box, _ = await begun(yard, "sleep", "100", open_stdin=True, stdin_once=True)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await console.write(bytes(8 << 20))
    # And the container's end lets a writer go.
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(console.write(bytes(8 << 20)))
        await asyncio.sleep(0.1)
        assert not writer.done()
        await yard.runtime.kill(box.container.id, signal.SIGKILL)
    assert await console.read() is None


async def test_output_waits_for_a_reader_and_nothing_is_lost(yard: Yard) -> None:
    size = 32 << 20
    box, born = await begun(yard, "head", "-c", str(size), "/dev/zero", host=HostConfig())
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await asyncio.sleep(0.5)
    assert console.waiting < 2 << 20
    assert await yard.runtime.alive(box.container.id, born.monitor) == born.pid
    out, _ = await drain(console)
    assert len(out) == size and not out.strip(b"\0")
    assert (await yard.ended(box, born)).code == 0


async def test_several_attachments_see_the_same(yard: Yard) -> None:
    box, _ = await begun(yard, "sh", "-c", "read line; echo got $line; echo e >&2", open_stdin=True)
    first, second = [await yard.runtime.attach(box.container.id) for _ in range(2)]
    await yard.runtime.start(box.container.id)
    gone_early = await yard.runtime.attach(box.container.id)
    gone_early.close()
    await second.write(b"it\n")
    assert await drain(first) == (b"got it\n", b"e\n")
    assert await drain(second) == (b"got it\n", b"e\n")
    assert await gone_early.read() is None


async def test_a_watcher_that_leaves_does_not_end_standard_input(yard: Yard) -> None:
    box, _ = await begun(yard, "cat", open_stdin=True, stdin_once=True)
    typist = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    watcher = await yard.runtime.attach(box.container.id)
    watcher.close()
    await typist.write(b"still here\n")
    await until(typist, b"still here\n")
    await typist.close_input()
    assert await drain(typist) == (b"", b"")


async def test_standard_input_held_open_between_attachments(yard: Yard) -> None:
    box, born = await begun(yard, "cat", open_stdin=True, stdin_once=False)
    await yard.runtime.start(box.container.id)
    for word in (b"one\n", b"two\n"):
        console = await yard.runtime.attach(box.container.id)
        await console.write(word)
        await until(console, word)
        await console.close_input()
        console.close()
    assert await yard.runtime.alive(box.container.id, born.monitor) == born.pid


async def test_container_outlives_all_its_attachments(yard: Yard) -> None:
    box, born = await begun(yard, "sh", "-c", "while :; do echo x; sleep 0.01; done")
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await until(console, b"x")
    console.close()
    await asyncio.sleep(0.2)
    assert await yard.runtime.alive(box.container.id, born.monitor) == born.pid
    again = await yard.runtime.attach(box.container.id)
    await until(again, b"x")
    again.close()


async def test_terminal_size_and_its_change(yard: Yard) -> None:
    script = "stty size; trap 'stty size' WINCH; while :; do sleep 0.05; done"
    host = HostConfig(console_size=(33, 99))
    box, _ = await begun(yard, "sh", "-c", script, tty=True, open_stdin=True, host=host)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await until(console, b"33 99\r\n")
    for height, width in ((40, 120), (41, 121), (42, 122)):
        await yard.runtime.resize(box.container.id, height, width)
    await until(console, b"42 122\r\n")


async def test_resize_before_start(yard: Yard) -> None:
    box, _ = await begun(yard, "stty", "size", tty=True, open_stdin=True)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.resize(box.container.id, 50, 200)
    await yard.runtime.start(box.container.id)
    assert await drain(console) == (b"50 200\r\n", b"")
    with pytest.raises(RuntimeFailed, match="is not running"):
        await yard.runtime.resize("0" * 64, 1, 1)


async def test_terminal_survives_detaching(yard: Yard) -> None:
    box, _ = await begun(yard, "sh", tty=True, open_stdin=True, stdin_once=True)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await console.write(b"X=kept\n")
    await until(console, b"X=kept")
    await console.close_input()
    console.close()
    await asyncio.sleep(0.05)
    again = await yard.runtime.attach(box.container.id)
    await again.write(b"echo $X-again\n")
    await until(again, b"kept-again\r\n")


async def test_attach_with_a_very_long_path(yard: Yard) -> None:
    yard.tmp = yard.tmp / ("long" * 30)
    yard.runtime = yard.another()
    assert (await yard.out("echo", "far"))[0] == b"far\n"
    box = yard.box("echo", "tty", tty=True)
    born = await yard.runtime.create(box)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    assert await drain(console) == (b"tty\r\n", b"")
    await yard.ended(box, born)


async def test_exec_output_and_status(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100", env=("A=1", "B=2"), working_dir="/tmp")
    script = "echo $A $B $C; pwd; id -u; hostname; echo err >&2; exit 7"
    out, err, code = await exec_out(yard, box, "sh", "-c", script, env=("B=3", "C=4"))
    assert out == b"1 3 4\n/tmp\n0\nboxhost\n"
    assert (err, code) == (b"err\n", 7)
    assert not any((yard.tmp / "exec" / box.container.id / "exec").iterdir())


async def test_exec_loses_no_output_however_quick(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    for n in range(10):
        tty = n % 2 == 0
        out, _, code = await exec_out(yard, box, "echo", f"n{n}", name=f"q{n}", tty=tty)
        assert (out, code) == ((b"n%d\r\n" if tty else b"n%d\n") % n, 0)
    statuses = [(await exec_out(yard, box, "sh", "-c", f"exit {n}", tty=n % 2 == 0))[2] for n in range(6)]
    assert statuses == list(range(6))


async def test_exec_stdin_bytes(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    handle = await run_exec(yard, box, "cat", stdin=True)

    async def feed() -> None:
        await handle.console.write(BINARY)
        await handle.console.close_input()

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        out, _ = await drain(handle.console)
    assert out == BINARY
    assert await handle.wait() == 0


async def test_exec_terminal(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    handle = await run_exec(yard, box, "sh", stdin=True, tty=True, size=(20, 70))
    await handle.console.write(b"stty size\n")
    await until(handle.console, b"20 70\r\n")
    await handle.resize(21, 71)
    await handle.console.write(b"stty size; echo T=$TERM; exit 6\n")
    text = await until(handle.console, b"T=xterm\r\n")
    assert b"21 71\r\n" in text
    async with asyncio.timeout(10):
        assert await asyncio.gather(handle.wait(), handle.wait()) == [6, 6]
    with pytest.raises(RuntimeFailed, match="not running"):
        await handle.resize(1, 1)


async def test_exec_as_a_user(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100", user="alice")
    out = (await exec_out(yard, box, "id"))[0]
    assert out == b"uid=1000(alice) gid=1001(alice) groups=10(wheel),1001(alice)\n"
    out = (await exec_out(yard, box, "id", user="0:audio"))[0]
    assert out == b"uid=0(root) gid=29(audio) groups=29(audio)\n"
    with pytest.raises(InvalidInput, match="unable to find user bob: no matching entries in passwd file"):
        await exec_out(yard, box, "id", user="bob")


@pytest.mark.parametrize("tty", [False, True])
async def test_exec_that_cannot_run(yard: Yard, tty: bool) -> None:
    box, _ = await yard.up("sleep", "100")
    with pytest.raises(CannotRun) as caught:
        await run_exec(yard, box, "nosuch", tty=tty)
    assert caught.value.code == 127
    assert caught.value.message == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nosuch": executable file not found in $PATH: unknown'
    )
    with pytest.raises(CannotRun) as caught:
        await run_exec(yard, box, "/etc/passwd", tty=tty)
    assert caught.value.code == 126
    assert not any((yard.tmp / "exec" / box.container.id / "exec").iterdir())


async def test_exec_detached_and_after_the_daemon(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    spec = ExecSpec(cmd=("sh", "-c", "echo unread; sleep 0.3; touch /root/done; sleep 100"))
    handle = await yard.runtime.exec_start(box.container.id, "d", spec, box.container, detach=True)
    assert handle.pid > 0 and not gone(handle.pid)
    assert await handle.console.read() is None
    done = yard.tmp / "roots" / box.container.id / "upper/root/done"
    async with asyncio.timeout(10):
        while not done.exists():
            await asyncio.sleep(0.02)
    await yard.runtime.delete(box.container.id)
    async with asyncio.timeout(10):
        assert await handle.wait() == 137


async def test_exec_killed_reports_the_signal(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    handle = await run_exec(yard, box, "sleep", "100")
    os.kill(handle.pid, signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await handle.wait() == 143


async def test_exec_privileged(yard: Yard) -> None:
    box, _ = await yard.up("sleep", "100")
    script = "grep CapEff /proc/self/status"
    plain = (await exec_out(yard, box, "sh", "-c", script))[0].split()[1]
    full = (await exec_out(yard, box, "sh", "-c", script, privileged=True))[0].split()[1]
    assert plain == b"00000000a80425fb"
    assert int(full, 16) > int(plain, 16)


async def test_exec_in_what_does_not_run(yard: Yard) -> None:
    box, born = await yard.up("true")
    await yard.ended(box, born)
    with pytest.raises(RuntimeFailed):
        await run_exec(yard, box, "true")
    await yard.runtime.delete(box.container.id)
    with pytest.raises(RuntimeFailed, match="is not running"):
        await run_exec(yard, box, "true")
    assert not Path(yard.tmp / "exec" / box.container.id).exists()
