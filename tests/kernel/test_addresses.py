"""The host's own addresses, read from the kernel in a namespace of the test's."""

import json
import os
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace"),
]

_READ = "import json; from seaway.engine import host; print(json.dumps(host.addresses()))"


def addresses(*commands: str) -> list[tuple[str, str, int]]:
    """What a fresh namespace has after these commands of ``ip``."""
    lines = "\n".join(["set -e", *(f"ip {command}" for command in commands), 'exec "$0" -c "$1"'])
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", lines, sys.executable, _READ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout)]


def test_a_bare_host_has_none() -> None:
    assert addresses() == []


def test_every_address_with_its_device_and_mtu() -> None:
    found = addresses(
        "link set lo up",
        "address add 10.255.0.1/32 dev lo",
        "link add up0 type bridge",
        "link set up0 address 02:00:00:00:00:01 mtu 1350 up",
        "address add 192.168.1.21/24 dev up0",
        "address add 192.168.1.99/24 dev up0 label up0:second",
        "address add fd00::21/64 dev up0 nodad",
        "route add default via 192.168.1.1",
    )
    assert [one for one in found if "fe80" not in one[1]] == [
        ("lo", "127.0.0.1", 1350),
        ("lo", "10.255.0.1", 1350),
        ("lo", "::1", 1350),
        ("up0", "192.168.1.21", 1350),
        ("up0", "192.168.1.99", 1350),
        ("up0", "fd00::21", 1350),
    ]


def test_more_addresses_than_fit_at_once() -> None:
    many = [f"address add 10.0.{n}.1/24 dev up0" for n in range(150)]
    found = addresses("link add up0 type bridge", *many)
    assert [address for _, address, _ in found] == [f"10.0.{n}.1" for n in range(150)]
