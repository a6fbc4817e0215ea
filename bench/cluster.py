"""What a cluster costs: control plane, kernel, and the time until a container is reachable from elsewhere.

.venv/bin/python bench/cluster.py [--quick] [--count 50] [--skip control kernel reach docker]
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import control_plane, programming, reach
from bench.light_nodes import Size
from bench.measure import Figure, machine, table
from tests.faces.image import build

RESULTS = Path(__file__).resolve().parent / "results"

SIZES = (Size(100, 10_000), Size(1_000, 10_000), Size(1_000, 100_000))
SMALL = (Size(10, 500, 10),)

NOTES = f"""
Control plane: one full node (the engine's facts, session, settler and verbs, SQLite on disk, a kernel that
does all it is asked at once) in a process of its own, with containers on {control_plane.PRESENT} of the networks; all other
nodes are what they write into etcd. Kernel: the real hands in a throw-away namespace. Reachability: two hosts
of each kind on one switch over one etcd, in turn; a container on the second host pings the address every 2 ms
from before the start, so a value below 0 means: reachable before the API had answered.
"""  # noqa: E501


def write(figures: list[Figure], command: str, seconds: float, folder: Path) -> Path:
    """Keep the results as JSON and Markdown."""
    folder.mkdir(exist_ok=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {"command": command, "when": when, "took": f"{seconds:.0f} s", **machine()}
    whole = {**facts, "figures": [f.plain() for f in figures]}
    (folder / "cluster.json").write_text(json.dumps(whole, indent=1) + "\n")
    lines = ["# What a cluster costs", "", f"`{command}`", ""]
    lines += [f"- {key}: {value}" for key, value in facts.items() if key != "command"]
    lines += [NOTES, *table(figures), ""]
    target = folder / "cluster.md"
    target.write_text("\n".join(lines))
    return target


def main() -> int:
    """Measure everything, print and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing kept in bench/results")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--skip", nargs="*", default=[], choices=["control", "kernel", "reach", "docker"])
    flags = parser.parse_args()
    began, figures = time.monotonic(), list[Figure]()
    if "control" not in flags.skip:
        for size in SMALL if flags.quick else SIZES:
            figures += control_plane.measure(size, 20 if flags.quick else 200)
        print("measured: control plane", flush=True)
    if "kernel" not in flags.skip:
        figures += programming.measure(*(500, 2) if flags.quick else (10_000, 5))
        print("measured: kernel", *(f.row() for f in figures), sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="seaway-bench-") as folder:
        if "reach" not in flags.skip:
            box = build(Path(folder) / "box.tar")
            count = 3 if flags.quick else flags.count
            figures += reach.measure(box, count, with_docker="docker" not in flags.skip)
            print("measured: reachability", flush=True)
        seconds = time.monotonic() - began
        command = (
            "make bench-cluster" if len(sys.argv) == 1 else " ".join(["bench/cluster.py", *sys.argv[1:]])
        )
        target = write(figures, command, seconds, Path(folder) if flags.quick or flags.skip else RESULTS)
        print(target.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
