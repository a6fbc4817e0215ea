"""Copy the figures of bench/results into the README: .venv/bin/python docs/figures.py."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "bench/results"
PLACE = re.compile(r"<!-- figures: begin .*?-->\n.*?<!-- figures: end -->", re.DOTALL)
"""The marked place in the README."""

SHOWN = (
    "seaway: attach (claim + settle), bridge",
    "seaway: attach (claim + settle), bridge -p",
    "seaway: bridge minus none",
    "docker.io 20.10: bridge minus none",
    "podman 4.3: bridge minus none",
    "CNI bridge: ADD",
    "seaway: docker run",
    "docker.io 20.10: docker run",
    "10 ports at once: each",
    "1,000 ports at once: each",
    "10,000 ports at once: each",
    "one more port beside 10: attach",
    "one more port beside 10,000: attach",
    "daemon RSS, idle",
    "daemon RSS with 100 containers",
)
"""Figures of attach.json that the README quotes, in its order."""

CLUSTER = (
    "seaway: start asked for until reachable from the other host",
    "seaway: the same until reachable, p99",
    "docker.io 20.10: start asked for until reachable from the other host",
    "docker.io 20.10: the same until reachable, p99",
    "10,000 remote endpoints: kernel programmed",
    "10,000 remote endpoints: one comes",
    "1,000 nodes, 100,000 endpoints, 100 networks: start on an empty disk: mirror + settle",
    "1,000 nodes, 100,000 endpoints, 100 networks: a join, on the node itself",
    "1,000 nodes, 100,000 endpoints, 100 networks: a join elsewhere: CPU",
    "1,000 nodes, 100,000 endpoints, 100 networks: process RSS",
)
"""The same of cluster.json."""


def lines() -> Iterator[str]:
    """The section, from whatever result files there are."""
    yield "<!-- figures: begin (docs/figures.py writes this from bench/results) -->"
    yield "| Figure | Median | 95th percentile | From |"
    yield "|---|---:|---:|---|"
    attach, names, cluster = _read("attach.json"), _read("dns.json"), _read("cluster.json")
    yield from _rows(attach, SHOWN, "attach.json")
    yield from _rows(cluster, CLUSTER, "cluster.json")
    if names:
        median = names["queries_per_second"]["median"]
        yield f"| names answered from the zone | {median:,} per second | | {_link('dns.json')} |"
    yield ""
    for source, result in (("attach.json", attach), ("cluster.json", cluster)):
        if result:
            yield f"{source}: {result['when']}, kernel {result['kernel']}, `{result['command']}`."
    if names:
        yield f"dns.json: {names['at'][:10]}, `{names['command']}`."
    yield "<!-- figures: end -->"


def _read(name: str) -> dict[str, Any]:
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else {}


def _rows(result: dict[str, Any], shown: tuple[str, ...], source: str) -> Iterator[str]:
    found = {figure["name"]: figure for figure in result.get("figures", ())}
    return (_row(found[name], source) for name in shown if name in found)


def _row(figure: dict[str, Any], source: str) -> str:
    unit = figure["unit"]
    many = len(figure["values"]) > 1
    tail = f"{_short(figure['p95'])} {unit}" if many else ""
    return f"| {figure['name']} | {_short(figure['median'])} {unit} | {tail} | {_link(source)} |"


def _short(value: float) -> str:
    """Three digits or so: more would pretend to a precision that is not there."""
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def _link(name: str) -> str:
    return f"[{name}](bench/results/{name})"


def main() -> None:
    """Write the section into its place."""
    section = "\n".join(lines())
    README.write_text(PLACE.sub(lambda _: section, README.read_text(), count=1))


if __name__ == "__main__":
    main()
