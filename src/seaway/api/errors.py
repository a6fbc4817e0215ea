"""Error class to HTTP status: the one table, and how an error looks on the wire."""

import logging

import msgspec
from aiohttp import web

from seaway import errors

log = logging.getLogger(__name__)

STATUS: tuple[tuple[type[errors.SeawayError], int], ...] = (
    (errors.InvalidInput, 400),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Forbidden, 403),
    (errors.NotModified, 304),
    (errors.NotImplementedHere, 501),
    (errors.Unavailable, 503),
    (errors.SeawayError, 500),
)
"""First match wins; whatever is not named is 500, as in Docker."""


def status_of(error: BaseException) -> int:
    """The HTTP status for an error; 500 for one that nobody foresaw."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def response(status: int, message: str) -> web.Response:
    """Docker's error body. The content type has no charset: with one, the CLI prints the raw JSON."""
    if status == 304:
        return web.Response(status=304)
    body = msgspec.json.encode({"message": message}) + b"\n"
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})


def rendered(error: Exception) -> web.Response:
    """The response for an error; one that is a fault of ours is logged with its trace."""
    if isinstance(error, RecursionError):
        return response(400, "invalid JSON: it is nested too deeply")
    status = status_of(error)
    if isinstance(error, errors.SeawayError):
        return response(status, error.message)
    log.error("request failed unexpectedly", exc_info=error)
    if isinstance(error, OSError) and error.strerror:
        return response(status, f"{f'{error.filename}: ' if error.filename else ''}{error.strerror.lower()}")
    return response(status, f"{type(error).__name__}: {error}")
