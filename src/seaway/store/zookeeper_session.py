"""One session with ZooKeeper: kazoo's threads on one side, the event loop on the other; never blocks it."""

import asyncio
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    KazooException,
    NoAuthError,
    OperationTimeoutError,
    SessionExpiredError,
    SessionMovedError,
)
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.protocol.states import KeeperState
from kazoo.retry import KazooRetry
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE

from seaway.errors import Failure, Forbidden, SeawayError, Unavailable
from seaway.store.place import Place
from seaway.store.zookeeper_calls import Call, get
from seaway.store.zookeeper_read import SHARE, ask_many

log = logging.getLogger(__name__)

WINDOW = 64
"""Requests under way together."""

VOLLEY = 2000
"""Requests that share one time limit."""

SESSION = 6.0
"""Seconds after which both sides take the connection for dead. No key hangs on it."""

GRACE = 1.0
"""Seconds in which a refused connection may mend, as when a server of several dies."""

LOST = (
    ConnectionLoss,
    ConnectionClosedError,
    SessionExpiredError,
    SessionMovedError,
    OperationTimeoutError,
    KazooTimeoutError,
)
"""What says nothing about the request itself: the connection is gone."""


class Session:
    """A KazooClient that is asked by ``await``. Every call ends within the place's timeout."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="seaway-zk")
        self._handler = _Handler(place)
        self._client = _client(place, self._handler)
        self._client.add_listener(self._moved)
        self._lost_at = time.monotonic()
        self._handler.dialling = self._forget
        self._closing = False

    async def start(self) -> None:
        """Connect. After Unavailable or Forbidden nothing of it is left."""
        try:
            await self._loop.run_in_executor(self._threads, self._client.start_async)
            async with asyncio.timeout(self._place.timeout):
                await self._come_up()
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise self._silence() from error
            raise

    async def ask(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to some requests, sent off without waiting for each other, in their order.

        A refusal that is about the one request, such as NoNodeError, stands among the answers.
        """
        answers: list[Any] = []
        for start in range(0, len(calls), VOLLEY):
            answers += await self._volley(calls[start : start + VOLLEY])
        return answers

    async def fetch(self, paths: Sequence[str]) -> list[Any]:
        """Data and stat of many znodes; an exception in the place of one that is not there."""
        shares = [paths[start : start + SHARE] for start in range(0, len(paths), SHARE)]
        answers = await self.ask([partial(ask_many, paths=share) for share in shares])
        if any(isinstance(answer, Exception) for answer in answers):  # a server older than multi-reads
            return await self.ask([get(path) for path in paths])
        found = [item for answer in answers for item in answer]
        for item in found:
            if isinstance(item, Exception):
                self._judge(item)
        return found

    async def stop(self) -> None:
        """End the session and its threads: politely if the server answers at once, else by the wire."""
        self._closing = True
        self._connected.clear()
        ending = self._loop.run_in_executor(self._threads, self._end)
        done, _ = await asyncio.wait({ending}, timeout=0.5)
        if not done:
            self._handler.cut()
            await asyncio.wait({ending}, timeout=self._place.timeout + 2)
        self._threads.shutdown(wait=False)

    async def _volley(self, calls: Sequence[Call]) -> list[Any]:
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        volley = _Volley(self._client, calls, partial(self._answered, future))
        try:
            async with asyncio.timeout(self._place.timeout):
                await self._come_up()
                await self._loop.run_in_executor(self._threads, volley.start)
                answers = await future
        except (TimeoutError, RuntimeError) as error:  # the latter: the threads have ended
            raise self._silence() from error
        finally:
            volley.stop()
        for answer in answers:
            if isinstance(answer, Exception):
                self._judge(answer)
        return answers

    async def _come_up(self) -> None:
        """Wait for the connection, but not long when the servers refuse it."""
        if not self._connected.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._connected.wait(), GRACE)
            if not self._connected.is_set() and self._handler.trouble is not None:
                raise TimeoutError
            await self._connected.wait()

    def _judge(self, error: Exception) -> None:
        """Raise what is not about the request alone."""
        address = self._place.address
        if isinstance(error, LOST):
            raise Unavailable(f"store {address}: the connection was lost") from error
        if isinstance(error, NoAuthError | AuthFailedError):
            raise Forbidden(refusal(self._place)) from error
        if not isinstance(error, KazooException):
            raise Failure(f"store {address}: {error}") from error

    def _silence(self) -> SeawayError:
        address, trouble = self._place.address, self._handler.trouble
        if isinstance(trouble, ssl.SSLCertVerificationError):
            return Forbidden(
                f"store {address}: its certificate is not to be trusted: {trouble.verify_message}"
            )
        if trouble is not None:
            return Unavailable(f"store {address} cannot be reached: {trouble.strerror or trouble}")
        return Unavailable(f"store {address} does not answer within {self._place.timeout:g} s")

    def _answered(self, future: asyncio.Future[list[Any]], answers: list[Any]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(_fulfil, future, answers)

    def _moved(self, _state: str) -> None:
        """On kazoo's thread: the connection came or went."""
        live = self._client.client_state in (KeeperState.CONNECTED, KeeperState.CONNECTED_RO)
        self._lost_at = time.monotonic()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._gate, live)

    def _forget(self) -> None:
        """On kazoo's thread, before it connects: claim to have seen nothing, when it was long ago.

        Servers refuse whoever has seen more than they have, and do not say that they lost their data.
        """
        if self._client.client_state == KeeperState.CONNECTING and self._lost_at + SESSION < time.monotonic():
            self._client.last_zxid = 0

    def _gate(self, live: bool) -> None:
        if live and not self._closing:
            self._connected.set()
        else:
            self._connected.clear()

    def _end(self) -> None:
        try:
            self._client.stop()
            self._client.close()
        except Exception:
            log.debug("a ZooKeeper session did not end in order", exc_info=True)


