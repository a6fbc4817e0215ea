"""Listeners: who may connect, what stands in the way, mutual TLS, stopping."""

import asyncio
import functools
import os
import socket
import ssl
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.api import hijack
from seaway.api.server import GRACE, ApiServer, Listener, mutual_tls
from seaway.errors import Failure, InvalidInput
from tests.unit.api.stub import Stub


def server() -> ApiServer:
    return ApiServer(Stub())  # type: ignore[arg-type]


async def test_a_socket_for_root_and_one_group(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "s.sock"
    face = server()
    await face.start([Listener(path=str(path), group=str(os.getgid()))])
    try:
        status = path.stat()
        assert stat.S_ISSOCK(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o660
        assert status.st_gid == os.getgid()
    finally:
        await face.stop()
    assert not path.exists()
    await face.stop()


async def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    first, second = server(), server()
    await first.start([Listener(path=str(path))])
    with pytest.raises(Failure, match=r"cannot listen on unix://.*another server answers"):
        await second.start([Listener(path=str(path))])
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    await first.stop()


async def test_all_listeners_or_none(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    face = server()
    with pytest.raises(Failure, match="no group 'nosuchgroup'"):
        await face.start([Listener(path=str(path)), Listener(path=f"{path}2", group="nosuchgroup")])
    assert not path.exists()
    assert not (tmp_path / "s.sock2").exists()


async def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    path.write_text("mine")
    with pytest.raises(Failure, match="cannot listen on"):
        await server().start([Listener(path=str(path))])
    assert path.read_text() == "mine"


async def test_systemd_must_mean_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    with pytest.raises(Failure, match="fd://"):
        await server().start([Listener(systemd=True)])


async def test_stop_ends_streams_at_once(tmp_path: Path) -> None:
    path, engine = tmp_path / "s.sock", Stub()
    face = ApiServer(engine)  # type: ignore[arg-type]
    await face.start([Listener(path=str(path))])
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(GRACE / 2):
        await face.stop()
        await reader.read()
    assert engine.events.listeners == 0
    writer.close()


# -- TLS


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """ca.pem, and a server's and a client's certificates of it, made by openssl."""
    home = tmp_path_factory.mktemp("pems")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=home, check=True, capture_output=True, timeout=30)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *curve, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2"
    )
    (home / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *curve, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "ext", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    yield home


class TlsClient:
    """A TLS client that can end its own half and go on reading, as Go's can and asyncio's cannot."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self.port = port
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inward, self.outward, server_hostname="127.0.0.1")

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self._until(self.tls.do_handshake)

    async def _until(self, step: object) -> object:
        while True:
            try:
                result = step()  # type: ignore[operator]
            except ssl.SSLWantReadError:
                self.flush()
                data = await asyncio.wait_for(self.reader.read(65536), 5)
                if not data:
                    raise EOFError from None
                self.inward.write(data)
                continue
            self.flush()
            return result

    def flush(self) -> None:
        self.writer.write(self.outward.read())

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = await self._until(functools.partial(self.tls.read, size - len(data)))
            assert isinstance(piece, bytes)
            if not piece:
                break
            data += piece
        return data

    def write(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def half_close(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            self.flush()


async def tls_server(pems: Path, engine: Stub) -> tuple[ApiServer, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    face = ApiServer(engine)  # type: ignore[arg-type]
    tls = mutual_tls(str(pems / "ca.pem"), str(pems / "server.pem"), str(pems / "server-key.pem"))
    await face.start([Listener(host="127.0.0.1", port=port, tls=tls)])
    return face, port


def trusting(pems: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pems / "ca.pem"))
    context.load_cert_chain(str(pems / "client.pem"), str(pems / "client-key.pem"))
    return context


async def test_tls_half_close_loses_no_output(pems: Path) -> None:
    """``docker --tlsverify run image echo``: close_notify comes at once, the output afterwards."""
    engine = Stub()
    face, port = await tls_server(pems, engine)
    client = TlsClient(trusting(pems), port)
    await client.connect()
    client.write(
        b"POST /v1.50/containers/c1/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
    head = hijack.UPGRADED.format(hijack.MULTIPLEXED).encode()
    assert await client.read(len(head)) == head
    client.write(b"said")
    client.half_close()
    await asyncio.wait_for(engine.console.input_over.wait(), 5)
    assert bytes(engine.console.said) == b"said"
    engine.console.out.put_nowait((1, b"late"))
    assert await client.read(12) == struct.pack(">BxxxL", 1, 4) + b"late"
    engine.console.out.put_nowait((1, bytes(100_000)))
    engine.console.out.put_nowait(None)
    assert len(await client.read(100_008)) == 100_008
    with pytest.raises((EOFError, ssl.SSLError)):
        assert await client.read(1) == b""
        raise EOFError
    await asyncio.wait_for(engine.console.closed.wait(), 5)
    client.writer.close()
    await face.stop()


async def test_without_a_certificate_nobody_comes_in(pems: Path) -> None:
    engine = Stub()
    face, port = await tls_server(pems, engine)
    context = ssl.create_default_context(cafile=str(pems / "ca.pem"))
    client = TlsClient(context, port)
    with pytest.raises((EOFError, ssl.SSLError, ConnectionError)):
        await client.connect()
        client.write(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.read(1)
    client.writer.close()
    await face.stop()


def test_tls_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"TLS needs .*ca\.pem, which is no file"):
        mutual_tls(str(tmp_path / "ca.pem"), "cert.pem", "key.pem")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("nonsense")
    with pytest.raises(InvalidInput, match="TLS cannot use"):
        mutual_tls(*(str(tmp_path / n) for n in ("ca.pem", "cert.pem", "key.pem")))
