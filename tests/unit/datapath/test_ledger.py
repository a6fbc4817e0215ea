"""The ledger on a fake kernel: only the steps needed, truth after failure, damage healed, orphans swept."""

from collections.abc import Sequence
from dataclasses import replace

from seaway.datapath.fake import FakeKernel
from seaway.datapath.hands import Refusal
from seaway.datapath.ledger import Ledger
from seaway.datapath.reconcile import Change, Make, Operation, Remove
from seaway.datapath.resources import (
    Address,
    Bridge,
    HostPort,
    Netns,
    NftElement,
    NftTable,
    Relay,
    Resource,
    Route,
    Sysctl,
)
from tests.unit.datapath.worlds import (
    box,
    endpoint,
    host,
    leaving,
    namespaces,
    network,
    path,
    resources,
    world,
)


def keys(operations: Sequence[Operation]) -> list[str]:
    return sorted(str(o.resource.key[0]) for o in operations)


def settled(wants: dict[str, tuple[Resource, ...]] | None = None) -> tuple[FakeKernel, Ledger]:
    kernel = FakeKernel()
    ledger = Ledger(kernel.hands())
    report = ledger.settle(wants if wants is not None else world([1, 2]))
    assert not report.refusals
    return kernel, ledger


def test_a_settled_world_stands_and_settles_to_nothing() -> None:
    kernel, ledger = settled()
    assert kernel.state == resources(world([1, 2]))
    calls = len(kernel.calls)
    assert ledger.settle(world([1, 2])).operations == ()
    assert ledger.verify(world([1, 2]), namespaces(world([1, 2]))).operations == ()
    assert len(kernel.calls) == calls


def test_a_join_costs_its_own_operations_only() -> None:
    kernel, ledger = settled()
    report = ledger.settle({"box:3": box(3), "ep:3": endpoint(3, 1)})
    assert {o.resource.key for o in report.operations} == {r.key for r in (*box(3), *endpoint(3, 1))}
    assert kernel.state == resources(world([1, 2, 3]))


def test_operations_come_to_a_hand_in_batches() -> None:
    kernel, other = FakeKernel(), FakeKernel()
    hands = {**kernel.hands(), Sysctl: other}
    Ledger(hands).settle({"net:1": network(1), "host": host()})
    assert [len(batch) for batch in kernel.calls] == [1, 3] and [len(b) for b in other.calls] == [2]


def test_an_owner_who_wants_nothing_is_forgotten_with_all_that_stood() -> None:
    kernel, ledger = settled()
    ledger.settle({"box:2": (), "ep:2": ()})
    assert kernel.state == resources(world([1]))
    assert ledger.settle({"box:2": (), "ep:2": ()}).operations == ()
    assert "box:2" not in ledger._owned and "ep:2" not in ledger._owned


def test_what_two_owners_want_goes_with_the_last() -> None:
    six = Sysctl("", "net.ipv6.conf.all.forwarding", "1")
    bridge = Bridge("", "br9")
    kernel, ledger = settled({"a": (bridge, six), "b": (bridge,)})
    ledger.settle({"a": ()})
    assert bridge.key in kernel.state
    ledger.settle({"b": ()})
    assert bridge.key not in kernel.state


def test_two_owners_who_want_different_things_at_once_are_told() -> None:
    kernel, ledger = settled({"a": (HostPort("", "tcp", "::", 80),)})
    relay = Relay("", "tcp", "::", 80, "10.0.0.2", 80)
    report = ledger.settle({"b": (relay, Bridge("", "br1"))})
    assert [r.operation for r in report.refusals] == [Make(relay)] and "clashes" in report.refusals[0].reason
    assert ("link", "", "br1") in kernel.state
    assert ledger.settle({"a": (), "b": (relay,)}).refusals == ()
    assert kernel.state[relay.key] == relay


def test_a_change_from_one_hand_to_another_is_a_removal_and_a_making() -> None:
    kernel, other = FakeKernel(), FakeKernel()
    ledger = Ledger({**kernel.hands(), Relay: other})
    port, relay = HostPort("", "tcp", "::", 80), Relay("", "tcp", "::", 80, "10.0.0.2", 80)
    ledger.settle({"a": (port,)})
    assert ledger.settle({"a": (relay,)}).operations == (Remove(port), Make(relay))
    assert kernel.state == {} and other.state == {relay.key: relay}


def test_a_refused_operation_stops_nothing_and_is_tried_again() -> None:
    kernel = FakeKernel()
    ledger = Ledger(kernel.hands())
    element = NftElement("", "seaway", "bridges", '"br1"')
    kernel.fail_once(element.key, "no room")
    report = ledger.settle(world([1]))
    assert [(r.operation, r.reason) for r in report.refusals] == [(Make(element), "no room")]
    assert set(resources(world([1]))) - set(kernel.state) <= {element.key}
    assert ledger.settle(world([1])).operations == (Make(element),)
    assert kernel.state == resources(world([1]))


def test_what_failed_half_way_is_taken_away_when_nobody_wants_it() -> None:
    for seed in range(8):
        kernel = FakeKernel(seed=seed)
        ledger = Ledger(kernel.hands())
        kernel.fail_once(Bridge("", "br1").key)
        ledger.settle({"net:1": network(1)[:1]})
        ledger.settle({"net:1": ()})
        assert kernel.state == {}


def test_a_failed_removal_is_kept_and_tried_again() -> None:
    kernel, ledger = settled({"net:1": network(1)[:2]})
    kernel.fail_once(("link", "", "br1"))
    assert len(ledger.settle({"net:1": ()}).refusals) == 1
    report = ledger.settle({"net:1": ()})
    assert keys(report.operations) == ["link"] and not report.refusals
    assert kernel.state == {}


