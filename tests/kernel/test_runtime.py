"""Containers as processes: life, death, what is left behind, and a daemon that dies in between."""

import asyncio
import contextlib
import os
import shutil
import signal
import time

import pytest

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.model import HostConfig
from seaway.runtime.contract import ExecSpec
from seaway.runtime.words import CannotRun
from tests.kernel.boxes import Yard, drain, gone, until, words

pytestmark = pytest.mark.root


async def test_output_and_exit_status(yard: Yard) -> None:
    out, err, code = await yard.out("sh", "-c", "echo hello; echo oops >&2; printf end; exit 3")
    assert (out, err, code) == (b"hello\nend", b"oops\n", 3)


async def test_create_waits_for_start(yard: Yard) -> None:
    box = yard.box("sh", "-c", "echo ran")
    born = await yard.runtime.create(box)
    assert os.path.exists(f"/proc/{born.pid}") and os.path.exists(f"/proc/{born.monitor}")
    assert await yard.runtime.alive(box.container.id, born.monitor) == 0
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    assert await drain(console) == (b"ran\n", b"")


async def test_pid_is_the_real_one(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    assert await yard.runtime.alive(box.container.id, born.monitor) == born.pid
    assert yard.runtime.pid(box.container.id) == born.pid
    assert (await words(born.pid))[:2] == ["sleep", "100"]


async def test_nothing_is_left_after_delete(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    await yard.runtime.delete(box.container.id)
    assert gone(born.pid)
    assert gone(born.monitor)
    assert not (yard.tmp / "exec" / box.container.id).exists()
    await yard.runtime.delete(box.container.id)
    await yard.runtime.remove(box.container.id)
    await yard.runtime.remove(box.container.id)


async def test_writable_layer_survives_delete_not_remove(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "echo kept > /root/file")
    await yard.ended(box, born)
    await yard.runtime.delete(box.container.id)
    again = await yard.runtime.create(box)
    console = await yard.runtime.attach(box.container.id)
    assert again.pid != born.pid
    written = yard.tmp / "roots" / box.container.id / "upper/root/file"
    assert written.read_text() == "kept\n"
    console.close()
    await yard.runtime.remove(box.container.id)
    assert not written.exists()


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("nosuchcmd", 127, 'exec: "nosuchcmd": executable file not found in $PATH: unknown'),
        ("/no/such", 127, "no such file or directory"),
        ("/etc/passwd", 126, "permission denied"),
    ],
)
async def test_commands_that_cannot_run(yard: Yard, command: str, code: int, text: str) -> None:
    box = yard.box(command)
    with pytest.raises(CannotRun) as caught:
        await yard.runtime.create(box)
    assert text in caught.value.message
    assert caught.value.message.startswith(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    )
    assert caught.value.code == code
    assert isinstance(caught.value, InvalidInput) and isinstance(caught.value, RuntimeFailed)
    assert not (yard.tmp / "exec" / box.container.id).exists()


async def test_command_that_cannot_run_with_a_terminal(yard: Yard) -> None:
    with pytest.raises(CannotRun, match="executable file not found"):
        await yard.runtime.create(yard.box("nosuchcmd", tty=True, open_stdin=True))


async def test_failure_of_conmon_itself(yard: Yard) -> None:
    yard.runtime._conmon = "/bin/false"
    with pytest.raises(RuntimeFailed, match="conmon refused"):
        await yard.runtime.create(yard.box("true"))
    yard.runtime._conmon = "/no/such/conmon"
    with pytest.raises(RuntimeFailed, match="cannot run /no/such/conmon"):
        await yard.runtime.create(yard.box("true"))


async def test_cancelled_create_leaves_nothing(yard: Yard) -> None:
    for delay in (0.001, 0.004, 0.007, 0.01, 0.015, 0.02, 0.025, 0.03):
        box = yard.box("sleep", "100")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(delay):
                await yard.runtime.create(box)
                await asyncio.sleep(1)
                raise AssertionError("not reached")
        await yard.runtime.delete(box.container.id)


