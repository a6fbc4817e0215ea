"""Why a server could not be reached, in plain words. Pure."""

import errno
import re
import ssl
from os import strerror
from socket import gaierror

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ConnectionTimeoutError,
    ServerDisconnectedError,
)

_NUMBERS = re.compile(r"\[Errno (\d+)\]")
_PLAIN: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
    (ServerDisconnectedError, "the server closed the connection"),
    (ClientPayloadError, "the connection broke within an answer"),
    (ClientResponseError, "what it answers is not HTTP"),
)
"""Kinds of error whose own words are the library's: addresses of requests, reprs, names of its classes."""


def why(error: BaseException) -> str:
    """What went wrong: the kernel's words where it has some, without the library's."""
    if isinstance(error, ClientConnectorError):
        return f"{error.host}:{error.port}: {_below(error)}"
    if isinstance(error, (ssl.SSLError, ClientOSError)):
        return _system(error)
    for kind, words in _PLAIN:
        if isinstance(error, kind):
            return words
    return str(error) or type(error).__name__


def _below(error: ClientConnectorError) -> str:
    """The words of what an error of connecting was made from."""
    if isinstance(error, ClientConnectorCertificateError):
        cause = error.certificate_error
        return _system(cause) if isinstance(cause, OSError) else str(cause)
    return _system(error.os_error)


def _system(error: OSError) -> str:
    """The words of TLS, of the resolver or of the kernel; one for each address that was tried."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message:
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, gaierror):
        return error.strerror or str(error)
    numbers = [error.errno or 0] if error.errno in errno.errorcode else _NUMBERS.findall(str(error))
    told = dict.fromkeys(strerror(int(number)) for number in numbers)
    return ", ".join(told) or str(error) or type(error).__name__
