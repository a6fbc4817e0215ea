"""Pools: what is chosen, what is refused and with which words."""

import time
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.errors import Forbidden, InvalidInput
from seaway.ipam.pools import Base, check_pools, choose_pool, choose_pool6, make_base, parse_base
from seaway.model import Pool


def refused(*pools: Pool, **more: object) -> str:
    with pytest.raises(InvalidInput) as error:
        check_pools(pools, **more)  # type: ignore[arg-type]
    return str(error.value)


def test_dockers_thirty_one_pools_in_dockers_order() -> None:
    taken: list[str] = []
    for _ in range(31):
        taken.append(choose_pool(taken))
    assert taken[:4] == ["172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/16"]
    assert taken[14:17] == ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]
    with pytest.raises(
        InvalidInput, match=r"^all predefined address pools have been fully subnetted"
    ) as error:
        choose_pool(taken, ["192.168.7.0/24", "10.0.0.0/8"])
    for part in ("192.168.0.0/16 in /20", "in use by networks: 172.17.0.0/16", "of the host: 192.168.7.0/24"):
        assert part in str(error.value)
    assert "10.0.0.0/8" not in str(error.value), "what does not collide is not named"
    assert check_pools([Pool(subnet="10.1.0.0/24")], taken=taken)[0].subnet == "10.1.0.0/24"


def test_routes_and_name_servers_are_avoided() -> None:
    assert choose_pool([], ["0.0.0.0/0", "172.17.5.0/24", "172.18.0.9"]) == "172.19.0.0/16"
    assert choose_pool([], ["172.16.0.0/12"]) == "192.168.0.0/20"
    with pytest.raises(InvalidInput, match=r"colliding routes and name servers of the host: 128\.0\.0\.0/1"):
        choose_pool([], ["0.0.0.0/1", "128.0.0.0/1"])


def test_bases_of_ones_own() -> None:
    bases = [parse_base("base=10.99.0.0/29,size=30"), make_base("fd00:9::/48", 64)]
    assert [choose_pool(t, bases=bases) for t in ([], ["10.99.0.0/30"])] == ["10.99.0.0/30", "10.99.0.4/30"]
    with pytest.raises(InvalidInput, match="fully subnetted"):
        choose_pool(["10.99.0.0/29"], bases=bases)
    assert choose_pool6([], bases=bases) == "fd00:9::/64"
    assert choose_pool(["10.99.0.0/30"], bases=bases, size=32) == "10.99.0.4/32"


@pytest.mark.parametrize(
    "text", ["", "base=10.0.0.0/8", "base=x,size=24", "base=10.0.0.0/16,size=8", "size=9"]
)
def test_wrong_bases_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_base(text)


def test_ula_pools_follow_from_the_host() -> None:
    one, other = choose_pool6([], host_id="one"), choose_pool6([], host_id="other")
    assert one != other and one == choose_pool6([], host_id="one")
    assert ip_network(one).subnet_of(ip_network("fd00::/8"))  # type: ignore[arg-type]
    assert choose_pool6([one], host_id="one") != one


def test_families() -> None:
    assert [p.family for p in check_pools([], ipv6=True)] == [4, 6]
    assert [p.family for p in check_pools([], ipv4=False, ipv6=True)] == [6]
    four, six = check_pools([Pool(subnet="fd01::/64")], ipv6=True)
    assert (four.requested, six.requested, six.gateway) == (False, True, "fd01::1")
    assert refused(ipv4=False) == "IPv4 or IPv6 must be enabled"


def test_what_was_asked_for_is_completed() -> None:
    (pool,) = check_pools([Pool(subnet="10.9.0.0/16", ip_range="10.9.5.0/24", aux={"h": "10.9.1.5"})])
    assert (pool.gateway, pool.gateway_requested, pool.requested) == ("10.9.5.0", False, True)
    (pool,) = check_pools([Pool(subnet="10.9.0.0/16", gateway="10.9.5.254")])
    assert (pool.gateway, pool.gateway_requested) == ("10.9.5.254", True)
    (pool,) = check_pools([Pool(subnet="10.9.0.0/31")])
    assert pool.gateway == "10.9.0.0"
    (pool,) = check_pools([Pool(subnet="FD01:0::/64", gateway="fd01::00AA")], ipv4=False, ipv6=True)
    assert (pool.subnet, pool.gateway) == ("fd01::/64", "fd01::aa")


