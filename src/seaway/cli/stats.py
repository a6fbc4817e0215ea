"""``stats``: what containers use."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, switch, text
from seaway.cli.output import Field, Row, listing

SHOWN = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
ASKED_AT_ONCE = 8


def _cpu(found: Mapping[str, Any]) -> float:
    """Per cent of one CPU, from the difference of two readings."""
    now, before = found.get("cpu_stats") or {}, found.get("precpu_stats") or {}
    used = _total(now) - _total(before)
    passed = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    return used / passed * int(now.get("online_cpus") or 1) * 100 if used > 0 and passed > 0 else 0.0


def _total(cpu: Mapping[str, Any]) -> int:
    return int((cpu.get("cpu_usage") or {}).get("total_usage") or 0)


def _memory(found: Mapping[str, Any]) -> tuple[int, int]:
    """Used bytes without the page cache that can be dropped, and the limit."""
    memory = found.get("memory_stats") or {}
    inactive = memory.get("stats") or {}
    cache = int(inactive.get("total_inactive_file") or inactive.get("inactive_file") or 0)
    used = int(memory.get("usage") or 0)
    return (used - cache if cache < used else used), int(memory.get("limit") or 0)


def _network(found: Mapping[str, Any]) -> tuple[int, int]:
    networks = (found.get("networks") or {}).values()
    return sum(int(n["rx_bytes"]) for n in networks), sum(int(n["tx_bytes"]) for n in networks)


def _blocks(found: Mapping[str, Any]) -> tuple[int, int]:
    entries = (found.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    sums = {op: sum(int(e["value"]) for e in entries if e["op"].lower() == op) for op in ("read", "write")}
    return sums["read"], sums["write"]


def _both(pair: tuple[int, int], base: int = 1000) -> str:
    digits = 3 if base == 1000 else 4
    return f"{words.size(pair[0], base, digits)} / {words.size(pair[1], base, digits)}"


def _share(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1] * 100 if pair[1] else 0.0


def fields(full: bool) -> dict[str, Field]:
    """The columns; ``full`` cuts nothing."""
    return {
        "Container": Field("CONTAINER", lambda s: s["asked"]),
        "ID": Field("CONTAINER ID", lambda s: s.get("id", "") if full else words.short(s.get("id", ""))),
        "Name": Field("NAME", lambda s: s.get("name", "").lstrip("/")),
        "CPUPerc": Field("CPU %", lambda s: f"{_cpu(s):.2f}%"),
        "MemUsage": Field("MEM USAGE / LIMIT", lambda s: _both(_memory(s), 1024)),
        "MemPerc": Field("MEM %", lambda s: f"{_share(_memory(s)):.2f}%"),
        "NetIO": Field("NET I/O", lambda s: _both(_network(s))),
        "BlockIO": Field("BLOCK I/O", lambda s: _both(_blocks(s))),
        "PIDs": Field("PIDS", lambda s: str((s.get("pids_stats") or {}).get("current", 0))),
    }


def _read(client: Client, names: tuple[str, ...], all: bool) -> list[dict[str, Any]]:
    """One reading of each container. The daemon takes a second for each, so they are asked together."""
    asked = list(names) or [c["Id"][:12] for c in client.get("/containers/json", all=all)]

    def one(name: str) -> dict[str, Any]:
        found = client.get(f"/containers/{name_in_path(name)}/stats", stream="0")
        return {**found, "asked": name}

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        return [found for found in pool.map(lambda name: _or_gone(one, name, bool(names)), asked) if found]


def _or_gone(one: Any, name: str, named: bool) -> Any:
    """A container that ended between the list and the reading is left out, unless it was asked for."""
    try:
        return one(name)
    except Failed as error:
        if named or error.status != 404:
            raise
        return None


@command("stats")
@switch("-a", "--all", help="Show all containers (default shows just running)")
@text("--format", "form", help="table, table TEMPLATE, json, or a Go template")
@switch("--json", "as_json", help="Print the daemon's own objects as JSON")
@switch("--no-stream", help="Print one reading and end")
@switch("--no-trunc", help="Cut nothing")
@click.argument("containers", metavar="[CONTAINER...]", nargs=-1, shell_complete=complete.running)
@pass_client
def stats(
    client: Client,
    containers: tuple[str, ...],
    all: bool,
    form: str,
    as_json: bool,
    no_stream: bool,
    no_trunc: bool,
) -> None:
    """Show what containers use, again and again."""
    client.version  # noqa: B018  (asked before threads share the client)
    columns = fields(no_trunc)
    if no_stream:
        listing(_read(client, containers, all), columns, SHOWN, form, as_json)
        return
    if form or as_json:
        while True:
            listing(_read(client, containers, all), columns, SHOWN, form, as_json)
    _watch(client, containers, all, columns)


def _watch(client: Client, containers: tuple[str, ...], all: bool, columns: Mapping[str, Field]) -> None:
    # Imported here: only the live table needs it, and it is slow to load.
    from rich.live import Live
    from rich.text import Text

    with Live(screen=False, auto_refresh=False) as live:
        while True:
            started = time.monotonic()
            rows = [Row(found, columns) for found in _read(client, containers, all)]
            table = [
                [columns[name].title for name in SHOWN],
                *([row[name] for name in SHOWN] for row in rows),
            ]
            live.update(Text(words.columns(table), no_wrap=True), refresh=True)
            time.sleep(max(0.0, 1.0 - (time.monotonic() - started)))