def test_a_failed_change_is_made_again() -> None:
    kernel, ledger = settled({"net:1": network(1)[:1]})
    kernel.fail_once(("link", "", "br1"))
    ledger.settle({"net:1": network(1, mtu=1400)[:1]})
    report = ledger.settle({"net:1": network(1, mtu=1400)[:1]})
    assert report.operations == (Make(Bridge("", "br1", 1400)),)
    assert kernel.state[("link", "", "br1")] == Bridge("", "br1", 1400)


def test_a_hand_that_raises_has_refused() -> None:
    class Broken(FakeKernel):
        def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
            raise RuntimeError("broken")

    report = Ledger({**FakeKernel().hands(), Bridge: Broken()}).settle({"net:1": network(1)})
    assert "broken" in report.refusals[0].reason and isinstance(report.refusals[0].operation.resource, Bridge)


def test_a_table_written_anew_gets_the_elements_of_all_owners_in_the_same_batch() -> None:
    kernel, ledger = settled()
    report = ledger.settle({"host": host("set bridges { } chain x { }")})
    elements = {k for k in resources(world([1, 2])) if k[0] == "nft-element"}
    assert {o.resource.key for o in report.operations[1:]} == elements and len(elements) == 3
    assert isinstance(report.operations[0], Change) and len(kernel.calls[-1]) == 4
    assert elements < kernel.state.keys()


def test_damage_is_healed_with_exactly_the_operations_needed() -> None:
    wants = world([1, 2])
    for key, expected in (
        (("link", "", "br1"), {"link", "address", "sysctl"}),
        (("link", "", "veth1"), {"link", "address", "sysctl", "route"}),
        (("nft-table", "", "inet", "seaway"), {"nft-table", "nft-element"}),
        (("netns", path(1)), {"netns", "link", "address", "sysctl", "route", "resolver"}),
        (("host-port", "", "tcp", "::", 81), {"host-port"}),
        (("address", "", "br1", "10.1.0.1/24"), {"address"}),
    ):
        kernel, ledger = settled()
        kernel.vanish(key)
        missing = {k for k, r in resources(wants).items() if kernel.state.get(k) != r}
        report = ledger.verify(wants, namespaces(wants))
        assert {o.resource.key for o in report.operations} == missing, key
        assert {k[0] for k in missing} == expected
        assert kernel.state == resources(wants)


def test_damage_seen_from_the_host_alone_brings_back_what_fell_inside() -> None:
    wants = world([1, 2])
    for key in (("link", "", "veth1"), ("netns", path(1)), ("link", "", "br1")):
        kernel, ledger = settled()
        kernel.vanish(key)
        ledger.verify(wants, [""])
        assert kernel.state == resources(wants)
        assert ledger.verify(wants, namespaces(wants)).operations == ()


def test_orphans_are_swept_and_others_things_are_not() -> None:
    wants = world([1, 2])
    kernel, ledger = settled()
    theirs = Bridge("", "user0", ours=False)
    kernel.state[theirs.key] = theirs
    report = Ledger(kernel.hands()).verify(world([1]), namespaces(wants))
    assert kernel.state == {**resources(world([1])), theirs.key: theirs}
    assert all(isinstance(o, Remove) for o in report.operations)
    assert ledger is not None


def test_a_bridge_that_is_not_ours_is_wanted_but_never_removed() -> None:
    wants = {"host": host(), "net:1": network(1, ours=False)}
    kernel, ledger = settled(wants)
    assert ledger.verify(wants, [""]).operations == ()
    report = ledger.verify({}, [""])
    assert "link" not in keys(report.operations) and ("link", "", "br1") in kernel.state


def test_compare_tells_and_does_nothing() -> None:
    kernel, ledger = settled()
    kernel.vanish(("link", "", "veth1"))
    state, calls = dict(kernel.state), len(kernel.calls)
    told = ledger.compare(world([1]), namespaces(world([1, 2])))
    assert kernel.state == state and len(kernel.calls) == calls
    assert {type(o) for o in told} == {Make, Remove}
    report = ledger.verify(world([1]), namespaces(world([1, 2])))
    assert list(report.operations) == told


def test_after_forget_everything_is_made_again() -> None:
    kernel, ledger = settled()
    ledger.forget()
    assert len(ledger.settle(world([1, 2])).operations) == len(kernel.state)


def test_a_hand_that_cannot_read_leaves_the_belief_and_is_told() -> None:
    class Blind(FakeKernel):
        def read(self, namespaces: Sequence[str]) -> list[Resource]:
            raise OSError("no sight")

    kernel, blind = FakeKernel(), Blind()
    ledger = Ledger({**kernel.hands(), NftTable: blind, NftElement: blind})
    ledger.settle(world([1]))
    report = ledger.verify(world([1]), namespaces(world([1])))
    assert report.operations == () and report.unread == ("Blind: no sight",)


def test_a_route_lost_with_an_address_comes_back() -> None:
    wants = world([1])
    kernel, ledger = settled(wants)
    moved = [replace(r, cidr="10.1.0.77/24") if isinstance(r, Address) else r for r in endpoint(1, 1)]
    report = ledger.settle({"ep:1": moved})
    assert keys(report.operations) == ["address", "address", "route"]
    assert Route(path(1), "0.0.0.0/0", "eth0", "10.1.0.1").key in kernel.state


def test_leaving_and_coming_in_one_settle() -> None:
    kernel, ledger = settled()
    ledger.settle(leaving(world([1, 2]), world([2, 3], number=2)))
    assert kernel.state == resources(world([2, 3], number=2))
    assert Netns(path(1)).key not in kernel.state
