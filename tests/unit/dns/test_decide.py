"""Answer, forward or refuse; and the bytes of it, read back by dnspython."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaway.dns import codec
from seaway.dns.codec import Broken, Query
from seaway.dns.decide import Answer, Forward, Refuse, decide, reverse_address
from seaway.dns.zone import Zone, zone
from tests.unit.dns.facts import endpoint, network, snapshot


def query(name: str, kind: str = "A", **more: object) -> Query:
    parsed = codec.parse(dns.message.make_query(name, kind, **more).to_wire())  # type: ignore[arg-type]
    assert isinstance(parsed, Query)
    return parsed


def sample(**more: object) -> Zone:
    ends = [
        endpoint("v4", "red", "10.1.0.2/24"),
        endpoint("both", "red", "10.1.0.3/24", "fd00::3/64", names=("both", "all")),
        endpoint("six", "red", "fd00::4/64", names=("six", "all")),
        endpoint("more", "red", "10.1.0.5/24", names=("more", "all")),
    ]
    facts = {"upstreams": ("192.0.2.1", "192.0.2.2"), **more}
    return zone("box-v4", snapshot([network("red")], ends, **facts))


def reply(name: str, kind: str = "A", limit: int = 65535, **more: object) -> dns.message.Message:
    asked = query(name, kind, **more)
    decision = decide(asked, sample())
    assert isinstance(decision, Answer)
    return dns.message.from_wire(codec.answer(asked, codec.NOERROR, decision.records, limit))


def rdata(message: dns.message.Message) -> list[str]:
    return [str(item) for rrset in message.answer for item in rrset]


def test_an_address_with_a_ttl_of_five_seconds() -> None:
    message = reply("both")
    assert rdata(message) == ["10.1.0.3"]
    assert message.answer[0].ttl == 5
    assert message.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA
    assert rdata(reply("BoTh.rEd.", "AAAA")) == ["fd00::3"]
    assert str(reply("BoTh").answer[0].name) == "BoTh.", "the name as it was asked"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("v4", "AAAA"), ("six", "A"), ("v4", "MX"), ("v4", "TXT"), ("v4", "PTR"), ("v4.red", "SRV")],
)
def test_a_known_name_without_that_type_is_empty_and_never_forwarded(name: str, kind: str) -> None:
    message = reply(name, kind)
    assert message.rcode() == dns.rcode.NOERROR
    assert rdata(message) == []


def test_any_gives_all_addresses() -> None:
    assert rdata(reply("both", "ANY")) == ["10.1.0.3", "fd00::3"]


def test_several_addresses_take_turns() -> None:
    decision = decide(query("all"), sample())
    assert isinstance(decision, Answer)
    firsts = [decision.turned(turn)[0][1][-1] for turn in range(4)]
    assert firsts == [3, 5, 3, 5]
    assert {len(decision.turned(turn)) for turn in range(4)} == {2}


def test_an_address_gives_name_and_network() -> None:
    assert rdata(reply("2.0.1.10.in-addr.arpa", "PTR")) == ["v4.red."]
    six = ".".join(reversed("fd000000000000000000000000000003")) + ".ip6.arpa"
    assert rdata(reply(six, "PTR")) == ["both.red."]
    assert decide(query("9.0.1.10.in-addr.arpa", "PTR"), sample()) == Forward(("192.0.2.1", "192.0.2.2"))


@pytest.mark.parametrize(
    "name", ["1.in-addr.arpa", "a.b.c.d.in-addr.arpa", "256.1.1.1.in-addr.arpa", "1.2.3.4.5.in-addr.arpa",
             "0.ip6.arpa", "g" * 32 + ".ip6.arpa", "in-addr.arpa",
             "_.".join("0" * 32) + ".ip6.arpa"])  # fmt: skip
def test_what_only_looks_like_an_address_is_none(name: str) -> None:
    assert reverse_address(name) == b""


def test_the_unknown_is_forwarded_unless_that_is_not_allowed() -> None:
    everything = Forward(("192.0.2.1", "192.0.2.2"))
    assert decide(query("example.com"), sample()) == everything
    assert decide(query("single"), sample()) == everything
    assert decide(query("."), sample()) == everything
    assert decide(query("example.com"), sample(upstreams=())) == Refuse(codec.SERVFAIL)
    assert decide(query("example.com"), Zone(upstreams=("192.0.2.1",), forward=False)) == Refuse(
        codec.SERVFAIL
    )


def test_with_ndots_a_single_label_stays_here() -> None:
    strict = sample(ndots=1)
    assert decide(query("single"), strict) == Refuse(codec.NXDOMAIN)
    assert isinstance(decide(query("v4"), strict), Answer)
    assert isinstance(decide(query("two.labels"), strict), Forward)
    assert isinstance(decide(query("com", "NS"), strict), Forward)


def test_another_class_is_not_ours() -> None:
    parsed = codec.parse(dns.message.make_query("v4", "A", rdclass="CH").to_wire())
    assert isinstance(parsed, Query)
    assert isinstance(decide(parsed, sample()), Forward)


def test_a_dot_inside_a_label_does_not_make_two() -> None:
    wire = bytes.fromhex("0001010000010000000000000676") + b"4.red" + b"\x00\x00\x01\x00\x01"
    parsed = codec.parse(wire)
    assert isinstance(parsed, Query)
    assert isinstance(decide(parsed, sample()), Forward)


def test_an_answer_too_long_is_cut_and_says_so() -> None:
    asked = query("x", use_edns=False)
    assert asked.limit == 512
    records = [(codec.A, bytes((10, 0, 0, n))) for n in range(60)]
    message = dns.message.from_wire(codec.answer(asked, codec.NOERROR, records, asked.limit))
    assert message.flags & dns.flags.TC
    assert 25 < len(rdata(message)) < 35
    full = dns.message.from_wire(codec.answer(asked, codec.NOERROR, records))
    assert not full.flags & dns.flags.TC
    assert len(rdata(full)) == 60
    wide = query("x", payload=1232)
    assert wide.limit == 1232
    assert len(codec.answer(wide, codec.NOERROR, records, wide.limit)) <= 1232
    assert dns.message.from_wire(codec.answer(wide, codec.NOERROR, records, 1232)).edns == 0


def test_edns_with_options_is_understood() -> None:
    asked = query("v4", use_edns=0, payload=900, options=[dns.edns.GenericOption(10, b"cookie00")])
    assert (asked.edns, asked.limit) == (True, 900)
    assert query("v4", use_edns=0, payload=100).limit == 512
    assert query("v4", use_edns=0, payload=65000).limit == 4096


def test_a_foreign_answer_is_shortened_to_what_the_client_takes() -> None:
    asked = query("big.example", use_edns=False)
    long = codec.answer(asked, codec.NOERROR, [(codec.A, bytes((10, 0, 0, n))) for n in range(100)])
    short = codec.shorten(long, asked)
    message = dns.message.from_wire(short)
    assert len(short) <= 512
    assert message.flags & dns.flags.TC
    assert message.id == int.from_bytes(asked.id, "big")
    assert rdata(message)
    broken = long[:40] + b"\xff" * 600
    assert codec.shorten(broken, asked)[2] & 0x02
    assert len(codec.shorten(broken, asked)) <= 512


@pytest.mark.parametrize(
    ("data", "rcode"),
    [
        (b"", None),
        (b"\x00" * 11, None),
        (bytes.fromhex("0001818000010000000000000161000001 0001"), None),  # an answer
        (bytes.fromhex("000128000001000000000000 016100 00010001"), codec.NOTIMP),  # an update
        (bytes.fromhex("000101000000000000000000"), codec.FORMERR),  # no question
        (bytes.fromhex("000101000002000000000000 016100 00010001 016100 00010001"), codec.FORMERR),
        (bytes.fromhex("000101000001000000000000 3f6161"), codec.FORMERR),  # a label that ends early
        (bytes.fromhex("000101000001000000000000 c00c 00010001"), codec.FORMERR),  # a pointer to itself
        (bytes.fromhex("000101000001000000000000 016100 0001"), codec.FORMERR),  # no class
        (bytes.fromhex("000101000001000000000000") + b"\x3f" + b"a" * 63, codec.FORMERR),
        (
            bytes.fromhex("000101000001000000000000") + (b"\x3f" + b"a" * 63) * 5 + b"\x00\x00\x01\x00\x01",
            codec.FORMERR,
        ),
        (bytes.fromhex("000101000001000000000001 016100 00010001 00 0029"), codec.FORMERR),  # half an OPT
    ],
)
def test_malformed_messages_are_refused_or_ignored(data: bytes, rcode: int | None) -> None:
    parsed = codec.parse(data)
    if rcode is None:
        assert parsed is None
    else:
        assert isinstance(parsed, Broken)
        assert parsed.rcode == rcode
        assert codec.refusal(parsed)[3] & 0x0F == rcode
        assert codec.refusal(parsed)[:2] == data[:2]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda b: b"\x00\x07\x01\x00\x00\x01" + b))
)
def test_no_bytes_make_it_fall(data: bytes) -> None:
    parsed = codec.parse(data)
    if isinstance(parsed, Query):
        decision = decide(parsed, sample())
        if not isinstance(decision, Forward):
            records = decision.records if isinstance(decision, Answer) else ()
            assert len(codec.answer(parsed, codec.NOERROR, records, parsed.limit)) <= parsed.limit
    elif isinstance(parsed, Broken):
        assert len(codec.refusal(parsed)) == 12
    codec.shorten(data.ljust(600, b"\x01"), query("x", use_edns=False))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 60), st.integers(0, 255))
def test_no_single_damaged_byte_makes_it_fall(place: int, value: int) -> None:
    wire = bytearray(dns.message.make_query("both.red", "A", use_edns=0).to_wire())
    wire[place % len(wire)] = value
    codec.parse(bytes(wire))


def test_an_answer_is_believed_only_with_its_id_and_question() -> None:
    asked = query("example.com")
    good = codec.answer(asked, codec.NOERROR)
    assert codec.answers(good, asked.id, asked.wire)
    assert codec.answers(good.replace(b"example", b"EXAMPLE"), asked.id, asked.wire)
    assert not codec.answers(b"\x00\x00" + good[2:], b"\x00\x01", asked.wire)
    assert not codec.answers(good.replace(b"example", b"exbmple"), asked.id, asked.wire)
    assert not codec.answers(good[:2] + b"\x01" + good[3:], asked.id, asked.wire), "a question is no answer"
    assert not codec.answers(good[:10], asked.id, asked.wire)


def test_names_too_long_for_dns_are_cut() -> None:
    wire = codec.wire_name(".".join(["a" * 80] * 9))
    assert len(wire) <= 255
    assert wire.endswith(b"\x00")