async def test_kill_and_wait(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    waiting = asyncio.gather(*(yard.ended(box, born) for _ in range(3)))
    await asyncio.sleep(0)
    await yard.runtime.kill(box.container.id, signal.SIGKILL)
    first = await waiting
    assert [e.code for e in first] == [137, 137, 137]
    assert not first[0].oom and first[0].at.endswith("Z")
    assert (await yard.ended(box, born)).code == 137
    with pytest.raises(RuntimeFailed, match=f"container {box.container.id} is not running"):
        await yard.runtime.kill(box.container.id, signal.SIGTERM)


async def test_waiters_learn_the_end_when_the_container_is_deleted_under_them(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(yard.ended(box, born))
        await asyncio.sleep(0.05)
        await yard.runtime.delete(box.container.id)
    assert waiter.result().code == 137


async def test_signal_reaches_the_process(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "trap 'exit 42' TERM; echo set; while :; do sleep 0.05; done")
    console = await yard.runtime.attach(box.container.id)
    async with asyncio.timeout(10):
        while not yard.runtime.log_path(box.container.id).read_bytes():
            await asyncio.sleep(0.01)
    await yard.runtime.kill(box.container.id, signal.SIGTERM)
    assert (await yard.ended(box, born)).code == 42
    console.close()


async def test_pause_and_resume(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "while :; do echo tick; sleep 0.02; done")
    log = yard.runtime.log_path(box.container.id)
    await yard.runtime.pause(box.container.id)
    assert await yard.runtime.alive(box.container.id, born.monitor) == born.pid
    await asyncio.sleep(0.1)
    before = log.stat().st_size
    await asyncio.sleep(0.2)
    assert log.stat().st_size == before
    await yard.runtime.resume(box.container.id)
    await asyncio.sleep(0.3)
    assert log.stat().st_size > before


async def test_kill_wakes_a_paused_container_to_die(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    await yard.runtime.pause(box.container.id)
    await yard.runtime.kill(box.container.id, signal.SIGKILL)
    assert (await yard.ended(box, born)).code == 137


async def test_a_paused_container_can_be_deleted(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    await yard.runtime.pause(box.container.id)
    await yard.runtime.delete(box.container.id)
    assert gone(born.pid)


async def test_the_next_daemon_adopts(yard: Yard) -> None:
    box, born = await yard.up("sh", "-c", "while :; do sleep 0.05; [ -e /root/stop ] && exit 9; done")
    next_daemon = yard.another()
    assert await next_daemon.alive(box.container.id, born.monitor) == born.pid
    console = await next_daemon.attach(box.container.id)
    spec = ExecSpec(cmd=("touch", "/root/stop"))
    handle = await next_daemon.exec_start(box.container.id, "e1", spec, box.container)
    assert await handle.wait() == 0
    async with asyncio.timeout(10):
        assert (await next_daemon.wait(box.container.id, born.monitor)).code == 9
    assert await drain(console) == (b"", b"")
    # Long after the end, and with a monitor number that was given to another process since.
    assert (await yard.another().wait(box.container.id, os.getpid())).code == 9
    assert await yard.another().alive(box.container.id, born.monitor) == 0
    await yard.another().delete(box.container.id)


async def test_a_killed_monitor_takes_the_container_with_it(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100")
    os.kill(born.monitor, signal.SIGKILL)
    async with asyncio.timeout(10):
        ended = await yard.runtime.wait(box.container.id, born.monitor)
    assert ended.code == 137
    assert gone(born.pid)
    assert (await yard.another().wait(box.container.id, born.monitor)).code == 137
    assert await yard.runtime.alive(box.container.id, born.monitor) == 0


async def test_nothing_known_is_no_success(yard: Yard) -> None:
    ended = await yard.runtime.wait("0" * 64, 0)
    assert ended.code == 255
    with pytest.raises(RuntimeFailed, match="is not running"):
        await yard.runtime.start("0" * 64)
    with pytest.raises(RuntimeFailed, match="is not running"):
        await yard.runtime.attach("0" * 64)


async def test_unknown_runtime_and_crun_on_hybrid_groups(yard: Yard) -> None:
    with pytest.raises(InvalidInput, match="unknown or invalid runtime name: kata; known are crun, runc"):
        await yard.runtime.create(yard.box("true", host=HostConfig(runtime="kata")))
    if yard.runtime._maker.machine.cgroups == "hybrid":
        with pytest.raises(RuntimeFailed, match="hybrid control groups"):
            await yard.runtime.create(yard.box("true", host=HostConfig(runtime="crun")))


async def test_no_descriptor_of_the_daemon_leaks(yard: Yard) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    _, born = await yard.up("sleep", "100")
    ours = os.readlink(f"/proc/self/fd/{writer}")
    for pid in (born.pid, born.monitor):
        held = set()
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # the process closed it meanwhile
                held.add(os.readlink(entry.path))
        assert held
        assert ours not in held
    os.close(reader)
    os.close(writer)


async def test_no_descriptor_stays_open_in_the_daemon(yard: Yard) -> None:
    await yard.out("true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await yard.out("true")
        with pytest.raises(CannotRun):
            await yard.runtime.create(yard.box("nosuchcmd"))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_many_at_once(yard: Yard) -> None:
    results = await asyncio.gather(*(yard.out("sh", "-c", f"echo {n}; exit {n}") for n in range(8)))
    assert results == [(b"%d\n" % n, b"", n) for n in range(8)]


async def test_start_to_exit_is_quick(yard: Yard) -> None:
    """The figure is printed with -s; the bound only catches a timer that was mistaken for an event."""
    times = []
    for _ in range(5):
        box = yard.box("true")
        began = time.perf_counter()
        born = await yard.runtime.create(box)
        created = time.perf_counter()
        await yard.runtime.start(box.container.id)
        assert (await yard.ended(box, born)).code == 0
        ended = time.perf_counter()
        await yard.runtime.delete(box.container.id)
        times.append((created - began, ended - created, time.perf_counter() - ended))
    best = [min(column) * 1000 for column in zip(*times, strict=True)]
    print("true: create {:.1f} ms, start to exit {:.1f} ms, delete {:.1f} ms".format(*best))
    assert sum(best) < 1000


async def test_interactive_shell_sees_typing(yard: Yard) -> None:
    box = yard.box("sh", tty=True, open_stdin=True, stdin_once=True)
    born = await yard.runtime.create(box)
    console = await yard.runtime.attach(box.container.id)
    await yard.runtime.start(box.container.id)
    await console.write(b"echo $((6*7))\n")
    await until(console, b"42\r\n")
    await console.write(b"exit 5\n")
    await drain(console)
    assert (await yard.ended(box, born)).code == 5


@pytest.mark.parametrize("way", ["kill", "wait", "delete"])
async def test_a_container_that_lost_its_files_can_still_be_ended(yard: Yard, way: str) -> None:
    box, born = await yard.up("sh", "-c", "sleep 600 & sleep 600")
    shutil.rmtree(yard.tmp / "exec")
    runtime = yard.another()
    if way == "kill":
        await runtime.kill(box.container.id, signal.SIGKILL)
    elif way == "wait":
        assert (await runtime.wait(box.container.id, born.monitor)).code == 255
    await runtime.delete(box.container.id)
    assert not os.path.exists(f"/proc/{born.pid}")
    with pytest.raises(RuntimeFailed, match="is not running"):
        await runtime.kill(box.container.id, signal.SIGKILL)
