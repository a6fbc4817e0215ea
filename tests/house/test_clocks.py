"""Hosts' clocks need not agree: what decides anything in a cluster reads no wall clock."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src/seaway"
ROOMS = ("cluster", "store")
MODULES = ("shared", "shared_networks", "tending", "joining", "cluster_cache", "endpoints", "plug", "settle")
WALL = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((SOURCE / room).rglob("*.py"))
    yield from (SOURCE / f"engine/{name}.py" for name in MODULES)


def _wall(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in WALL:
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            found.append(f"{path.relative_to(SOURCE)}:{node.lineno} from {node.module} import")
    return found


def test_no_wall_clock_where_hosts_meet() -> None:
    """Leases run by the store's clock, all waiting by the monotonic one."""
    assert [line for path in _modules() for line in _wall(path)] == []
