"""The stores that the contract's tests run over: a table, so that another store is one more line."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from seaway.store.sqlite import SqliteStore


@contextlib.asynccontextmanager
async def _sqlite(directory: Path, **options: Any) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(directory / "facts.db", **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


STORES: dict[str, Callable[..., contextlib.AbstractAsyncContextManager[Any]]] = {"sqlite": _sqlite}


@pytest.fixture(params=sorted(STORES))
def opener(request: pytest.FixtureRequest) -> Callable[..., contextlib.AbstractAsyncContextManager[Any]]:
    return STORES[request.param]


@pytest.fixture
async def store(opener: Any, tmp_path: Path) -> AsyncIterator[Any]:
    async with opener(tmp_path) as opened:
        yield opened
