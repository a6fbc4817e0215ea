"""HTTP to etcd's JSON gateway: several servers, one time limit over all, login, TLS, errors in words."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec

from seaway.errors import Failure, Forbidden, NotFound, SeawayError, Unavailable
from seaway.store.etcd_wire import Fault, Line, StreamFault, Token, Watched
from seaway.store.place import Place
from seaway.store.words import why

T = TypeVar("T")

_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""What happens before a request has left: another server may be asked, whatever was asked for."""

PULSE = 4.0
"""Seconds of silence after which a watch asks whether its server is alive."""

_LOGIN = ("invalid auth token", "revision of auth store is old", "user name is empty")
_NO_LOGIN = "authentication is not enabled"
_REFUSED = ("authentication failed", "user name is empty", "permission denied")
_NAMED = "CommonName of client"
"""What a server with users says to a certificate that has a common name."""
_TCP = (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 9000))
"""A connection whose other end has vanished is found dead by the kernel in 9 seconds."""


class Refused(Exception):
    """The server answered, with an error of gRPC."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code

    def told(self, address: str) -> SeawayError:
        """The same in our words."""
        if _NAMED in str(self):
            return Forbidden(
                f"{address} refuses: beside a user and a password etcd takes no certificate with a common "
                "name (CN); make one whose subject has none, such as /O=seaway"
            )
        if self.code in (7, 16) or any(words in str(self) for words in _REFUSED):
            return Forbidden(f"{address} refuses: {self}")
        if self.code == 5:
            return NotFound(f"{address}: {self}")
        if self.code in (3, 9, 11, 12):
            return Failure(f"{address}: {self}")
        return Unavailable(f"{address} cannot serve now: {self}")


class Gateway:
    """The servers of a place. Which is asked first changes when one fails."""

    def __init__(self, place: Place) -> None:
        self._place = place
        scheme = "https" if place.tls else "http"
        hosts = [(f"[{host}]" if ":" in host else host, port) for host, port in place.servers]
        self._bases = [f"{scheme}://{host}:{port}/v3/" for host, port in hosts]
        self._first = random.randrange(len(self._bases))
        self._session: aiohttp.ClientSession | None = None
        self._streams: set[aiohttp.ClientResponse] = set()
        self._token: str | None = None
        """None: not asked for yet. Empty: the server knows no users."""
        self._login = asyncio.Lock()

    @property
    def open(self) -> bool:
        """Whether requests can be sent."""
        return self._session is not None

    def start(self) -> None:
        """Get ready to send. Raises Forbidden when a certificate cannot be used. Again is harmless."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._tls(), socket_factory=_socket)
            connect = self._place.timeout / len(self._bases)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def stop(self) -> None:
        """Cut everything. Streams end."""
        session, self._session, self._token = self._session, None, None
        for response in self._streams:
            response.close()  # a closed session alone does not wake who reads from it
        if session is not None:
            await session.close()

    async def ask(self, path: str, body: Mapping[str, Any], kind: type[T], *, twice: bool = True) -> T:
        """One request's answer, of one server or the next.

        Not ``twice``: a request that may have reached one server is not sent to another.
        """
        return (await self.ask_one(path, body, kind, twice=twice))[0]

    async def ask_one(
        self, path: str, body: Mapping[str, Any], kind: type[T], *, twice: bool = True, only: str = ""
    ) -> tuple[T, str]:
        """The same, and the server that answered; ``only`` names one to be asked and no other."""
        limit, errors = asyncio.get_running_loop().time() + self._place.timeout, list[SeawayError]()
        bases = [only] if only else self._bases[self._first :] + self._bases[: self._first]
        for position, base in enumerate(bases):
            now = asyncio.get_running_loop().time()
            share = (limit - now) / (len(bases) - position) if twice else limit - now
            try:
                with self._words():
                    async with asyncio.timeout(share):
                        return await self._logged_in(base, path, body, kind), base
            except (Unavailable, Forbidden) as error:
                errors.append(error)
                self._pass_over(base)
                if not twice and not isinstance(error.__cause__, _UNSENT):
                    raise
        # What trying again may mend is said first.
        raise next((e for e in errors if isinstance(e, Unavailable)), errors[-1])

    @asynccontextmanager
    async def stream(
        self, base: str, path: str, body: Mapping[str, Any]
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """A request of one server whose answer does not end."""
        with self._words():
            async with asyncio.timeout(self._place.timeout):
                response = await self._post(base, path, body)
            self._streams.add(response)
            try:
                if response.status != 200:
                    raise _refused(response.status, await response.read())
                yield response.content
            finally:
                self._streams.discard(response)
                response.close()

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Whatever goes wrong below, said as an error of ours."""
        address = self._place.address
        try:
            yield
        except Refused as error:
            raise error.told(address) from error
        except TimeoutError as error:
            raise Unavailable(f"{address} does not answer within {self._place.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            if (tls := _of_tls(error)) is not None:
                raise Forbidden(f"{address} cannot be used: {why(tls)}") from error
            raise Unavailable(f"{address} does not answer: {why(error)}") from error
        except msgspec.MsgspecError as error:
            raise Unavailable(f"{address} answers what cannot be read: {error}") from error

    async def _logged_in(self, base: str, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        """An answer; a token that is not valid any more is renewed once."""
        if self._place.user and self._token is None:
            await self._renew(None, base)
        token = self._token
        try:
            return await self._answer(base, path, body, kind)
        except Refused as error:
            if not self._place.user or not any(words in str(error) for words in _LOGIN):
                raise
            await self._renew(token, base)
        return await self._answer(base, path, body, kind)

    async def _renew(self, old: str | None, base: str) -> None:
        async with self._login:
            if self._token != old:
                return  # somebody else did
            self._token = None
            wish = {"name": self._place.user, "password": self._place.password}
            try:
                self._token = (await self._answer(base, "auth/authenticate", wish, Token)).token
            except Refused as error:
                if _NO_LOGIN not in str(error):
                    raise
                self._token = ""

    async def _answer(self, base: str, path: str, body: Mapping[str, Any], kind: type[T]) -> T:
        async with await self._post(base, path, body) as response:
            data = await response.read()
        if response.status != 200:
            raise _refused(response.status, data)
        return msgspec.json.decode(data, type=kind, strict=False)

    async def _post(self, base: str, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        if self._session is None:
            raise Unavailable(f"{self._place.address} is not open")
        headers = {"Authorization": self._token} if self._token else None
        data = msgspec.json.encode(body)
        return await self._session.post(base + path, data=data, headers=headers, allow_redirects=False)

    def _pass_over(self, base: str) -> None:
        if base == self._bases[self._first]:
            self._first = (self._first + 1) % len(self._bases)

    def _tls(self) -> ssl.SSLContext | bool:
        place = self._place
        if not place.tls:
            return True
        try:
            context = ssl.create_default_context(cafile=place.ca or None)
            if place.cert:
                context.load_cert_chain(place.cert, place.key or None)
        except OSError as error:  # ssl.SSLError is one
            files = ", ".join(path for path in (place.ca, place.cert, place.key) if path)
            raise Forbidden(f"{place.address}: cannot use {files}: {error.strerror or error}") from error
        return context


async def lines(content: aiohttp.StreamReader) -> AsyncIterator[Watched | None]:
    """The messages of a watch's stream, and None each time that nothing has come for a while.

    Raises Refused when the stream says that it failed, and EOFError at its end.
    """
    rest, looked = bytearray(), 0
    while True:
        try:
            async with asyncio.timeout(PULSE):
                chunk = await content.readany()  # loses nothing when it is cancelled
        except TimeoutError:
            yield None
            continue
        if not chunk:
            raise EOFError
        rest += chunk
        while (end := rest.find(b"\n", looked)) >= 0:
            line, rest, looked = bytes(rest[:end]), rest[end + 1 :], 0
            yield _message(line)
        looked = len(rest)


def _message(line: bytes) -> Watched:
    found = msgspec.json.decode(line, type=Line, strict=False)
    if found.error is not None:
        fault: StreamFault = found.error
        raise Refused(fault.grpc_code or fault.code or 2, fault.message)
    return found.result or Watched()


def _refused(status: int, data: bytes) -> Refused:
    """An answer that is none; what does not come from the gateway has no code."""
    try:
        fault = msgspec.json.decode(data, type=Fault, strict=False)
    except msgspec.MsgspecError:
        code = 12 if status in (400, 404) else 14
        return Refused(code, f"HTTP {status}: {data[:200].decode('utf-8', 'replace').strip()}")
    return Refused(fault.code, fault.message or fault.error)


def _of_tls(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or getattr(error, "os_error", None)
    return error


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket that notices when its other end has vanished."""
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _TCP:
        made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
