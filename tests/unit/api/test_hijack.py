"""Hijacked connections: heads, frames, half-close, backpressure, detaching, exec."""

import asyncio
import json
import socket
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, WSMsgType

from seaway.errors import RuntimeFailed
from seaway.model import Config
from tests.unit.api.conftest import Face, read_head, until
from tests.unit.api.stub import container

UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
EXEC = "e" * 64


async def attach(
    face: Face,
    query: str = "stream=1&stdin=1&stdout=1&stderr=1",
    version: str = "/v1.50",
    more: str = UPGRADE,
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await face.connect()
    writer.write(f"POST {version}/containers/c1/attach?{query} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return head, reader, writer


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    stream, size = struct.unpack(">BxxxL", await asyncio.wait_for(reader.readexactly(8), 5))
    return stream, await reader.readexactly(size)


async def test_the_head_is_exactly_dockers(face: Face) -> None:
    head, _, writer = await attach(face)
    assert head == (
        b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    assert face.engine.last("containers.attach")[1] == {
        "stdin": True, "stdout": True, "stderr": True, "stream": True, "logs": False,
    }  # fmt: skip
    writer.close()


@pytest.mark.parametrize(("version", "tty"), [("/v1.41", False), ("/v1.50", True)])
async def test_raw_stream_for_old_clients_and_terminals(face: Face, version: str, tty: bool) -> None:
    face.engine.one = container(config=Config(tty=tty))
    head, reader, writer = await attach(face, version=version)
    assert b"Content-Type: application/vnd.docker.raw-stream\r\n" in head
    face.engine.console.out.put_nowait((1, b"hi"))
    if tty:
        assert await reader.readexactly(2) == b"hi"
    else:
        assert await frame(reader) == (1, b"hi")
    writer.close()


async def test_frames_both_ways_and_half_close(face: Face) -> None:
    _, reader, writer = await attach(face)
    console = face.engine.console
    writer.write(b"to stdin")
    await asyncio.wait_for(console.heard.wait(), 5)
    writer.write_eof()
    await asyncio.wait_for(console.input_over.wait(), 5)
    assert bytes(console.said) == b"to stdin"
    console.out.put_nowait((1, b"after eof"))
    assert await frame(reader) == (1, b"after eof")
    console.out.put_nowait((2, b"err"))
    assert await frame(reader) == (2, b"err")
    console.out.put_nowait(None)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    await asyncio.wait_for(console.closed.wait(), 5)
    writer.close()


async def test_half_close_before_any_output_loses_nothing(face: Face) -> None:
    """What the CLI does for ``docker run image echo``: it has no input, and says so at once."""
    face.engine.console.out.put_nowait((1, b"o\n"))
    face.engine.console.out.put_nowait(None)
    _, reader, writer = await attach(face, query="stream=1&stdout=1")
    writer.write_eof()
    assert await frame(reader) == (1, b"o\n")
    assert await reader.read() == b""
    assert not face.engine.console.input_over.is_set()
    writer.close()


async def test_output_never_comes_in_one_burst_with_the_head(face: Face) -> None:
    """A client that is slow to read the head must still get it alone (docker-py loses the rest)."""
    face.engine.console.out.put_nowait((1, b"early"))
    face.engine.console.out.put_nowait(None)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, str(face.path))
        query = "stream=1&stdout=1"
        text = f"POST /containers/c1/attach?{query} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n"
        await loop.sock_sendall(sock, text.encode())
        await asyncio.sleep(0.2)
        first = await loop.sock_recv(sock, 65536)
        assert first.startswith(b"HTTP/1.1 101")
        assert first.endswith(b"\r\n\r\n")
        rest = b""
        while piece := await asyncio.wait_for(loop.sock_recv(sock, 65536), 5):
            rest += piece
        assert rest == struct.pack(">BxxxL", 1, 5) + b"early"


async def test_without_upgrade_it_is_a_200_until_close(face: Face) -> None:
    head, reader, writer = await attach(face, query="stream=1&stdout=1", more="")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
    assert b"Transfer-Encoding" not in head
    face.engine.console.out.put_nowait((1, b"x"))
    face.engine.console.out.put_nowait(None)
    assert await frame(reader) == (1, b"x")
    assert await reader.read() == b""
    writer.close()


async def test_attach_to_nobody_is_an_ordinary_404(face: Face) -> None:
    reader, writer = await face.connect()
    writer.write(f"POST /containers/zzz/attach?stream=1 HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
    status, headers = await read_head(reader)
    assert status == 404
    assert headers["content-type"] == "application/json"
    writer.close()


async def test_a_client_that_leaves_is_forgotten(face: Face) -> None:
    _, _, writer = await attach(face)
    writer.close()
    await asyncio.wait_for(face.engine.console.closed.wait(), 5)


async def test_a_failing_console_ends_the_stream(face: Face) -> None:
    async def read() -> None:
        raise RuntimeFailed("conmon has gone")

    face.engine.console.read = read  # type: ignore[assignment,method-assign]
    _, reader, writer = await attach(face)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert face.engine.console.closed.is_set()
    writer.close()


async def test_input_waits_for_a_process_that_does_not_read(face: Face) -> None:
    """A client that floods standard input is held back instead of filling our memory."""
    console = face.engine.console
    console.taking.clear()
    _, _, writer = await attach(face)
    writer.transport.set_write_buffer_limits(high=65536)
    writer.write(bytes(16 << 20))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.3)
    console.taking.set()
    await asyncio.wait_for(writer.drain(), 20)
    writer.write_eof()
    await asyncio.wait_for(console.input_over.wait(), 10)
    assert len(console.said) == 16 << 20
    writer.close()


async def test_output_waits_for_a_client_that_does_not_read(face: Face) -> None:
    _, reader, writer = await attach(face)
    for _ in range(200):
        face.engine.console.out.put_nowait((1, bytes(1 << 16)))
    await asyncio.sleep(0.3)
    assert face.engine.console.out.qsize() > 100
    total = 0
    face.engine.console.out.put_nowait(None)
    while data := await asyncio.wait_for(reader.read(1 << 20), 5):
        total += len(data)
    assert total == 200 * ((1 << 16) + 8)
    writer.close()


@pytest.mark.parametrize(("keys", "typed"), [("", b"\x10\x11"), ("ctrl-a,x", b"\x01x")])
async def test_detach_keys_on_a_terminal(face: Face, keys: str, typed: bytes) -> None:
    face.engine.one = container(config=Config(tty=True, open_stdin=True))
    _, reader, writer = await attach(face, query=f"stream=1&stdin=1&stdout=1&detachKeys={keys}")
    writer.write(b"cat")
    for byte in typed:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert bytes(face.engine.console.said) == b"cat"
    assert not face.engine.console.input_over.is_set()
    writer.close()


async def test_bad_detach_keys(face: Face) -> None:
    face.engine.one = container(config=Config(tty=True))
    answer = await face.ask("POST", "/containers/c1/attach?stdin=1&detachKeys=ctrl-%C3%A4")
    assert answer.status == 400
    assert "Invalid escape keys" in answer.message


async def test_attach_over_a_websocket(face: Face) -> None:
    async with (
        ClientSession(connector=UnixConnector(str(face.path))) as session,
        session.ws_connect("http://x/v1.50/containers/c1/attach/ws?stdin=1&stdout=1&stream=1") as socket,
    ):
        await socket.send_str("to ")
        await socket.send_bytes(b"stdin")
        await until(lambda: bytes(face.engine.console.said) == b"to stdin")
        face.engine.console.out.put_nowait((1, b"out"))
        assert await asyncio.wait_for(socket.receive_bytes(), 5) == b"out"
        face.engine.console.out.put_nowait(None)
        assert (await asyncio.wait_for(socket.receive(), 5)).type is WSMsgType.CLOSE
    assert face.engine.console.closed.is_set()


async def test_a_websocket_client_that_leaves_is_forgotten(face: Face) -> None:
    async with ClientSession(connector=UnixConnector(str(face.path))) as session:
        socket = await session.ws_connect("http://x/containers/c1/attach/ws?stdout=1&stream=1")
        await socket.close()
        await asyncio.wait_for(face.engine.console.closed.wait(), 5)


# -- exec


async def make_exec(face: Face, **body: Any) -> None:
    answer = await face.ask("POST", "/v1.50/containers/c1/exec", {"Cmd": ["ls"], **body})
    assert (answer.status, answer.json) == (201, {"Id": EXEC})


async def start_exec(face: Face, **body: Any) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    data = json.dumps({"Detach": False, "Tty": False, **body})
    reader, writer = await face.connect()
    writer.write(
        f"POST /v1.50/exec/{EXEC}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n{UPGRADE}\r\n{data}".encode()
    )
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5), reader, writer


async def test_exec_runs_on_the_connection(face: Face) -> None:
    await make_exec(face, AttachStdin=True, Env=None, Tty=False)
    head, reader, writer = await start_exec(face)
    assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    console = face.engine.exec_console
    assert console is not None
    writer.write(b"in")
    writer.write_eof()
    await asyncio.wait_for(console.input_over.wait(), 5)
    console.out.put_nowait((2, b"e"))
    console.out.put_nowait(None)
    assert await frame(reader) == (2, b"e")
    assert await reader.read() == b""
    assert bytes(console.said) == b"in"
    shape = (await face.ask("GET", f"/exec/{EXEC}/json")).json
    assert set(shape) == {
        "ID", "Running", "ExitCode", "ProcessConfig", "OpenStdin", "OpenStderr", "OpenStdout", "CanRemove",
        "ContainerID", "DetachKeys", "Pid",
    }  # fmt: skip
    assert shape["ProcessConfig"] == {"tty": False, "entrypoint": "ls", "arguments": [], "privileged": False}
    writer.close()


async def test_exec_ends_when_its_status_is_known(face: Face) -> None:
    """The CLI asks for the exit status as soon as the output has ended."""
    await make_exec(face)
    known: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    face.engine.handle = SimpleNamespace(wait=lambda: known)
    _, reader, writer = await start_exec(face)
    assert face.engine.exec_console is not None
    face.engine.exec_console.out.put_nowait(None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(), 0.1)
    known.set_result(4)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_exec_detached(face: Face) -> None:
    await make_exec(face)
    face.engine.exec_console = None
    answer = await face.ask("POST", f"/exec/{EXEC}/start", {"Detach": True})
    assert (answer.status, answer.body) == (200, b"")


async def test_exec_that_cannot_start_says_so_in_the_stream(face: Face) -> None:
    await make_exec(face)
    text = 'exec failed: "nosuch": executable file not found in $PATH'

    async def start(*_a: Any, **_k: Any) -> None:
        raise RuntimeFailed(text)

    face.engine.execs._answers["start"] = start
    head, reader, writer = await start_exec(face)
    assert b" 101 " in head
    assert await frame(reader) == (1, f"{text}\r\n".encode())
    writer.close()
    answer = await face.ask("POST", f"/exec/{EXEC}/start", {"Detach": True})
    assert (answer.status, answer.message) == (500, text)


async def test_no_such_exec(face: Face) -> None:
    answer = await face.ask("POST", "/exec/zzz/start", {"Detach": False})
    assert (answer.status, answer.message) == (404, "No such exec instance: zzz")


async def test_exec_needs_a_command(face: Face) -> None:
    answer = await face.ask("POST", "/containers/c1/exec", {"Cmd": None})
    assert (answer.status, answer.message) == (400, "No exec command specified")


async def test_no_connection_is_left_counted(face: Face) -> None:
    """After hijacks have ended the server holds none of them (aiohttp would, for ever)."""
    for _ in range(5):
        _, reader, writer = await attach(face)
        face.engine.console.out.put_nowait(None)
        await reader.read()
        writer.close()
    server = face.server._runner.server
    await until(lambda: len(server.connections) == 0)
