"""An overlay on the ledger and a fake kernel: what is lost with a device is made again, and only that."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from seaway.datapath.fake import FakeKernel
from seaway.datapath.ledger import Ledger
from seaway.datapath.reconcile import Change, Make, Operation
from seaway.datapath.resources import Bridge, Neighbour, Netns, Vxlan
from seaway.datapath.standing import grounds, renewed, stands_on
from tests.unit.datapath.worlds import HIDDEN, Wants, leaving, namespaces, remote, resources, segment

ALL: Wants = {**segment(), **remote(2), **remote(3)}
DEVICE = next(r for r in segment()["net:ov"] if isinstance(r, Vxlan))
BRIDGE = next(r for r in segment()["net:ov"] if isinstance(r, Bridge))


def kinds(operations: Sequence[Operation]) -> list[str]:
    return sorted(str(o.resource.key[0]) for o in operations)


def settled(wants: Wants = ALL) -> tuple[FakeKernel, Ledger]:
    kernel = FakeKernel()
    ledger = Ledger(kernel.hands())
    assert not ledger.settle(wants).refusals
    return kernel, ledger


def test_one_more_endpoint_is_two_operations() -> None:
    kernel, ledger = settled()
    assert kinds(ledger.settle(remote(4)).operations) == ["forward", "neighbour"]
    assert kinds(ledger.settle(remote(4, host=3)).operations) == ["forward"]
    assert ledger.settle({**remote(4, host=3), **ALL}).operations == ()
    assert kernel.state == resources({**ALL, **remote(4, host=3)})


def test_another_mac_is_another_way_and_a_changed_neighbour() -> None:
    _, ledger = settled()
    first, *rest = ledger.settle(remote(2, at=7)).operations
    assert kinds([first]) == ["forward"] and kinds(rest) == ["forward", "neighbour"]
    changed = rest[1]
    assert isinstance(changed, Change) and isinstance(changed.resource, Neighbour)


def test_where_it_is_announced_is_no_difference() -> None:
    one = Neighbour(HIDDEN, "vx", "10.9.0.2", "02:00:00:00:00:01", "ov")
    assert one == replace(one, announce="") and hash(one) == hash(replace(one, announce=""))


CHANGES = [
    (segment(mtu=1400), ["link", "link"]),
    (segment(vni=257), ["forward", "forward", "link", "neighbour", "neighbour"]),
    (segment(local="192.0.2.9"), ["forward", "forward", "link", "neighbour", "neighbour"]),
]


@pytest.mark.parametrize(("wants", "expected"), CHANGES, ids=["mtu", "vni", "local"])
def test_a_device_made_anew_gets_its_entries_back(wants: Wants, expected: list[str]) -> None:
    kernel, ledger = settled()
    report = ledger.settle(wants)
    assert not report.refusals and kinds(report.operations) == expected
    assert kernel.state == resources({**ALL, **wants})
    assert ledger.verify({**ALL, **wants}, namespaces(ALL)).operations == ()


def test_another_bridge_costs_the_ways_but_not_the_neighbours() -> None:
    kernel, ledger = settled()
    new = {**segment(bridge="ov2"), **remote(2, bridge="ov2"), **remote(3, bridge="ov2")}
    report = ledger.settle(leaving(ALL, new))
    assert not report.refusals
    assert [k for k in kinds(report.operations) if k in ("forward", "neighbour")] == ["forward"] * 2
    assert ledger.verify(new, namespaces(new)).operations == ()
    assert {k for k in kernel.state if k[0] != "sysctl"} == {k for k in resources(new) if k[0] != "sysctl"}


def test_a_bridge_that_somebody_removed_comes_back_with_its_ports_and_their_entries() -> None:
    kernel, ledger = settled()
    kernel.vanish(BRIDGE.key)
    assert kernel.state[DEVICE.key] == replace(DEVICE, master="")
    operations = ledger.verify(ALL, namespaces(ALL)).operations
    assert kinds(operations).count("forward") == 2 and "neighbour" not in kinds(operations)
    assert kernel.state == resources(ALL)
    assert ledger.verify(ALL, namespaces(ALL)).operations == ()


def test_a_namespace_takes_the_entries_with_it_but_not_the_device() -> None:
    kernel, ledger = settled()
    report = ledger.settle(dict.fromkeys(ALL, ()))
    assert [type(o.resource) for o in report.operations] == [Vxlan, Bridge, Netns]
    assert not kernel.state and ledger.settle(ALL).operations


def test_a_refused_device_is_tried_again_with_its_entries() -> None:
    kernel, ledger = settled()
    kernel.fail_once(DEVICE.key, "VNI 256 is already in use")
    assert ledger.settle({**ALL, **segment(vni=257)}).refusals
    for _ in range(3):
        report = ledger.settle({**ALL, **segment(vni=257)})
    assert report.operations == () and kernel.state == resources({**ALL, **segment(vni=257)})


def test_what_stands_on_what() -> None:
    (way, neighbour) = remote(2)["peer:ov/2"]
    assert set(stands_on(way)) & set(grounds(DEVICE)) == set(grounds(DEVICE))
    assert set(stands_on(neighbour)) & set(grounds(DEVICE)) == {("device", HIDDEN, "vx")}
    assert ("ports", HIDDEN, "ov") in set(stands_on(DEVICE))
    assert set(renewed([Make(DEVICE)])) == set(grounds(DEVICE))
    assert list(renewed([Change(DEVICE, replace(DEVICE, mtu=1))])) == []
    assert list(renewed([Change(DEVICE, replace(DEVICE, master="x"))])) == [("place", HIDDEN, "vx")]
