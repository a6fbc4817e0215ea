"""Questions that go outside: dead, wrong, slow and long-winded upstreams."""

import threading
import time
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import pytest

from seaway.datapath.reconcile import Remove
from seaway.dns import resolver
from seaway.dns.zone import Zone
from tests.kernel.names import House, ask, descriptors, dig, house, rdata, says, silent

pytestmark = pytest.mark.root

ONE, TWO, THREE, FOUR = "10.53.0.1", "10.53.0.2", "10.53.0.3", "10.53.0.4"


@pytest.fixture
def home() -> Iterator[House]:
    with house() as opened:
        yield opened


def forwarding(*upstreams: str, **more: object) -> Zone:
    return Zone(forward=True, upstreams=upstreams, **more)  # type: ignore[arg-type]


def box(home: House, *upstreams: str) -> str:
    """A sandbox that has the upstreams' addresses itself: only from inside it can they be reached."""
    return home.sandbox(forwarding(*upstreams), f"{ONE}/32", f"{TWO}/32", f"{THREE}/32", "fd53::1/128")


def test_the_answer_of_the_first_upstream_is_passed_on(home: House) -> None:
    path = box(home, ONE, TWO)
    home.upstream(path, ONE, says("198.51.100.1"))
    home.upstream(path, TWO, says("198.51.100.2"))
    answer = ask(path, "example.com")
    assert rdata(answer) == ["198.51.100.1"]
    assert answer.answer[0].ttl == 60
    assert rdata(ask(path, "example.com", tcp=True)) == ["198.51.100.1"]
    assert dig(path, "+short", "single") == "198.51.100.1\n"
    assert home.seen == [(ONE, "example.com.", False), (ONE, "example.com.", True), (ONE, "single.", False)]


def test_upstreams_over_ipv6_and_on_the_hosts_loopback(home: House) -> None:
    path = box(home, "fd53::1")
    home.upstream(path, "fd53::1", says("198.51.100.6"))
    assert rdata(ask(path, "example.com")) == ["198.51.100.6"]
    home.upstream("", "127.93.53.53", says("198.51.100.7"))
    home.zones[path] = forwarding("127.93.53.53%host")
    assert rdata(ask(path, "example.com")) == ["198.51.100.7"]
    home.zones[path] = forwarding("127.93.53.53")
    assert ask(path, "example.com").rcode() == dns.rcode.SERVFAIL, "the container's own loopback"


def test_a_dead_first_upstream_costs_a_second_once(home: House) -> None:
    path = box(home, ONE, TWO)
    home.upstream(path, ONE, silent)
    home.upstream(path, TWO, says("198.51.100.2"))
    for limit in (2.0, 0.5, 0.5):
        began = time.monotonic()
        assert rdata(ask(path, "example.com")) == ["198.51.100.2"]
        assert time.monotonic() - began < limit
    assert [address for address, _, _ in home.seen].count(ONE) == 1, "it is remembered"


def test_all_dead_is_servfail_before_a_client_gives_up(home: House) -> None:
    path = box(home, ONE, TWO)
    home.upstream(path, ONE, silent)
    home.upstream(path, TWO, silent)
    began = time.monotonic()
    assert ask(path, "example.com").rcode() == dns.rcode.SERVFAIL
    assert 1 < time.monotonic() - began < 5


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_an_upstream_that_will_not_is_passed_over(home: House, rcode: int) -> None:
    path = box(home, ONE, TWO, THREE, FOUR)
    home.upstream(path, ONE, says(rcode=rcode))
    home.upstream(path, THREE, says("198.51.100.3"))  # at TWO nobody listens
    began = time.monotonic()
    assert rdata(ask(path, "example.com")) == ["198.51.100.3"]
    assert time.monotonic() - began < 0.8
    home.zones[path] = forwarding(ONE, TWO)
    assert ask(path, "example.com").rcode() == dns.rcode.SERVFAIL
    home.zones[path] = forwarding(TWO, TWO, ONE, THREE)
    assert ask(path, "example.com").rcode() == dns.rcode.SERVFAIL, "three are asked at most"
    home.zones[path] = forwarding()
    assert ask(path, "example.com").rcode() == dns.rcode.SERVFAIL


def test_nxdomain_is_an_answer(home: House) -> None:
    path = box(home, ONE, TWO)
    home.upstream(path, ONE, says(rcode=dns.rcode.NXDOMAIN))
    home.upstream(path, TWO, says("198.51.100.2"))
    assert "status: NXDOMAIN" in dig(path, "nowhere.example")
    assert ask(path, "nowhere.example", tcp=True).rcode() == dns.rcode.NXDOMAIN
    assert {address for address, _, _ in home.seen} == {ONE}


