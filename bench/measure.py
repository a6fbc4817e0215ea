"""Measuring: repeat, take the middle, say what was measured on what."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured: all values, in ``unit``."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """The value that 95 of 100 stay below."""
        return sorted(self.values)[max(0, round(0.95 * len(self.values)) - 1)]

    def row(self) -> str:
        """As a line of a Markdown table."""
        return f"| {self.name} | {self.median:.2f} | {self.p95:.2f} | {len(self.values)} | {self.unit} |"

    def plain(self) -> dict[str, object]:
        """As JSON."""
        middle = {"median": round(self.median, 3), "p95": round(self.p95, 3)}
        return {"name": self.name, "unit": self.unit, **middle, "values": [round(v, 3) for v in self.values]}


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that an action takes."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def repeat(name: str, count: int, one: Callable[[int], float], unit: str = "ms") -> Figure:
    """Measure ``count`` times; the first is not counted (caches, first use)."""
    one(0)
    return Figure(name, unit, tuple(one(n) for n in range(1, count + 1)))


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "cpu": cpu,
        "load": round(os.getloadavg()[0], 2),
    }


def table(figures: Sequence[Figure]) -> list[str]:
    """A Markdown table."""
    return ["| what | median | p95 | n | unit |", "|---|---:|---:|---:|---|", *(f.row() for f in figures)]
