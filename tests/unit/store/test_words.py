"""What a store's refusals and silences say to a reader."""

import asyncio
import errno
import socket
import ssl
from unittest.mock import Mock

import aiohttp
import pytest

from seaway.errors import Forbidden
from seaway.store.etcd_gateway import Refused
from seaway.store.words import why
from tests.stores.rig import free_port


async def test_who_does_not_listen_is_told_in_the_kernels_words() -> None:
    port = free_port()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{port}/")
    assert why(caught.value) == f"127.0.0.1:{port}: Connection refused"


def test_what_has_no_words_is_named() -> None:
    assert why(TimeoutError()) == "no answer in time"
    assert why(aiohttp.ConnectionTimeoutError("Connection timeout to host http://h:1/v3/kv/txn")) == (
        "no connection in time"
    )
    assert why(aiohttp.ServerDisconnectedError()) == "the server closed the connection"
    assert why(ConnectionResetError()) == "ConnectionResetError"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"hello\r\n\r\n", "what it answers is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "the connection broke within an answer"),
    ],
)
async def test_a_strange_answer_is_told_without_the_librarys_words(answer: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as server,
        aiohttp.ClientSession() as session,
    ):
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(aiohttp.ClientError) as caught:
            async with session.get(f"http://127.0.0.1:{port}/") as got:
                await got.read()
    assert why(caught.value) == words


def _unverified() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] … (_ssl.c:1006)")
    error.verify_message = "self-signed certificate"
    return error


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] … (_ssl.c:2580)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.5', 2379)"), "No route to host"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), "
                "[Errno 113] Connect call failed ('127.0.0.1', 1), [Errno 111] Connect call failed ('::2', 1)"
            ),
            "Connection refused, No route to host",
        ),
        (_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "TLS: tlsv13 alert certificate required"),
        (_unverified(), "its certificate is not accepted: self-signed certificate"),
    ],
)
def test_every_way_not_to_connect_is_told_plainly(error: OSError, words: str) -> None:
    """Whatever is below, no word of it tells of a library: no ``ssl:default``, no classes, no C source."""
    key = Mock(host="kv.example", port=2379, ssl=True, is_ssl=True)
    for kind in (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError):
        assert why(kind(key, error)) == f"kv.example:2379: {words}"
    if isinstance(error, ssl.SSLError):
        assert why(error) == words


def test_a_certificate_with_a_common_name_beside_a_user_is_a_refusal_with_its_cure() -> None:
    words = "HTTP 400: CommonName of client sending a request against gateway will be ignored"
    told = Refused(12, words).told("etcd://10.0.0.5:2379")
    assert isinstance(told, Forbidden) and "/O=seaway" in str(told)
