"""Host ports: how requests are read, and what is chosen or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.errors import Failure, InvalidInput
from seaway.model import Binding, PortRequest
from seaway.model.container import HostBinding
from seaway.ports.choose import choose, parse_requests
from tests.facts import tcp

SPAN = range(32768, 32771)


def want(port: int, low: int = 0, high: int | None = None, ip: str = "", proto: str = "tcp") -> PortRequest:
    return PortRequest(proto=proto, port=port, host_ip=ip, low=low, high=low if high is None else high)


def bind(port: str = "", ip: str = "") -> HostBinding:
    return HostBinding(host_port=port, host_ip=ip)


def shown(bindings: tuple[Binding, ...]) -> list[str]:
    return [f"{b.host_ip} {b.host_port}->{b.port}/{b.proto}" for b in bindings]


def test_requests_are_read() -> None:
    found = parse_requests(
        {"80/tcp": {}, "99/udp": {}},
        {
            "80/tcp": (bind("5001"), bind("", "127.0.0.1")),
            "53/UDP": None,
            "90": (bind("8000-8005", "[::1]"),),
        },
        False,
    )
    assert found == (
        want(53, proto="udp"),
        want(80, ip="127.0.0.1"),
        want(80, 5001),
        want(90, 8000, 8005, "::1"),
    )


def test_what_is_asked_twice() -> None:
    found = parse_requests({}, {"80": (bind("1"), bind("1"), bind(), bind())}, False)
    assert found == (want(80), want(80), want(80, 1))
    assert sorted({b.host_port for b in choose(found, [], SPAN)}) == [1, 32768, 32769]


def test_publish_all_takes_what_is_exposed_and_not_bound() -> None:
    found = parse_requests({"80/tcp": {}, "53/udp": {}, "8000-8002": {}}, {"80/tcp": (bind("1"),)}, True)
    assert [(r.port, r.low) for r in found] == [(53, 0), (80, 1), (8000, 0), (8001, 0), (8002, 0)]


def test_default_address_stands_where_none_is_given() -> None:
    found = parse_requests({"81": {}}, {"80": (bind("1"), bind("2", "127.0.0.2"))}, True, "192.0.2.1")
    assert {(r.port, r.low): r.host_ip for r in found} == {
        (80, 1): "192.0.2.1", (80, 2): "127.0.0.2", (81, 0): "192.0.2.1"}  # fmt: skip


def test_ranges_pair_up() -> None:
    found = parse_requests({}, {"80-82": (bind("7000-7002"),)}, False)
    assert [(r.port, r.low, r.high) for r in found] == [(80, 7000, 7000), (81, 7001, 7001), (82, 7002, 7002)]


@pytest.mark.parametrize(
    ("port", "host", "words"),
    [
        ("80-81", bind("90-95"), "invalid ranges specified for container and host Ports: 80-81 and 90-95"),
        ("x", bind(), "invalid containerPort: x"),
        ("0", bind(), "invalid containerPort: 0"),
        ("70000", bind(), "invalid containerPort: 70000"),
        ("80", bind("y"), "invalid hostPort: y"),
        ("80", bind("9-8"), "invalid hostPort: 9-8"),
        ("80", bind("-1"), "invalid hostPort: -1"),
        ("80/icmp", bind(), "invalid proto: icmp; allowed are tcp, udp, sctp"),
        ("/tcp", bind(), "no port specified: /tcp<empty>"),
        ("80", bind("1", "localhost"), "invalid IP address: localhost"),
    ],
)
def test_wrong_requests_in_dockers_words(port: str, host: HostBinding, words: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_requests({}, {port: (host,)}, False)
    assert str(error.value).startswith(words)


def test_no_address_means_both_families_with_one_port() -> None:
    assert shown(choose([want(80, 5001)], [], SPAN)) == ["0.0.0.0 5001->80/tcp", ":: 5001->80/tcp"]
    assert shown(choose([want(80, 5001)], [], SPAN, families=(4,))) == ["0.0.0.0 5001->80/tcp"]
    assert shown(choose([want(80, 5001, ip="::1")], [], SPAN)) == ["::1 5001->80/tcp"]
    taken = [tcp(32768, 1, "::")]
    assert {b.host_port for b in choose([want(80)], taken, SPAN)} == {32769}, "free in both or not at all"


def test_network_may_name_the_address() -> None:
    found = choose([want(80, 1), want(81, 2, ip="::1")], [], SPAN, default_ip="127.0.0.1")
    assert shown(found) == ["127.0.0.1 1->80/tcp", "::1 2->81/tcp"]
    assert len(choose([want(80, 1)], [], SPAN, default_ip="0.0.0.0")) == 2


def test_conflict_in_dockers_words_names_the_holder() -> None:
    docker = "Bind for 0.0.0.0:5001 failed: port is already allocated"
    with pytest.raises(Failure) as error:
        choose([want(80, 5001)], [tcp(5001)], SPAN)
    assert str(error.value) == docker
    with pytest.raises(Failure) as error:
        choose([want(80, 5001)], {tcp(5001): "web1"}, SPAN)
    assert str(error.value) == f"{docker} (by container web1)"
    with pytest.raises(Failure) as error:
        choose([want(80, 5001)], {tcp(5001, 80, "127.0.0.1"): "web1"}, SPAN)
    assert str(error.value) == f"{docker} (by container web1, on 127.0.0.1:5001)"
    with pytest.raises(Failure, match=r"Bind for 127.0.0.1:5001 failed: port is already allocated"):
        choose([want(80, 5001, ip="127.0.0.1")], [tcp(5001)], SPAN)
    with pytest.raises(Failure, match=r"Bind for \[::1\]:5001 failed"):
        choose([want(80, 5001, ip="::1")], [tcp(5001, 80, "::")], SPAN)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (want(80, 5001, ip="127.0.0.1"), tcp(5001, 80, "127.0.0.2")),
        (want(80, 5001, ip="0.0.0.0"), tcp(5001, 80, "0.0.0.0", "udp")),
        (want(80, 5001, ip="0.0.0.0"), tcp(5001, 80, "::")),
        (want(80, 5001, ip="::"), tcp(5001, 80, "127.0.0.1")),
        (want(80, 5001), tcp(5002)),
    ],
)
def test_what_does_not_conflict(mine: PortRequest, other: Binding) -> None:
    assert {b.host_port for b in choose([mine], [other], SPAN)} == {5001}


def test_range_gives_different_ports_and_fills_up() -> None:
    request = want(80, 8000, 8002)
    held: list[Binding] = []
    for expected in (8000, 8001, 8002):
        chosen = choose([request], held, SPAN)
        assert {b.host_port for b in chosen} == {expected}
        held += chosen
    with pytest.raises(Failure, match=r"Bind for 0.0.0.0:8000 failed: port is already allocated.*8000-8002"):
        choose([request], held, SPAN)


def test_fixed_before_ranges_before_ephemeral() -> None:
    requests = [want(1), want(2, 32768, 32769), want(3, 32768)]
    found = {b.port: b.host_port for b in choose(requests, [], SPAN)}
    assert found == {3: 32768, 2: 32769, 1: 32770}


def test_ephemeral_ports_keep_off_reserved_and_busy_ones() -> None:
    assert {b.host_port for b in choose([want(80)], [], SPAN, reserved={32768})} == {32769}
    assert {b.host_port for b in choose([want(80)], [], SPAN, busy={("tcp", 32768)})} == {32769}
    assert {b.host_port for b in choose([want(80)], [], SPAN, busy={("udp", 32768)})} == {32768}
    assert {b.host_port for b in choose([want(80)], [], SPAN, after=32769)} == {32770}
    assert {b.host_port for b in choose([want(80)], [tcp(32770)], SPAN, after=32769)} == {32768}
    with pytest.raises(Failure, match="no free ephemeral port: all of 32768-32770 are allocated"):
        choose([want(80)], [tcp(p) for p in SPAN], SPAN)


def test_busy_hinders_no_fixed_port() -> None:
    """The kernel says so itself when it is bound, and names the process."""
    assert {b.host_port for b in choose([want(80, 99)], [], SPAN, busy={("tcp", 99)})} == {99}


def test_container_cannot_have_one_port_twice() -> None:
    with pytest.raises(Failure, match="by this container"):
        choose([want(80, 5001), want(81, 5001)], [], SPAN)


requests = st.builds(
    want,
    st.integers(1, 5),
    st.sampled_from([0, 32768, 32769]),
    st.none(),
    st.sampled_from(["", "0.0.0.0", "127.0.0.1", "::"]),
    st.sampled_from(["tcp", "udp"]),
)


@given(st.lists(requests, max_size=4, unique=True), st.lists(requests, max_size=3, unique=True))
def test_no_two_bindings_ever_exclude_each_other(first: list[PortRequest], second: list[PortRequest]) -> None:
    held: list[Binding] = []
    for wanted in (first, second):
        try:
            held += choose(wanted, held, SPAN)
        except Failure:
            continue
    every = [(b.proto, b.host_port, b.family, b.host_ip) for b in held]
    assert len(set(every)) == len(every)
    for proto, port, family, ip in every:
        if ip in ("0.0.0.0", "::"):
            assert [e[3] for e in every if e[:3] == (proto, port, family)] == [ip]


def test_two_thousand_ports_are_chosen_quickly() -> None:
    found = choose([want(p, p) for p in range(2000, 4000)], [tcp(p) for p in range(5000, 9000)], SPAN)
    assert len(found) == 4000
