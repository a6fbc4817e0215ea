"""A request that becomes a two-way stream, as ``attach`` and ``exec`` need it.

The SDK's own way reads the socket below the buffer that read the head, so output that arrived
together with the head is lost. Here nothing is read past without being kept.
"""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from seaway.cli.failures import Failed, message_of, refused
from seaway.cli.target import Target, unreachable

LONGEST_HEAD = 64 * 1024


@dataclass(slots=True)
class Stream:
    """An open connection after its head. ``early`` is output that came with the head.

    ``multiplexed`` tells that output comes in frames (no terminal) and not raw.
    """

    sock: socket.socket
    early: bytes
    multiplexed: bool

    def end_input(self) -> None:
        """Say that no more input comes; output may still come.

        TLS has no half-closed state that Python can reach, so there the input just stays open.
        """
        if not isinstance(self.sock, ssl.SSLSocket):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def upgrade(target: Target, path: str, query: Mapping[str, Any], body: Any) -> Stream:
    """POST with an upgrade to a raw stream. Raises Failed when the daemon answers otherwise."""
    data = b"" if body is None else json.dumps(body).encode()
    sock = _connect(target)
    question = f"?{urlencode(query)}" if query else ""
    head = (
        f"POST {path}{question} HTTP/1.1\r\nHost: seaway\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: {'application/json' if data else 'text/plain'}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    try:
        sock.sendall(head.encode() + data)
        return _answer(sock)
    except OSError as error:
        sock.close()
        raise Failed(f"the daemon hung up: {error}") from error
    except Failed:
        sock.close()
        raise


def _answer(sock: socket.socket) -> Stream:
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = sock.recv(4096)
        if not more or len(seen) > LONGEST_HEAD:
            raise Failed("the daemon hung up before it answered")
        seen += more
    head, _, early = seen.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status not in (101, 200):
        raise refused(_rest(sock, early, headers), status)
    return Stream(sock, early, headers.get("content-type", "").endswith("multiplexed-stream"))


def _rest(sock: socket.socket, early: bytes, headers: Mapping[str, str]) -> str:
    body, length = early, int(headers.get("content-length", "0"))
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            break
        body += more
    return message_of(body)


def _connect(target: Target) -> socket.socket:
    parts = urlsplit(target.host)
    try:
        if parts.scheme == "unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(target.host.removeprefix("unix://"))
            return sock
        sock = socket.create_connection((parts.hostname or "", parts.port or 2376))
        return (
            _tls(target, parts.hostname or "").wrap_socket(sock, server_hostname=parts.hostname)
            if (target.tls)
            else sock
        )
    except OSError as error:
        raise unreachable(target, error) from error


def _tls(target: Target, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=target.ca or None)
    if not target.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.cert:
        context.load_cert_chain(target.cert, target.key)
    return context
