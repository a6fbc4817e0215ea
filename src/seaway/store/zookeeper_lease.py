"""A lease is a session of its own that is only looked in on: nobody's clock but the server's ends it.

A session lives on the server without a connection until its time is over, and coming back to it starts that
time again. So a lease keeps no connection: ``renew`` connects, asks, and hangs up without saying goodbye.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kazoo.exceptions import EXCEPTIONS
from kazoo.protocol.serialization import (
    Auth,
    Connect,
    Create,
    Exists,
    ReplyHeader,
    Transaction,
    int_struct,
)

from seaway.errors import Failure, Forbidden, Unavailable
from seaway.store.place import Place
from seaway.store.zookeeper_layout import Layout, pack_keys
from seaway.store.zookeeper_session import credentials, refusal, rights

_AUTH = -4
_EPHEMERAL = 1
_MASK = (1 << 64) - 1
_NO_AUTH = (-102, -115)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What it takes to come back to a session."""

    session: int = 0
    password: bytes = bytes(16)
    milliseconds: int = 0

    @property
    def name(self) -> str:
        """The name of the lease's znodes."""
        return f"{self.session & _MASK:016x}"

    def text(self) -> str:
        """The ticket as the contract's lease."""
        return f"{self.name}-{self.milliseconds}-{self.password.hex()}"

    @classmethod
    def of(cls, lease: str) -> "Ticket | None":
        """The ticket that a lease is; None when it is none of ours."""
        try:
            name, milliseconds, password = lease.split("-")
            number = int(name, 16)
            return cls(number - (number >> 63 << 64), bytes.fromhex(password), int(milliseconds))
        except ValueError:
            return None


async def grant(place: Place, layout: Layout, seconds: float) -> Ticket:
    """A new session with its mark and its empty list."""
    names: list[Ticket] = []

    async def begin(line: _Line, ticket: Ticket) -> None:
        acl = rights(place)
        both = [
            Create(layout.lease(ticket.name), pack_keys(()), acl, 0),
            Create(layout.mark(ticket.name), b"", acl, _EPHEMERAL),
        ]
        for answer in Transaction.deserialize(*await line.ask(Transaction(both))):
            if isinstance(answer, Exception):
                raise Failure(f"store {place.address} gives no lease: {type(answer).__name__}") from answer
        names.append(ticket)

    await _visit(place, Ticket(milliseconds=max(1, round(seconds * 1000))), begin)
    return names[0]


async def touch(place: Place, layout: Layout, ticket: Ticket) -> bool:
    """Come back to a session, and so prolong it. False when it or its mark is gone."""
    found: list[bool] = []

    async def look(line: _Line, _ticket: Ticket) -> None:
        found.append(await line.ask(Exists(layout.mark(ticket.name), None)) is not None)

    await _visit(place, ticket, look)
    return bool(found) and found[0]


class _Line:
    """One connection, spoken to in turns."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0

    async def greet(self, ticket: Ticket) -> Ticket | None:
        """The session: the ticket's, or a new one. None when it has run out."""
        fields = (0, 0, ticket.milliseconds, ticket.session, ticket.password, False)
        self._send(Connect(*fields).serialize())
        answer, _ = Connect.deserialize(await self._frame(), 0)
        if answer.time_out <= 0:
            return None
        return Ticket(answer.session_id, bytes(answer.passwd), answer.time_out)

    async def ask(self, request: Any, number: int = 0) -> Any:
        """Frame and offset of the answer; None when there is no such znode."""
        self._number += 1
        number = number or self._number
        self._send(int_struct.pack(number) + int_struct.pack(request.type) + bytes(request.serialize()))
        while True:
            frame = await self._frame()
            header, offset = ReplyHeader.deserialize(frame, 0)
            if header.xid == number:
                break
        if header.err in _NO_AUTH:
            raise PermissionError
        if header.err == -101:
            return None
        if header.err and request.type != Transaction.type:
            raise OSError(type(EXCEPTIONS[header.err]()).__name__)
        return frame, offset

    def _send(self, frame: bytes) -> None:
        self._writer.write(int_struct.pack(len(frame)) + frame)

    async def _frame(self) -> bytes:
        (length,) = int_struct.unpack(await self._reader.readexactly(4))
        return await self._reader.readexactly(length)


async def _visit(place: Place, ticket: Ticket, talk: Any) -> None:
    """Talk with the first server that answers, in the ticket's session; not at all when that has run out."""
    reasons: Sequence[str] = []
    try:
        async with asyncio.timeout(place.timeout):
            for host, port in place.servers:
                try:
                    return await _visit_one(place, host, port, ticket, talk)
                except (OSError, EOFError) as error:
                    if isinstance(error, PermissionError) and not error.errno:
                        raise Forbidden(refusal(place)) from error
                    reasons = [*reasons, str(error)]
    except TimeoutError as error:
        raise Unavailable(f"store {place.address} does not answer within {place.timeout:g} s") from error
    raise Unavailable(f"store {place.address} does not answer ({'; '.join(reasons)})")


async def _visit_one(place: Place, host: str, port: int, ticket: Ticket, talk: Any) -> None:
    limit = place.timeout / len(place.servers)
    async with asyncio.timeout(limit):
        reader, writer = await asyncio.open_connection(host, port, ssl=_context(place))
        try:
            line = _Line(reader, writer)
            session = await line.greet(ticket)
            if session is not None:
                for scheme, words in credentials(place):
                    await line.ask(Auth(0, scheme, words), _AUTH)
                await talk(line, session)
        finally:
            writer.transport.abort()


def _context(place: Place) -> ssl.SSLContext | None:
    if not place.tls:
        return None
    context = ssl.create_default_context(cafile=place.ca or None)
    if place.cert:
        context.load_cert_chain(place.cert, place.key)
    return context
