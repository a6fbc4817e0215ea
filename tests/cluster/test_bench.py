"""The cluster's benchmark runs, in its small sizes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.town import lacking

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.root
@pytest.mark.slow
def test_the_clusters_benchmark_runs() -> None:
    if reason := lacking("etcd"):
        pytest.skip(reason)
    words = [sys.executable, "bench/cluster.py", "--quick", "--skip", "docker"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert not done.returncode, done.stdout + done.stderr
    rows = {
        line.split("|")[1].strip(): line.split("|")[2:] for line in done.stdout.splitlines() if "|" in line
    }
    commits = next(values for name, values in rows.items() if name.endswith("store commits per join"))
    assert float(commits[0]) == 1.0, "a start is one commit"
    assert float(rows["seaway: never reachable within the patience"][0]) == 0
