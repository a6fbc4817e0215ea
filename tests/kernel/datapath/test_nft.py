"""nftables for real: what is read back is what was written; failing commands are left out alone."""

import time
from collections.abc import Iterable

import pytest

from seaway.datapath.nft import NftHand
from seaway.datapath.reconcile import Change, Make, Remove
from seaway.datapath.resources import NftElement, NftTable, Resource
from tests.kernel.datapath.ground import TABLE, Ground

pytestmark = pytest.mark.root

MANY = 10_000
FRAME = NftTable("", "inet", "seaway", TABLE)


def published(number: int, port: int = 80) -> NftElement:
    return NftElement("", "seaway", "publish4", f"tcp . {number}", f"172.17.0.2 . {port}")


def element(name: str, text: str, value: str = "") -> NftElement:
    return NftElement("", "seaway", name, text, value)


def state(hand: NftHand) -> dict[tuple[str | int, ...], Resource]:
    return {r.key: r for r in hand.read([""])}


def keyed(resources: Iterable[Resource]) -> dict[tuple[str | int, ...], Resource]:
    return {r.key: r for r in resources}


@pytest.fixture
def hand(ground: Ground) -> NftHand:
    """A hand that has written the table."""
    assert ground.nft.apply([Make(FRAME)]) == []
    return ground.nft


def test_elements_come_back_as_they_were_written(hand: NftHand) -> None:
    wanted = [
        element("bridges", '"br-1234567890AB"'),
        element("icc", '"br0" . "br-1234567890ab"'),
        element("nets", "10.0.0.0/8"),
        element("nets", "192.168.1.1/32"),
        element("publish4", "tcp . 80", "172.17.0.2 . 8080"),
        element("publish4", "udp . 53", "172.17.0.2 . 53"),
        element("publish4", "sctp . 443", "172.17.0.2 . 443"),
        element("publish6_at", "FD00::0:1 . tcp . 80", "fd00::2 . 80"),
        element("publish6_at", "2001:db8::1 . udp . 53", "fd00::2 . 53"),
    ]
    assert hand.apply([Make(r) for r in wanted]) == []
    assert state(hand) == keyed([FRAME, *wanted])
    assert hand.apply([Make(r) for r in wanted]) == []
    assert hand.apply([Remove(r) for r in wanted]) == []
    assert state(hand) == keyed([FRAME])
    assert hand.apply([Remove(r) for r in wanted]) == []


def test_an_element_changes_its_value_and_a_wrong_one_is_put_right(hand: NftHand) -> None:
    assert hand.apply([Make(published(80))]) == []
    assert hand.apply([Change(published(80), published(80, 81))]) == []
    assert published(80, 81) in hand.read([""])
    assert hand.apply([Make(published(80, 82)), Change(published(90), published(90, 91))]) == []
    assert state(hand) == keyed([FRAME, published(80, 82), published(90, 91)])


def test_a_failing_transaction_is_narrowed_to_what_failed(hand: NftHand) -> None:
    bad = [
        element("publish4", "tcp . 99", "!"),
        element("nowhere", '"x"'),
        element("bridges", "1.2.3.4 . 5"),
        element("publish4", "nonsense . 7", "172.17.0.2 . 1"),
    ]
    good = [published(n) for n in range(1, 30)]
    mixed = [*good[:10], bad[0], *good[10:15], bad[1], bad[2], *good[15:], bad[3]]
    refusals = hand.apply([Make(r) for r in mixed])
    assert {r.operation.resource.key for r in refusals} == {b.key for b in bad}
    for refusal in refusals:
        assert refusal.operation.resource.key[4] in refusal.reason
    assert state(hand) == keyed([FRAME, *good])


def test_a_table_that_cannot_be_written_leaves_the_old_one_and_its_elements(hand: NftHand) -> None:
    broken = NftTable("", "inet", "seaway", "chain x { no such thing }")
    hand.apply([Make(published(80))])
    refusals = hand.apply([Change(FRAME, broken), Make(published(81))])
    assert [r.operation for r in refusals] == [Change(FRAME, broken)] and "syntax error" in refusals[0].reason
    assert state(hand) == keyed([FRAME, published(80), published(81)])


def test_a_table_is_replaced_with_its_elements_in_one_transaction(ground: Ground, hand: NftHand) -> None:
    hand.apply([Make(published(80))])
    other = NftTable("", "inet", "seaway", TABLE + "\nchain more { }")
    assert hand.apply([Change(FRAME, other), Make(published(81))]) == []
    assert state(hand) == keyed([other, published(81)])
    assert ground.run("nft", "list", "tables").count("seaway") == 1
    assert hand.apply([Remove(published(81)), Remove(other), Remove(other)]) == []
    assert state(hand) == {}


def test_a_table_nobody_here_wrote_is_told_to_be_rewritten(ground: Ground, hand: NftHand) -> None:
    other = NftHand(ground.path)
    found = [r for r in other.read([""]) if isinstance(r, NftTable)]
    other.close()
    assert [r.text for r in found] == [""]
    ground.run("nft", "add", "rule", "inet", "seaway", "forward", "drop")
    assert [r.text for r in hand.read([""]) if isinstance(r, NftTable)] == [""]


def test_ten_thousand_elements_are_one_quick_transaction(hand: NftHand) -> None:
    many = [published(1 + n) for n in range(MANY)]
    bad = element("publish4", "tcp . 99999", "172.17.0.2 . 80")
    start = time.perf_counter()
    assert hand.apply([Make(r) for r in many]) == []
    written = time.perf_counter() - start
    start = time.perf_counter()
    assert len(state(hand)) == MANY + 1
    read = time.perf_counter() - start
    start = time.perf_counter()
    refusals = hand.apply([Change(FRAME, FRAME), *(Make(r) for r in many), Make(bad)])
    narrowed = time.perf_counter() - start
    assert [r.operation.resource for r in refusals] == [bad]
    start = time.perf_counter()
    assert hand.apply([Remove(published(77)), Make(published(77))]) == []
    one = time.perf_counter() - start
    assert len(state(hand)) == MANY + 1
    print(f"{MANY}: written {written:.3f} s, read {read:.3f} s, narrowed {narrowed:.3f} s, one {one:.4f} s")
    assert written < 1 and read < 2 and narrowed < 3 and one < 0.05


def test_a_missing_namespace_is_refused_and_a_removal_there_succeeds(ground: Ground) -> None:
    table = NftTable(ground.box(7), "ip", "seaway-dns", "chain x { }")
    (refusal,) = ground.nft.apply([Make(table)])
    assert ground.box(7) in refusal.reason
    assert ground.nft.apply([Remove(table)]) == [] and list(ground.nft.read([ground.box(7)])) == []