def test_nothing_is_remembered_of_a_name_that_was_not_there(home: House) -> None:
    path = box(home, ONE)
    replies = iter([says(rcode=dns.rcode.NXDOMAIN), says("198.51.100.1")])
    home.upstream(path, ONE, lambda message, tcp: next(replies)(message, tcp))
    assert ask(path, "late.example").rcode() == dns.rcode.NXDOMAIN
    assert rdata(ask(path, "late.example")) == ["198.51.100.1"]


def test_two_hundred_at_once(home: House) -> None:
    path = box(home, ONE)
    gate = threading.Semaphore(0)

    def slow(message: dns.message.Message, _tcp: bool) -> dns.message.Message:
        gate.acquire(timeout=0.002)
        number = int(message.question[0].name.labels[0])
        return says(f"198.51.100.{number}")(message, False)  # type: ignore[return-value]

    home.upstream(path, ONE, slow)
    ask(path, "1.example")
    before = descriptors()
    wrong: list[object] = []

    def one(number: int) -> None:
        try:
            if rdata(ask(path, f"{number}.example", timeout=8)) != [f"198.51.100.{number}"]:
                wrong.append(number)
        except Exception as error:
            wrong.append(error)

    askers = [threading.Thread(target=one, args=(number,)) for number in range(200)]
    began = time.monotonic()
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert wrong == []
    assert time.monotonic() - began < 5
    assert descriptors() == before, "every question's socket is closed"


def test_too_many_at_once_are_refused(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "MAX_FORWARDED", 3)
    path = box(home, ONE)
    home.upstream(path, ONE, silent)
    codes: list[int] = []

    def one(number: int) -> None:
        codes.append(ask(path, f"{number}.example").rcode())

    askers = [threading.Thread(target=one, args=(number,)) for number in range(5)]
    for asker in askers:
        asker.start()
        time.sleep(0.02)
    for asker in askers:
        asker.join()
    assert codes == [dns.rcode.REFUSED] * 2 + [dns.rcode.SERVFAIL] * 3


def test_a_truncated_answer_is_fetched_by_tcp(home: House) -> None:
    path = box(home, ONE)

    def long(message: dns.message.Message, tcp: bool) -> dns.message.Message:
        if tcp:
            return says(*(f"198.51.100.{n}" for n in range(1, 101)))(message, tcp)  # type: ignore[return-value]
        reply = dns.message.make_response(message)
        reply.flags |= dns.flags.TC
        return reply

    home.upstream(path, ONE, long)
    whole = ask(path, "long.example", use_edns=0, payload=4096)
    assert (len(rdata(whole)), whole.flags & dns.flags.TC) == (100, 0)
    cut = ask(path, "long.example", use_edns=False)
    assert cut.flags & dns.flags.TC
    assert 0 < len(rdata(cut)) < 100
    assert len(cut.to_wire()) <= 512
    assert len(rdata(ask(path, "long.example", tcp=True))) == 100


def test_a_truncated_answer_is_passed_on_where_tcp_is_dead(home: House) -> None:
    path = box(home, ONE)

    def half(message: dns.message.Message, tcp: bool) -> dns.message.Message | None:
        if tcp:
            return None
        reply = says("198.51.100.1")(message, tcp)
        assert isinstance(reply, dns.message.Message)
        reply.flags |= dns.flags.TC
        return reply

    home.upstream(path, ONE, half)
    answer = ask(path, "half.example")
    assert rdata(answer) == ["198.51.100.1"]
    assert answer.flags & dns.flags.TC


@pytest.mark.parametrize("forged", ["id", "question", "noise"])
def test_a_forged_answer_is_no_answer(home: House, forged: str) -> None:
    path = box(home, ONE, TWO)

    def forge(message: dns.message.Message, tcp: bool) -> dns.message.Message | bytes:
        reply = says("203.0.113.66")(message, tcp)
        assert isinstance(reply, dns.message.Message)
        if forged == "id":
            reply.id = (message.id + 1) & 0xFFFF
        elif forged == "question":
            reply.question = []
        else:
            return b"\xff" * 30
        return reply

    home.upstream(path, ONE, forge)
    home.upstream(path, TWO, says("198.51.100.2"))
    assert rdata(ask(path, "example.com")) == ["198.51.100.2"]


def test_removing_the_resolver_drops_what_is_under_way(home: House) -> None:
    path = box(home, ONE)
    home.upstream(path, ONE, silent)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            ask(path, "example.com", timeout=1)
        except BaseException as error:
            errors.append(error)

    asker = threading.Thread(target=wait)
    asker.start()
    time.sleep(0.2)
    (resource,) = home.hand.read([path])
    assert home.hand.apply([Remove(resource)]) == []
    asker.join()
    assert errors, "nobody answers any more"
