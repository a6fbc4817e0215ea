"""Requests in words: each takes the KazooClient and gives its asynchronous result."""

from collections.abc import Callable
from typing import Any, TypeAlias

Call: TypeAlias = Callable[[Any], Any]
"""A request that a session sends off."""


def get(path: str, watch: Any = None) -> Call:
    """Data and stat of a znode."""
    return lambda client: client.get_async(path, watch=watch)


def children(path: str, watch: Any = None) -> Call:
    """The names of a znode's children."""
    return lambda client: client.get_children_async(path, watch=watch)


def exists(path: str) -> Call:
    """A znode's stat; None when it is not there."""
    return lambda client: client.exists_async(path)


def make(path: str) -> Call:
    """An empty znode."""
    return lambda client: client.create_async(path)


def delete(path: str) -> Call:
    """Remove a znode."""
    return lambda client: client.delete_async(path)


def sync(path: str) -> Call:
    """Let our server catch up with the others."""
    return lambda client: client.sync_async(path)
