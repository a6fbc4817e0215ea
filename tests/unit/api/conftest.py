"""A server on a unix socket over a stub engine, and two ways to talk to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from seaway.api import hijack, wire
from seaway.api.server import ApiServer, Listener
from tests.unit.api.stub import Stub


class Answer:
    """An answer as it came: status, headers (lower-case names), body bytes."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        assert self.headers["content-type"] == "application/json"
        return str(self.json["message"])


class Face:
    """The server under test."""

    def __init__(self, engine: Stub, path: Path, server: Any) -> None:
        self.engine, self.path, self.server = engine, path, server

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.path))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; what comes back, whole."""
        reader, writer = await self.connect()
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        fields = {"Host": "x", "Connection": "close"}
        if data:
            fields |= {"Content-Length": str(len(data)), "Content-Type": "application/json"}
        fields |= headers or {}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        writer.write(head.encode() + b"\r\n" + data)
        try:
            status, names = await read_head(reader)
            rest = await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()
        return Answer(status, names, dechunked(rest) if "transfer-encoding" in names else rest)


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers; the body stays in the reader."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    first, *lines = head.strip().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {k.lower(): v for k, v in fields.items()}


def dechunked(data: bytes) -> bytes:
    """The body of a chunked message; fails when it is cut off."""
    out = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            return out
        out, data = out + data[: int(size, 16)], data[int(size, 16) + 2 :]


async def until(condition: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Face]:
    monkeypatch.setattr(wire, "GLANCE", 0.05)
    monkeypatch.setattr(hijack, "GLANCE", 0.05)
    engine = Stub()
    server = ApiServer(engine)  # type: ignore[arg-type]
    path = tmp_path / "s.sock"
    await server.start([Listener(path=str(path))])
    yield Face(engine, path, server)
    await server.stop()