class _Volley:
    """Requests that go out together, WINDOW at a time. Its methods run on kazoo's threads and ours."""

    def __init__(self, client: Any, calls: Sequence[Call], tell: Callable[[list[Any]], None]) -> None:
        self._client, self._calls, self._tell = client, calls, tell
        self._answers: list[Any] = [None] * len(calls)
        self._next = 0
        self._left = len(calls)
        self._lock = threading.Lock()

    def start(self) -> None:
        if not self._calls:
            self._tell([])
        for _ in range(min(WINDOW, len(self._calls))):
            self._send()

    def stop(self) -> None:
        """Send no more."""
        with self._lock:
            self._next = len(self._calls)

    def _send(self) -> None:
        with self._lock:
            number = self._next
            if number >= len(self._calls):
                return
            self._next += 1
        try:
            self._calls[number](self._client).rawlink(partial(self._take, number))
        except Exception as error:
            self._put(number, error)

    def _take(self, number: int, answer: Any) -> None:
        self._put(number, answer.value if answer.exception is None else answer.exception)

    def _put(self, number: int, answer: Any) -> None:
        broken = isinstance(answer, LOST)
        with self._lock:
            self._answers[number] = answer
            self._left -= 1
            last = self._left == 0 or (broken and self._left > 0)
            if broken:
                self._next, self._left = len(self._calls), -1
        if last:
            self._tell(self._answers)
        elif not broken:
            self._send()


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]
    """kazoo's threads, named; it remembers the socket, so that a close need not wait for a silent server."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._limit = place.timeout
        self._socket: socket.socket | None = None
        self._cut = False
        self.trouble: OSError | None = None
        self.dialling: Callable[[], None] = lambda: None

    def spawn(self, func: Callable[..., None], *args: Any, **kwargs: Any) -> threading.Thread:
        thread = threading.Thread(target=func, args=args, kwargs=kwargs, name="seaway-kazoo", daemon=True)
        thread.start()
        return thread

    def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        if self._cut:
            raise OSError("closed")
        self.dialling()
        kwargs["timeout"] = min(kwargs.get("timeout") or self._limit, self._limit)
        try:
            self._socket = super().create_connection(*args, **kwargs)
        except OSError as error:
            self.trouble = error
            raise
        self.trouble = None
        if self._cut:
            self.cut()
        return self._socket

    def cut(self) -> None:
        """Hang up, now and for good."""
        self._cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Whisper(logging.Handler):
    """kazoo's warnings become our debug lines: a lost connection is told by Unavailable."""

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("kazoo: %s", record.getMessage())


_quiet = logging.Logger("seaway.store.zookeeper.kazoo", logging.WARNING)
_quiet.addHandler(_Whisper())


def credentials(place: Place) -> list[tuple[str, str]]:
    """What to say who we are."""
    return [("digest", f"{place.user}:{place.password}")] if place.user else []


def refusal(place: Place) -> str:
    """Words for a server that does not let us."""
    return f"store {place.address} refuses us: check user and password"


def rights(place: Place) -> list[Any]:
    """Who may do what with our znodes: with a user only that one, else everybody."""
    return list(CREATOR_ALL_ACL if place.user else OPEN_ACL_UNSAFE)


def _client(place: Place, handler: _Handler) -> Any:
    return KazooClient(
        hosts=",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in place.servers
        ),
        timeout=SESSION,
        handler=handler,
        auth_data=credentials(place),
        default_acl=rights(place),
        connection_retry=KazooRetry(max_tries=-1, delay=0.1, max_delay=1.0),
        logger=_quiet,
        keyfile=place.key or None,
        certfile=place.cert or None,
        ca=place.ca or None,
        use_ssl=place.tls,
        check_hostname=place.tls,
    )


def _fulfil(future: asyncio.Future[list[Any]], answers: list[Any]) -> None:
    if not future.done():
        future.set_result(answers)
