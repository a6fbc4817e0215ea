"""A daemon made of a table: answers what the test says, and remembers what was asked."""

import json
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ID = "c0ffee" + "0" * 58

Answer = tuple[int, Any]


class Stub(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """``answers`` maps "METHOD /path" (without the version) to a status and JSON, bytes, or a function."""

    daemon_threads = True

    def __init__(self, path: Path, answers: dict[str, Any]) -> None:
        super().__init__(str(path), Handler)
        self.host = f"unix://{path}"
        self.answers = {"GET /version": (200, {"ApiVersion": "1.50", "Version": "9"})} | answers
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    def body(self, what: str) -> Any:
        """The body of the only request of this kind."""
        (found,) = [body for asked, _, body in self.asked if asked == what]
        return found

    def query(self, what: str) -> dict[str, str]:
        """The query of the only request of this kind."""
        (found,) = [query for asked, query, _ in self.asked if asked == what]
        return found

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def order(self) -> list[str]:
        """Requests in order, without the one for the version."""
        return [what for what, _, _ in self.asked if what != "GET /version"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        pass

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        path = parts.path
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        data = self._body()
        try:
            body = json.loads(data) if data else None
        except ValueError:
            body = data
        what = f"{self.command} {path}"
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.server.asked.append((what, query, body))
        answer = self.server.answers.get(what, (404, {"message": f"no answer for {what}"}))
        if callable(answer):
            answer(self)
            return
        self.reply(*answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while length := int(self.rfile.readline(), 16):
            found += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def reply(self, status: int, content: Any) -> None:
        data = (
            content
            if isinstance(content, bytes)
            else b""
            if content is None
            else json.dumps(content).encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = handle_any


def frame(stream: int, content: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(content)) + content


def hijacked(output: bytes, echo: bool = False) -> Callable[[Handler], None]:
    """An answer that takes the connection over: head and output in one packet."""

    def answer(handler: Handler) -> None:
        head = (
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        handler.connection.sendall(head.encode() + output)
        while data := handler.connection.recv(4096):
            if echo:
                handler.connection.sendall(frame(1, data))
        handler.close_connection = True

    return answer


@contextmanager
def stub(path: Path, answers: dict[str, Any]) -> Iterator[Stub]:
    with Stub(path, answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
