"""A short run of the chaos, with a seed that stays: ``make chaos`` is the long one."""

import pytest

from tests.cluster.chaos import BUSYBOX, play
from tests.cluster.town import lacking

SEED = 20


@pytest.mark.timeout(300)
def test_three_hosts_come_through() -> None:
    """45 seconds of turmoil; at every quiet point store, hosts, kernels, names and pings are one truth."""
    if reason := lacking("etcd"):
        pytest.skip(reason)
    if not BUSYBOX.is_file():
        pytest.skip("no build/busybox.tar: make images")
    figures = play(SEED, 0.75, "etcd")
    assert not figures["wrong"], figures["wrong"]
    assert figures["quiet_points"] >= 2 and figures["pings_sent"] > 20