def test_any_pool_of_a_size() -> None:
    (pool,) = check_pools([Pool(subnet="0.0.0.0/26")], taken=["172.17.0.0/25"])
    assert (pool.subnet, pool.requested) == ("172.17.0.128/26", False)
    (pool,) = check_pools([Pool(subnet="::/80")], ipv4=False, ipv6=True, host_id="x")
    assert pool.subnet.endswith("/80")


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (Pool(subnet="foo"), "invalid subnet foo: invalid CIDR block notation"),
        (
            Pool(subnet="127.0.0.0/24"),
            "invalid subnet 127.0.0.0/24: loopback and multicast addresses are nobody's own",
        ),
        (
            Pool(subnet="224.0.0.0/24"),
            "invalid subnet 224.0.0.0/24: loopback and multicast addresses are nobody's own",
        ),
        (Pool(subnet="10.1.1.0"), "invalid subnet 10.1.1.0: invalid CIDR block notation"),
        (Pool(subnet="10.1.1.5/24"), "invalid subnet 10.1.1.5/24: it should be 10.1.1.0/24"),
        (
            Pool(subnet="10.1.1.0/24", ip_range="10.1.0.0/16"),
            "invalid ip-range 10.1.0.0/16: CIDR block is bigger than its parent subnet 10.1.1.0/24",
        ),
        (
            Pool(subnet="10.1.1.0/24", ip_range="10.1.1.9/28"),
            "invalid ip-range 10.1.1.9/28: it should be 10.1.1.0/28",
        ),
        (
            Pool(subnet="10.1.1.0/24", ip_range="10.1.2.0/25"),
            "invalid ip-range 10.1.2.0/25: parent subnet 10.1.1.0/24 doesn't contain ip-range",
        ),
        (
            Pool(subnet="10.1.1.0/24", gateway="10.1.2.1"),
            "invalid gateway 10.1.2.1: parent subnet 10.1.1.0/24 doesn't contain this address",
        ),
        (Pool(subnet="10.1.1.0/24", gateway="nowhere"), "invalid gateway nowhere: invalid address"),
        (Pool(subnet="10.1.1.0/24", aux={"x": "y"}), "invalid auxiliary address x y: invalid address"),
    ],
)
def test_wrong_pools_in_dockers_words(pool: Pool, words: str) -> None:
    assert refused(pool) == f"invalid network config:\n{words}"


def test_all_faults_are_told_at_once() -> None:
    words = refused(Pool(subnet="10.1.1.0/24", gateway="10.2.0.1"), Pool(subnet="bar"))
    assert words.count("\n") == 2


@pytest.mark.parametrize("subnet", ["10.1.0.0/16", "10.1.2.0/25", "10.0.0.0/8"])
def test_overlap_is_forbidden(subnet: str) -> None:
    words = "^invalid pool request: Pool overlaps with other one on this address space$"
    with pytest.raises(Forbidden, match=words):
        check_pools([Pool(subnet=subnet)], taken=["10.1.2.0/24", "fd01::/64"])


def test_routes_do_not_hinder_explicit_subnets() -> None:
    assert check_pools([Pool(subnet="10.1.0.0/24")], avoid=["10.0.0.0/8"])[0].subnet == "10.1.0.0/24"


def test_auxiliary_address_outside_is_forbidden() -> None:
    with pytest.raises(Forbidden, match=r"aux-address a=10.4.4.4"):
        check_pools([Pool(subnet="10.1.1.0/24", aux={"a": "10.4.4.4"})])


nets = st.builds(
    lambda n, p: str(ip_network((n >> (32 - p) << (32 - p), p))),
    st.integers(0xAC110000, 0xAC1FFFFF),
    st.integers(14, 32),
)


@given(st.lists(nets, max_size=12), st.lists(nets, max_size=6))
def test_chosen_pools_are_free_and_lowest(taken: list[str], avoid: list[str]) -> None:
    bases = [Base("172.17.0.0/16", 18), Base("172.20.0.0/14", 16)]
    every = [n for b in bases for n in ip_network(b.base).subnets(new_prefix=b.size)]
    walls = [ip_network(n) for n in taken + avoid]
    free = [str(n) for n in every if not any(n.overlaps(w) for w in walls)]
    if free:
        assert choose_pool(taken, avoid, bases) == free[0]
    else:
        with pytest.raises(InvalidInput):
            choose_pool(taken, avoid, bases)


def test_many_small_pools_are_found_quickly() -> None:
    bases = [Base("10.0.0.0/8", 28)]
    taken = [str(ip_network((0x0A000000 + 16 * n, 28))) for n in range(2000)]
    begun = time.perf_counter()
    assert choose_pool(taken, bases=bases) == "10.0.125.0/28"
    assert time.perf_counter() - begun < 0.5
