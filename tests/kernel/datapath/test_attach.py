"""A sandbox is attached for real: what was wanted is what is read back, and packets pass."""

import os
import statistics
import time

import pytest

from seaway.datapath.nft import NftHand
from tests.kernel.datapath.ground import Ground, inside, keys

pytestmark = pytest.mark.root

TIMES = 50
LIMIT = 0.015
"""Seconds an attach may take at the median; unhurried machines need a fifth of it."""


def test_what_is_read_back_is_what_was_wanted(ground: Ground) -> None:
    wants = ground.wants(1, 2)
    report = ground.ledger.settle(wants)
    assert not report.refusals
    assert keys(report.operations) == {r.key for rs in wants.values() for r in rs}
    assert ground.ledger.settle(wants).operations == ()
    again = ground.ledger.verify(wants, ground.everywhere(1, 2))
    assert (again.operations, again.refusals, again.unread) == ((), (), ())


def test_packets_pass_between_boxes_in_both_families(ground: Ground) -> None:
    assert not ground.ledger.settle(ground.wants(1, 2)).refusals
    inside(ground.box(1), "ping", "-c1", "-W2", "172.30.0.3")
    inside(ground.box(1), "ping", "-c1", "-W2", "fd30::3")
    inside(ground.box(2), "ping", "-c1", "-W2", "172.30.0.1")
    assert "via 172.30.0.1 dev eth0" in inside(ground.box(1), "ip", "route", "get", "192.0.2.1")


def test_a_daemon_born_again_finds_all_and_rewrites_only_tables(ground: Ground) -> None:
    wants = ground.wants(1)
    ground.ledger.settle(wants)
    ground.nft.close()
    ground.nft = NftHand(ground.path)
    reborn = ground.new_ledger()
    report = reborn.verify(wants, ground.everywhere(1))
    assert {k[0] for k in keys(report.operations)} == {"nft-table", "nft-element"} and not report.refusals
    assert reborn.verify(wants, ground.everywhere(1)).operations == ()


def test_leaving_takes_everything_away_and_nothing_else(ground: Ground) -> None:
    ground.ledger.settle(ground.wants(1, 2))
    report = ground.ledger.settle({"box:2": (), "ep:2": ()})
    assert {k[0] for k in keys(report.operations)} == {"netns", "link", "nft-element"} and not report.refusals
    assert not os.path.exists(ground.box(2)) and "veth2" not in ground.run("ip", "link")
    assert ground.ledger.verify(ground.wants(1), ground.everywhere(1)).operations == ()


def test_orphans_of_a_crash_are_swept(ground: Ground) -> None:
    ground.ledger.settle(ground.wants(1, 2, 3))
    report = ground.new_ledger().verify(ground.wants(1), ground.everywhere(1, 2, 3))
    assert not report.refusals
    assert os.listdir(ground.root / "boxes") == ["box1"]
    links = ground.run("ip", "-o", "link")
    assert "veth1@" in links and "veth2@" not in links and "veth3@" not in links
    assert "8002" not in ground.run("nft", "list", "map", "inet", "seaway", "publish4")


def test_attach_is_quick_and_leaks_nothing(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.ledger.settle(ground.wants())
    seconds, files = [], 0
    for number in range(TIMES):
        want = ground.attach(number + 1)
        start = time.perf_counter()
        report = ground.ledger.settle(want)
        seconds.append(time.perf_counter() - start)
        assert not report.refusals
        files = files or len(os.listdir("/proc/self/fd"))
    assert len(os.listdir("/proc/self/fd")) == files
    median = statistics.median(seconds)
    with capsys.disabled():
        print(f"\nattach of both families with firewall: median {median * 1000:.2f} ms of {TIMES}")
    assert median < LIMIT
    start = time.perf_counter()
    everybody = {o: () for n in range(TIMES) for o in (f"box:{n + 1}", f"ep:{n + 1}")}
    assert not ground.ledger.settle(everybody).refusals
    assert time.perf_counter() - start < 1.5
    assert "veth" not in ground.run("ip", "-o", "link") and os.listdir(ground.root / "boxes") == []
