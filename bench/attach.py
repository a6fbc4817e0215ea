"""What a container's networking costs, beside docker.io, podman and CNI in the same run.

.venv/bin/python bench/attach.py [--count 30] [--skip peers ports many]
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import peers
from bench.measure import Figure, machine, repeat, table, timed
from demo.host import DOCKER, SEAWAY, Host, Street
from tests.faces.image import NAME, build

RESULTS = Path(__file__).resolve().parent / "results"
_ATTACHED = re.compile(r'msg="?attached"?.* ms="?([\d.]+)')


def attached(host: Host) -> list[float]:
    """Milliseconds of every claim + settle so far, from the daemon's log."""
    return [float(ms) for ms in _ATTACHED.findall(host.log.read_text())]


def single(host: Host, count: int) -> list[Figure]:
    """Seaway's own: what its log says of claim + settle, and container start by the API and the CLI."""
    started = len(attached(host))
    for _ in range(count + 1):
        peers.start_time(host.socket, "bridge")
    plain = Figure("seaway: attach (claim + settle), bridge", "ms", tuple(attached(host)[started + 1 :]))
    started = len(attached(host))
    for _ in range(count + 1):
        peers.start_time(host.socket, "bridge", ("8080/tcp",))
    port = Figure("seaway: attach (claim + settle), bridge -p", "ms", tuple(attached(host)[started + 1 :]))
    client = (DOCKER or SEAWAY,)
    run = repeat(
        f"seaway: {Path(client[0]).name} run",
        count,
        lambda _: timed(lambda: host.run(*client, "run", "--rm", NAME, "true")),
    )
    return [plain, port, *peers.by_api("seaway", host.socket, count), run]


def ports(host: Host) -> list[Figure]:
    """Cost of publishing: one container with N ports, and one more port when N are there."""
    found = []
    for count in (10, 1_000, 10_000):
        name = f"p{count}"
        first = len(attached(host))
        span = f"20000-{20000 + count - 1}"
        published = f"0.0.0.0:{span}:{span}"  # one family: the limit of open files may be 20,000
        host.docker("run", "-d", "--name", name, "-p", published, NAME, "sleep", "600", timeout=120)
        whole = attached(host)[first]
        found.append(Figure(f"{count:,} ports at once: attach", "ms", (whole,)))
        found.append(Figure(f"{count:,} ports at once: each", "ms", (whole / count,)))
        before = len(attached(host))
        for _ in range(11):
            peers.start_time(host.socket, "bridge", ("8080/tcp",))
        more = tuple(attached(host)[before + 1 :])
        found.append(Figure(f"one more port beside {count:,}: attach", "ms", more))
        gone = timed(lambda name=name: host.docker("rm", "-f", name, timeout=120))  # type: ignore[misc]
        found.append(Figure(f"{count:,} ports: docker rm -f", "ms", (gone,)))
    return found


def resident(host: Host) -> float:
    """The daemon's resident memory in MB."""
    text = host.run("grep", "VmRSS", f"/proc/{host.daemon_pid()}/status").out
    return int(text.split()[1]) / 1024


def many(host: Host, count: int = 100) -> list[Figure]:
    """Memory with a hundred containers, and how they were attached ten at a time."""
    first = len(attached(host))
    config = {"Image": NAME, "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "bridge"}}

    def start(number: int) -> None:
        host.http("POST", f"/containers/create?name=m{number}", config, timeout=120)
        host.http("POST", f"/containers/m{number}/start", timeout=120)

    began = time.perf_counter()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(start, range(count)))
    took = (time.perf_counter() - began) * 1000
    memory = resident(host)
    waits = tuple(attached(host)[first:])
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: host.http("DELETE", f"/containers/m{n}?force=1", timeout=120), range(count)))
    return [
        Figure(f"daemon RSS with {count} containers", "MB", (memory,)),
        Figure(f"{count} containers, 10 at a time: all started", "ms", (took,)),
        Figure(f"{count} containers, 10 at a time: attach", "ms", waits),
    ]


def write(figures: list[Figure], command: str) -> Path:
    """Keep the results as JSON and Markdown."""
    RESULTS.mkdir(exist_ok=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts = {"command": command, "when": when, **machine()}
    whole = {**facts, "figures": [f.plain() for f in figures]}
    (RESULTS / "attach.json").write_text(json.dumps(whole, indent=1) + "\n")
    lines = ["# What a container's networking costs", "", f"`{command}`", ""]
    lines += [f"- {key}: {value}" for key, value in facts.items() if key != "command"]
    lines += ["", *table(figures), ""]
    target = RESULTS / "attach.md"
    target.write_text("\n".join(lines))
    return target


def main() -> int:
    """Measure everything, print and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--skip", nargs="*", default=[], choices=["peers", "ports", "many"])
    flags = parser.parse_args()
    with Street() as street:
        box = build(street.root / "box.tar")
        host = street.host()
        host.start("--log-level", "info")
        host.docker("import", str(box), NAME)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "single": lambda: [
                Figure("daemon RSS, idle", "MB", (resident(host),)),
                *single(host, flags.count),
            ],
            "many": lambda: many(host),
            "ports": lambda: ports(host),
            "peers": lambda: [
                *peers.dockerd(street, box, flags.count),
                *peers.podman(street, box, max(5, flags.count // 3)),
                *peers.cni(street, flags.count),
            ],
        }
        figures = []
        for name, part in parts.items():
            if name not in flags.skip:
                figures += part()
                print(f"measured: {name}", flush=True)
        host.stop()
    target = write(
        figures, "make bench-attach" if flags.count == 30 else f"bench/attach.py --count {flags.count}"
    )
    print(target.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
