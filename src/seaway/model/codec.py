"""Facts to JSON bytes and back, versioned."""

from typing import Any, TypeVar

import msgspec

from seaway.errors import Failure, Newer

VERSION = 1
"""Version of the stored form. A reader refuses a newer one."""

T = TypeVar("T")

_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}


class _Envelope(msgspec.Struct, frozen=True):
    v: int
    fact: msgspec.Raw


_open = msgspec.json.Decoder(_Envelope)


def encode(fact: Any) -> bytes:
    """A fact as bytes: ``{"v": 1, "fact": {…}}``."""
    return b'{"v":%d,"fact":%b}' % (VERSION, msgspec.json.encode(fact))


def decode(data: bytes, kind: type[T]) -> T:
    """The fact in ``data``. Raises Failure when it was written by a newer Seaway or is damaged."""
    try:
        envelope = _open.decode(data)
        if envelope.v > VERSION:
            raise Newer(
                f"stored {kind.__name__} has version {envelope.v}; this Seaway reads up to {VERSION}. "
                "Start the newer version, or use another --data-root."
            )
        decoder = _decoders.get(kind)
        if decoder is None:
            decoder = _decoders[kind] = msgspec.json.Decoder(kind)
        fact: T = decoder.decode(envelope.fact)
    except msgspec.MsgspecError as error:
        raise Failure(f"stored {kind.__name__} cannot be read: {error}") from error
    return fact
