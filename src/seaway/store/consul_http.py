"""Consul's servers over HTTP: one request to whichever of them answers, in bounded time, its errors typed."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.client_exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ConnectionTimeoutError,
)
from aiohttp.payload import BytesPayload
from msgspec import MsgspecError
from msgspec.json import Decoder
from yarl import URL

from seaway.errors import Forbidden, InvalidInput, Unavailable
from seaway.store.place import Place
from seaway.store.words import why

EXPECTED = (200, 404, 409)
"""Statuses that mean something to the caller; 404 is what an empty prefix gets, too."""

NEVER_DONE = ("No cluster leader", "No path to datacenter")
"""Words of a 500 that say that the request went nowhere, so that another server may be asked."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; ``index`` is what a blocking query goes on from."""

    status: int
    index: int
    body: bytes

    def read(self, decoder: Decoder[T]) -> T:
        """The body, typed. Raises Unavailable when that is not what Consul says."""
        try:
            return decoder.decode(self.body)
        except MsgspecError as error:
            raise Unavailable(f"the cluster store does not answer like Consul: {error}") from error


class _Once(BytesPayload):
    """A body that is sent once. Aiohttp repeats a PUT of its own accord when a kept connection breaks."""

    @property
    def consumed(self) -> bool:
        return True


class Agents:
    """The servers of a place. The one that answered last is asked first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._at = 0
        self._session: ClientSession | None = None

    @property
    def closed(self) -> bool:
        """Whether there is nobody to ask any more, or not yet."""
        return self._session is None

    async def open(self) -> None:
        """Get ready to ask. Raises Forbidden when the certificates cannot be used."""
        if self._session is not None:
            return
        token = self._place.token or self._place.password
        self._session = ClientSession(
            connector=TCPConnector(limit=0, ssl=self._context() or True, keepalive_timeout=30),
            headers={"X-Consul-Token": token} if token else {},
            cookie_jar=DummyCookieJar(),
        )

    async def close(self) -> None:
        """Break off what is asked, and ask no more."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        once: bool = False,
        wait: float = 0,
    ) -> Answer:
        """The answer of the first server that has one. ``path`` stands behind ``/v1/`` and is quoted already.

        With ``once``, no other server is asked when one may have begun to work on it. ``wait`` is how long
        the server may hold its answer back.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._place.timeout
        servers, reason = len(self._place.servers), "no time"
        for left in range(servers, 0, -1):
            rest = end - loop.time()
            if rest <= 0:
                break
            limits = ClientTimeout(total=(rest if once else rest / left) + wait, sock_connect=rest / left)
            try:
                return await self._one(method, path, params, body, limits)
            except _Silent as silent:
                self._at = (self._at + 1) % servers
                reason = silent.reason
                if once and silent.begun:
                    break
        raise Unavailable(f"cluster store {self._place.address} does not answer: {reason}")

    async def _one(self, method: str, path: str, params: Any, body: bytes | None, limits: Any) -> Answer:
        if self._session is None:
            raise Unavailable(f"cluster store {self._place.address} is not open")
        host, port = self._place.servers[self._at]
        host = f"[{host}]" if ":" in host else host
        where = URL(f"{'https' if self._place.tls else 'http'}://{host}:{port}/v1/{path}", encoded=True)
        data = None if body is None else _Once(body)
        try:
            async with self._session.request(
                method, where, params=params, data=data, timeout=limits, allow_redirects=False
            ) as answer:
                index = answer.headers.get("X-Consul-Index", "0")
                content = await answer.read()
                status = answer.status
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            raise self._refused(error) or _Silent(why(error), begun=False) from error
        except (ClientError, OSError, TimeoutError) as error:
            raise self._refused(error) or _Silent(why(error), begun=True) from error
        if status not in EXPECTED:
            raise _failure(status, content.decode(errors="replace").strip())
        return Answer(status, int(index) if index.isdecimal() else 0, content)

    def _context(self) -> ssl.SSLContext | None:
        place = self._place
        if not place.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=place.ca or None)
            if place.cert:
                context.load_cert_chain(place.cert, place.key)
        except OSError as error:
            files = ", ".join(name for name in (place.ca, place.cert, place.key) if name)
            raise Forbidden(f"cluster store {place.address}: cannot use {files}: {why(error)}") from error
        return context

    def _refused(self, error: BaseException) -> Forbidden | None:
        """What trying again does not mend: certificates. A connection cut in the handshake is not that."""
        cause = error if isinstance(error, ssl.SSLError) else error.__cause__ or error.__context__
        broken = isinstance(cause, ssl.SSLError) and not isinstance(
            cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
        )
        if broken or isinstance(error, ClientConnectorCertificateError):
            return Forbidden(f"cluster store {self._place.address} and we do not trust: {why(error)}")
        return None


class _Silent(Exception):
    """A server did not answer; ``begun`` when it may have got the request all the same."""

    def __init__(self, reason: str, *, begun: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.begun = begun


def _failure(status: int, text: str) -> Exception:
    if status in (400, 401, 403):
        return Forbidden(f"cluster store: {text or 'permission denied'}")
    if status == 413:
        return InvalidInput(f"cluster store: {text}")
    return _Silent(text or f"HTTP status {status}", begun=not text.startswith(NEVER_DONE))
