"""How many names per second the embedded resolver answers: ``.venv/bin/python bench/names.py``.

A namespace of its own holds the resolver; dnsperf asks it for the names of 1,000 containers from inside.
Without dnsperf, processes of our own ask. Prints the figures, and writes them to bench/results/dns.json.
"""

import asyncio
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from seaway.datapath import netns, resources
from seaway.datapath.reconcile import Make, Remove
from seaway.dns.server import ResolverHand
from seaway.dns.zone import zone
from seaway.model import Endpoint, Network, Sandbox, Snapshot
from seaway.model.names import RESOLVER_ADDRESS, RESOLVER_PORT

NAMES = 1000
SECONDS = 3
ROUNDS = 5
RESULTS = Path(__file__).parent / "results" / "dns.json"

_SENDER = """
import socket, sys, time
server, port, names, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
head, tail = bytes.fromhex("beef01000001000000000000"), bytes.fromhex("0000010001")
asked = [head + bytes((len(n),)) + n + tail for n in (b"c%d" % i for i in range(names))]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((server, port))
sock.settimeout(2)
done, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    for i in range(50):
        sock.send(asked[(done + i) % names])
    for i in range(50):
        sock.recv(512)
    done += 50
print(done)
"""


def main() -> None:
    """Measure, print, write."""
    by = by_dnsperf if shutil.which("dnsperf") else by_senders
    with resolver() as path:
        rounds = [by(path) for _ in range(ROUNDS)]
    rates = sorted(round(r["answered_per_second"]) for r in rounds)
    result = {
        "what": f"A questions for the names of {NAMES} containers, answered from the zone over UDP",
        "command": ".venv/bin/python bench/names.py",
        "asked_by": by.__doc__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "queries_per_second": {"median": round(median(rates)), "best": rates[-1], "worst": rates[0]},
        "daemon_cpu_seconds_per_second": round(median(r["cpu"] for r in rounds), 2),
        "lost": sum(r["lost"] for r in rounds),
        "rounds": rounds,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "rounds"}, indent=2))


@contextmanager
def resolver() -> Iterator[str]:
    """A namespace with a resolver served by an event loop of its own, as in the daemon. Gives its path."""
    path = f"/run/netns/swbench{os.getpid()}"
    snapshot = facts(path)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    hand = ResolverHand(loop, lambda sandbox: zone(sandbox, snapshot))
    made = resources.Resolver(path, "box")
    try:
        netns.create(path)
        refused = hand.apply([Make(made)])
        if refused:
            raise SystemExit(refused[0].reason)
        yield path
    finally:
        hand.apply([Remove(made)])
        hand.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        netns.remove(path)


def facts(path: str) -> Snapshot:
    """1,000 containers on one network, one of them ours."""
    ends = [
        Endpoint(
            id=f"e{n}", network_id="n", container_id=f"c{n}", sandbox_id="box" if n == 0 else f"b{n}",
            name=f"c{n}", addresses=(f"10.1.{n // 250}.{n % 250 + 2}/16",), dns_names=(f"c{n}", f"{n:012x}"))
        for n in range(NAMES)
    ]  # fmt: skip
    return Snapshot(
        networks={"n": Network(id="n", name="net", driver="bridge", created="")},
        endpoints={e.id: e for e in ends},
        sandboxes={"box": Sandbox(id="box", container_id="c0", path=path, dns=True)},
    )


def by_dnsperf(path: str) -> dict[str, Any]:
    """dnsperf, 20 clients on 1 thread, 200 questions under way."""
    with tempfile.NamedTemporaryFile("w", suffix=".names") as names:
        names.writelines(f"c{n} A\n" for n in range(NAMES))
        names.flush()
        words = ["-s", RESOLVER_ADDRESS, "-p", str(RESOLVER_PORT), "-d", names.name, "-c", "20", "-q", "200"]
        text, cpu = inside(path, ["dnsperf", *words, "-l", str(SECONDS)])
    return {
        "answered_per_second": float(figure(r"Queries per second:\s+([\d.]+)", text)),
        "lost": int(figure(r"Queries lost:\s+(\d+)", text)),
        "latency_average_ms": round(float(figure(r"Average Latency \(s\):\s+([\d.]+)", text)) * 1000, 3),
        "codes": figure(r"Response codes:\s+(.+)", text),
        "cpu": cpu,
    }


def by_senders(path: str) -> dict[str, Any]:
    """One process of our own, 50 questions under way."""
    words = [RESOLVER_ADDRESS, str(RESOLVER_PORT), str(NAMES), str(SECONDS)]
    text, cpu = inside(path, [sys.executable, "-c", _SENDER, *words])
    return {"answered_per_second": int(text) / SECONDS, "lost": 0, "cpu": cpu}


def inside(path: str, command: list[str]) -> tuple[str, float]:
    """What a command in the namespace prints, and the CPU seconds we used, per second of questions."""
    used = own_cpu()
    done = subprocess.run(
        ["ip", "netns", "exec", os.path.basename(path), *command], capture_output=True, text=True, check=True,
        timeout=SECONDS + 30,
    )  # fmt: skip
    return done.stdout, round((own_cpu() - used) / SECONDS, 2)


def own_cpu() -> float:
    """CPU seconds of this process: the resolver's."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def figure(pattern: str, text: str) -> str:
    """The first group of a pattern in dnsperf's report."""
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"dnsperf printed no {pattern!r}:\n{text}")
    return found.group(1)


if __name__ == "__main__":
    main()
