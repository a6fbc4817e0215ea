"""One full node of a simulated cluster in a process of its own, measured: memory, CPU, times.

Speaks JSON lines: tells ``ready`` with what its start took, and when a line comes, what it did since.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

from bench.simulation import Daemon, SimHost
from seaway.datapath.fake import FakeKernel
from seaway.datapath.hands import Refusal
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import HOST, Bridge, Key, Netns, Resource, Sysctl
from seaway.store import Batch, Check, View, Write, etcd, etcd_gateway
from seaway.store.etcd import EtcdStore
from seaway.store.place import place
from seaway.store.sqlite import SqliteStore

told = [0]
"""Bytes that the watch's connection has brought."""


class QuickKernel:
    """A kernel that does all it is asked, at once: what is measured is what leads up to it."""

    def __init__(self) -> None:
        self.state: dict[Key, Resource] = {}

    def read(self, namespaces: Sequence[str]) -> Sequence[Resource]:
        """What stands in these namespaces."""
        seen = set(namespaces)
        marked = (r for r in self.state.values() if not isinstance(r, Sysctl))
        return [r for r in marked if isinstance(r, Netns) or getattr(r, "ns", HOST) in seen]

    def current(self, resource: Resource) -> Resource | None:
        """Parameters, which cannot be listed."""
        return self.state.get(resource.key) if isinstance(resource, Sysctl | Bridge) else None

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Do it."""
        for operation in operations:
            if isinstance(operation, Remove):
                self.state.pop(operation.resource.key, None)
            else:
                self.state[operation.resource.key] = operation.resource
        return []


class Counted(EtcdStore):
    """The store, with what is asked of it counted."""

    commits = writes = events = 0

    async def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """As EtcdStore."""
        self.commits += 1
        self.writes += len(writes)
        return await super().commit(checks, writes)

    async def watch(self, prefix: str, view: View) -> AsyncIterator[Batch]:
        """As EtcdStore."""
        async for batch in super().watch(prefix, view):
            self.events += len(batch.events)
            yield batch


def _count_bytes() -> None:
    """Have every byte of a watch counted on its way."""
    lines = etcd_gateway.lines

    class Content:
        def __init__(self, content: Any) -> None:
            self._content = content

        async def readany(self) -> bytes:
            chunk: bytes = await self._content.readany()
            told[0] += len(chunk)
            return chunk

    etcd.lines = lambda content: lines(cast(Any, Content(content)))  # type: ignore[attr-defined]


def resident() -> float:
    """This process's memory in MB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


async def main(url: str, folder: str, networks: int, joins: int) -> None:
    """Start, join on so many networks, tell; then count until told to end."""
    _count_bytes()
    store = Counted(place(url, {}))
    host = SimHost(0, lambda: store, ttl=60, heartbeat=10)
    host.cluster_id, host.kernel = "bench", cast(FakeKernel, QuickKernel())
    before, began, cpu = resident(), time.perf_counter(), time.process_time()
    daemon = host.daemon = Daemon(host, SqliteStore(Path(folder) / "facts.db"), store)
    stop = asyncio.Event()
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(daemon.live(ready, stop))
    host._task, host._ready = task, True
    await ready
    while not daemon.session.connected:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await daemon.session.caught_up((await store.read("cluster")).revision, 60)
    settled = time.perf_counter() - began
    figures: dict[str, Any] = {"start_s": settled, "start_cpu_s": time.process_time() - cpu}
    if joins:
        commits, writes = store.commits, store.writes
        first = [await _timed(host, f"first{n}", f"net{n}") for n in range(networks)]
        more = [await _timed(host, f"more{n}", f"net{n % networks}") for n in range(joins)]
        await asyncio.sleep(0.3)
        count = networks + joins
        figures |= {
            "first_join_ms": statistics.median(first),
            "join_ms": statistics.median(more),
            "commits_per_join": (store.commits - commits) / count,
            "keys_per_join": (store.writes - writes) / count,
        }
    began = time.perf_counter()
    await daemon.settler.verify(everything=True)
    figures |= {
        "verify_s": time.perf_counter() - began,
        "memory_mb": resident() - before,
        "rss_mb": resident(),
    }
    figures |= {"resources": len(cast(Any, host.kernel).state)}
    _tell(figures)
    await _watched(store, stop)
    await task


async def _watched(store: Counted, stop: asyncio.Event) -> None:
    """Tell, at each line that comes, what was used since the last one; an empty line is the end."""
    loop = asyncio.get_running_loop()
    while True:
        cpu, got, events = time.process_time(), told[0], store.events
        line = await loop.run_in_executor(None, sys.stdin.readline)
        used = {
            "cpu_ms": (time.process_time() - cpu) * 1000,
            "bytes": told[0] - got,
            "events": store.events - events,
        }
        if not line.strip():
            break
        _tell(used)
    stop.set()


async def _timed(host: SimHost, name: str, network: str) -> float:
    began = time.perf_counter()
    await host.join(name, network)
    return (time.perf_counter() - began) * 1000


def _tell(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
