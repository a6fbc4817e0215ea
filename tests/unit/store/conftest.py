"""The stores without a server that the contract's tests run over: a table."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from seaway.store.memory import MemoryServer, MemoryStore
from seaway.store.sqlite import SqliteStore
from tests.stores.rig import Rig, Traits

pytest.register_assert_rewrite("tests.stores.suite", "tests.stores.faults", "tests.stores.follower")


class SqliteFiles:
    """One file for each prefix."""

    traits = Traits(lease=0.3, expiry=3)

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def client(self, prefix: str) -> SqliteStore:
        return SqliteStore(self.directory / f"{prefix}.db")

    def mend(self) -> None:
        pass

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Memory:
    """A MemoryServer with the handles of a process."""

    traits = Traits(lease=20, expiry=1, moved_time=True)

    def __init__(self, _directory: Path) -> None:
        self.held = MemoryServer()

    def client(self, prefix: str, timeout: float = 0.05) -> MemoryStore:
        return MemoryStore.at(self.held, prefix)

    def start(self) -> None:
        self.held.start()

    mend = thaw = start

    def kill(self) -> None:
        self.held.stop()

    stop = kill

    def freeze(self) -> None:
        self.held.stop(silence=0.05)

    async def compact(self) -> None:
        self.held.compact()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.held.advance(seconds)


KINDS: dict[str, Callable[[Path], Any]] = {"sqlite": SqliteFiles, "memory": Memory}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


@pytest.fixture
async def rig(kind: Any, tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(kind(tmp_path)) as made:
        yield made


@pytest.fixture
async def store(rig: Rig) -> Any:
    return await rig.store()


@pytest.fixture
def opener(kind: Any) -> Callable[[Path], contextlib.AbstractAsyncContextManager[Any]]:
    """Opens the store of a directory: the same directory, the same facts."""
    servers: dict[Path, Any] = {}

    @contextlib.asynccontextmanager
    async def opened(directory: Path) -> AsyncIterator[Any]:
        store = servers.setdefault(directory, kind(directory)).client("facts")
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened
