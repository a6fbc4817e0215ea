"""What the control plane costs: a full node beside many light ones, over a real etcd."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.light_nodes import Size, fill, join, network
from bench.measure import Figure
from seaway.store.etcd import EtcdStore
from seaway.store.place import place
from tests.cluster.stores.etcd import Etcd
from tests.stores.rig import serving

PRESENT = 10
"""Networks that the full node has containers on."""


class Node:
    """The full node's process."""

    def __init__(self, url: str, folder: str, joins: int) -> None:
        words = [sys.executable, "-m", "bench.one_node", url, folder, str(PRESENT), str(joins)]
        root = Path(__file__).resolve().parents[1]
        self._process = subprocess.Popen(
            words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.figures = self._hear()

    def ask(self) -> dict[str, Any]:
        """What it used since it was asked last."""
        assert self._process.stdin is not None
        self._process.stdin.write("used?\n")
        self._process.stdin.flush()
        return self._hear()

    def end(self) -> None:
        """Stop the node, as its daemon stops."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the full node ended: {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def running(url: str, folder: str, joins: int) -> Iterator[Node]:
    """A full node that is ended in any case."""
    node = Node(url, folder, joins)
    try:
        yield node
    finally:
        node.end()


def measure(size: Size, joins: int) -> list[Figure]:
    """Fill a store, start a full node twice, and let others join."""
    with serving(Etcd) as server, tempfile.TemporaryDirectory(prefix="seaway-bench-") as folder:
        url = f"etcd://127.0.0.1:{server.port}/bench"
        began = time.perf_counter()
        asyncio.run(_with_store(url, lambda store: fill(store, size)))
        print(f"  {size}: filled in {time.perf_counter() - began:.1f} s", flush=True)
        with running(url, folder, joins) as node:
            first = node.figures
        with running(url, folder, 0) as node:
            again = node.figures
            idle, used = asyncio.run(_with_store(url, lambda store: _others_join(store, size, node, joins)))
    return _figures(size, joins, first, again, idle, used)


async def _with_store(url: str, work: Any) -> Any:
    store = EtcdStore(place(url, {}))
    await store.open()
    try:
        return await work(store)
    finally:
        await store.close()


async def _others_join(store: EtcdStore, size: Size, node: Node, joins: int) -> tuple[Any, Any]:
    """What the full node uses in a while of nothing, and while others join, one after the other."""
    for _ in range(30):  # what its start has left to do: its copy of the cluster's facts is written
        node.ask()
        await asyncio.sleep(1)
        if node.ask()["cpu_ms"] < 40:
            break
    began = time.perf_counter()
    for n in range(joins):
        index = size.endpoints // size.networks + 1000 + n // size.networks
        await store.commit(*join(size.endpoints + n, network(n % size.networks), index, "node1"))
        await asyncio.sleep(0.005)
    await asyncio.sleep(1)
    used = node.ask()
    await asyncio.sleep(time.perf_counter() - began)
    return node.ask(), used


def _figures(size: Size, joins: int, first: Any, again: Any, idle: Any, used: Any) -> list[Figure]:
    rows = [
        ("start on an empty disk: mirror + settle", "s", first["start_s"]),
        (f"start with {PRESENT} networks present: mirror + plan + settle", "s", again["start_s"]),
        ("  of which CPU", "s", again["start_cpu_s"]),
        ("  kernel resources settled", "", again["resources"]),
        ("full verify", "s", again["verify_s"]),
        ("first join on a network (all its peers are settled)", "ms", first["first_join_ms"]),
        ("a join, on the node itself", "ms", first["join_ms"]),
        ("store commits per join", "", first["commits_per_join"]),
        ("keys written per join", "", first["keys_per_join"]),
        ("a join elsewhere: watch events", "", used["events"] / joins),
        ("a join elsewhere: watch traffic", "bytes", used["bytes"] / joins),
        ("a join elsewhere: CPU", "ms", max(0.0, used["cpu_ms"] - idle["cpu_ms"]) / joins),
        ("memory for the whole state (RSS growth)", "MB", again["memory_mb"]),
        ("process RSS", "MB", again["rss_mb"]),
    ]
    return [Figure(f"{size}: {name}", unit, (float(value),)) for name, unit, value in rows]
