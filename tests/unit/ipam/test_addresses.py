"""Addresses: the lowest free one, what is never given."""

import time
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.errors import Forbidden, InvalidInput, Unavailable
from seaway.ipam.addresses import check_address, next_address
from seaway.model import Pool

POOL = Pool(subnet="10.1.0.0/24", gateway="10.1.0.1", aux={"router": "10.1.0.3"})


def test_lowest_free_address() -> None:
    used = {"10.1.0.2"}
    assert next_address(POOL, used) == "10.1.0.4", "neither the gateway nor an auxiliary address"
    used.add("10.1.0.4")
    assert next_address(POOL, used) == "10.1.0.5"
    used.remove("10.1.0.2")
    assert next_address(POOL, used) == "10.1.0.2", "what was given back is used again"


def test_range_only() -> None:
    pool = Pool(subnet="10.1.0.0/24", ip_range="10.1.0.128/31", gateway="10.1.0.128")
    assert next_address(pool, ()) == "10.1.0.129"
    with pytest.raises(Unavailable, match=r"^no available addresses on this pool: 10.1.0.128/31 is full$"):
        next_address(pool, {"10.1.0.129"})


@pytest.mark.parametrize(
    ("subnet", "first", "count"),
    [
        ("10.1.0.0/30", "10.1.0.1", 2),
        ("10.1.0.0/31", "10.1.0.0", 2),
        ("10.1.0.7/32", "10.1.0.7", 1),
        ("fd01::/126", "fd01::1", 3),
        ("fd01::/127", "fd01::", 2),
    ],
)
def test_edges(subnet: str, first: str, count: int) -> None:
    used: list[str] = []
    for _ in range(count):
        used.append(next_address(Pool(subnet=subnet), used))
    assert used[0] == first
    with pytest.raises(Unavailable):
        next_address(Pool(subnet=subnet), used)


@given(st.integers(24, 32), st.sets(st.integers(0, 255)))
def test_given_addresses_are_new_usable_and_lowest(prefix: int, taken: set[int]) -> None:
    net = ip_network("10.1.0.0/24").supernet(new_prefix=24)
    part = next(net.subnets(new_prefix=prefix))
    used = {str(net[n]) for n in taken}
    pool = Pool(subnet=str(net), ip_range=str(part))
    free = [str(a) for a in part if str(a) not in used and a not in (net[0], net[-1])]
    if free:
        assert next_address(pool, used) == free[0]
    else:
        with pytest.raises(Unavailable):
            next_address(pool, used)


def test_thousands_used_are_passed_quickly() -> None:
    pool = Pool(subnet="10.0.0.0/8", gateway="10.0.0.1")
    used = dict.fromkeys(f"10.0.{n // 256}.{n % 256}" for n in range(1, 20001))
    begun = time.perf_counter()
    assert next_address(pool, used) == "10.0.78.33"
    assert time.perf_counter() - begun < 0.2


def test_asked_for() -> None:
    pools = (POOL, Pool(subnet="fd01::/64", gateway="fd01::1"))
    assert check_address(pools, "10.1.0.200") == "10.1.0.200"
    assert check_address(pools, "fd01:0::00aa") == "fd01::aa"
    assert check_address(POOL, "10.1.0.9") == "10.1.0.9"
    with pytest.raises(InvalidInput, match=r"no configured subnet contains IP address 10.2.0.1"):
        check_address(pools, "10.2.0.1")
    with pytest.raises(InvalidInput, match="invalid IP address: here"):
        check_address(pools, "here")
    for reserved in ("10.1.0.0", "10.1.0.255", "10.1.0.1", "10.1.0.3", "fd01::", "fd01::1"):
        with pytest.raises(Forbidden, match=r"^Address already in use$"):
            check_address(pools, reserved)
