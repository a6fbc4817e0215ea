"""Which subnets are one segment, and which VNIs they get."""

import msgspec
import pytest

from seaway.drivers.segments import choose_vnis, in_order, segments, with_vnis
from seaway.errors import Forbidden
from seaway.model import Pool


def _pool(subnet: str) -> Pool:
    return Pool(subnet=subnet)


@pytest.mark.parametrize("turn", range(4))
def test_the_lower_subnets_of_each_family_are_the_first_segment(turn: int) -> None:
    """However they were sent."""
    sent = ["10.8.0.0/24", "fd00:7::/64", "10.7.0.0/24", "fd00:8::/64"]
    pools = in_order([_pool(s) for s in sent[turn:] + sent[:turn]])
    found = [[p.subnet for p in segment.pools] for segment in segments(with_vnis(pools, (256, 257)))]
    assert found == [["10.7.0.0/24", "fd00:7::/64"], ["10.8.0.0/24", "fd00:8::/64"]]
    assert [s.vni for s in segments(with_vnis(pools, (300, 256)))] == [300, 256]


def test_order_is_of_numbers_not_of_letters() -> None:
    """10.9 comes before 10.10."""
    pools = in_order([_pool("10.10.0.0/24"), _pool("10.9.0.0/24")])
    assert [p.subnet for p in pools] == ["10.9.0.0/24", "10.10.0.0/24"]


def test_the_lowest_free_vnis() -> None:
    """After those asked for; a taken one is refused."""
    assert choose_vnis(3, {256, 258}, (300,)) == (300, 257, 259)
    with pytest.raises(Forbidden, match="257"):
        choose_vnis(1, {257}, (257,))


def test_pools_keep_what_else_they_have() -> None:
    """Only the VNI is added."""
    pool = msgspec.structs.replace(_pool("10.7.0.0/24"), gateway="10.7.0.9")
    (found,) = with_vnis(in_order([pool]), (256,))
    assert found == msgspec.structs.replace(pool, vni=256)
