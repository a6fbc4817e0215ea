"""Names on the wire: what dig and dnspython get from inside a sandbox."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator

import dns.flags
import dns.rcode
import pytest

from seaway.datapath import netns, resources
from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Change, Make, Remove
from seaway.dns.zone import EMPTY, Zone, zone
from seaway.model import Snapshot
from seaway.model.names import RESOLVER_ADDRESS, RESOLVER_PORT
from tests.kernel.names import House, ask, descriptors, dig, house, rdata
from tests.unit.dns.facts import endpoint, network, snapshot

pytestmark = pytest.mark.root


@pytest.fixture
def home() -> Iterator[House]:
    with house() as opened:
        yield opened


def facts() -> Snapshot:
    many = [endpoint(f"m{n}", "red", f"10.1.1.{n}/16", names=(f"m{n}", "many")) for n in range(1, 61)]
    return snapshot(
        [network("red"), network("blue"), network("inside", internal=True)],
        [
            endpoint("web", "red", "10.1.0.2/16", names=("web", "www", "0123456789ab"), links={"db": "base"}),
            endpoint("base", "red", "10.1.0.3/16", "fd00::3/64", names=("base", "rr")),
            endpoint("third", "red", "10.1.0.4/16", names=("third", "rr", "alias")),
            endpoint("other", "blue", "10.2.0.2/16", names=("other", "alias")),
            endpoint("hidden", "inside", "10.3.0.2/16"),
            *many,
        ],
        upstreams=("192.0.2.1",),
    )


def test_dig_gets_addresses_names_and_nothing(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    answer = dig(path, "web")
    assert "status: NOERROR" in answer
    assert "web.\t\t\t5\tIN\tA\t10.1.0.2" in answer
    assert "flags: qr rd ra;" in answer
    assert dig(path, "+short", "WEB.Red") == dig(path, "+short", "+tcp", "www") == "10.1.0.2\n"
    assert dig(path, "+short", "AAAA", "base") == "fd00::3\n"
    empty = dig(path, "AAAA", "web")
    assert "status: NOERROR" in empty
    assert "ANSWER: 0" in empty
    assert dig(path, "+short", "-x", "10.1.0.2") == "web.red.\n"
    assert dig(path, "+short", "-x", "fd00::3") == "base.red.\n"
    assert "status: NOERROR" in dig(path, "MX", "web")
    assert "ANSWER: 0" in dig(path, "MX", "web")


def test_several_addresses_take_turns(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    answers = [rdata(ask(path, "rr")) for _ in range(6)]
    assert all(sorted(answer) == ["10.1.0.3", "10.1.0.4"] for answer in answers)
    assert [a[0] for a in answers].count("10.1.0.3") == 3


def test_aliases_are_of_their_network_and_links_of_their_container(home: House) -> None:
    web, base, other = (home.sandbox(zone(f"box-{name}", facts())) for name in ("web", "base", "other"))
    assert rdata(ask(web, "alias")) == ["10.1.0.4"]
    assert rdata(ask(other, "alias")) == ["10.2.0.2"]
    assert rdata(ask(web, "db")) == ["10.1.0.3"]
    home.zones[base] = zone("box-hidden", facts())  # internal: nothing is asked outside
    assert ask(base, "db").rcode() == dns.rcode.SERVFAIL
    assert ask(base, "example.com").rcode() == dns.rcode.SERVFAIL
    assert rdata(ask(base, "hidden")) == ["10.3.0.2"]


def test_a_change_of_names_is_seen_at_once_on_the_same_sockets(home: House) -> None:
    path = home.sandbox(EMPTY)
    sockets = descriptors()
    assert ask(path, "web").rcode() == dns.rcode.SERVFAIL
    for address in ("10.1.0.2", "10.1.0.99"):
        ends = [endpoint("web", "red", f"{address}/16")]
        home.zones[path] = zone("box-web", snapshot([network("red")], ends))
        assert rdata(ask(path, "web")) == [address]
    home.zones[path] = EMPTY
    assert ask(path, "web").rcode() == dns.rcode.SERVFAIL
    assert descriptors() == sockets


def test_a_zone_that_cannot_be_had_answers_servfail(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    kept = home.zones[path]
    del home.zones[path]
    assert ask(path, "web").rcode() == dns.rcode.SERVFAIL
    home.zones[path] = kept
    assert rdata(ask(path, "web")) == ["10.1.0.2"]


def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    cut = ask(path, "many", use_edns=False)
    assert cut.flags & dns.flags.TC
    assert 20 < len(rdata(cut)) < 60
    assert len(cut.to_wire()) <= 512
    for whole in (ask(path, "many", tcp=True), ask(path, "many", use_edns=0, payload=4096)):
        assert not whole.flags & dns.flags.TC
        assert len(rdata(whole)) == 60
    assert dig(path, "+short", "+bufsize=512", "many").count("\n") == 60, "dig tries again over TCP"


def test_no_packet_stops_it(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    random.seed(31)
    good = bytes.fromhex("beef010000010000000000000377656200 00010001")

    def throw() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(150):
                data = bytearray(good if number % 2 else random.randbytes(random.randrange(90)))
                if number % 2:
                    data[random.randrange(len(data))] = random.randrange(256)
                sock.sendto(data, (RESOLVER_ADDRESS, RESOLVER_PORT))
            sock.sendto(random.randbytes(60000), (RESOLVER_ADDRESS, RESOLVER_PORT))
        for data in (b"\x00", b"\x00\x00", b"\xff\xff" + b"x" * 40, b"\x00\x03abc"):
            with socket.create_connection((RESOLVER_ADDRESS, RESOLVER_PORT), 2) as stream:
                stream.sendall(data)

    home.zones[path] = Zone(home.zones[path].layers, home.zones[path].reverses)  # forward nothing of this
    for _ in range(20):  # in portions that the socket's buffer holds
        in_namespace(path, throw)
        assert rdata(ask(path, "web")) == rdata(ask(path, "web", tcp=True)) == ["10.1.0.2"]


def test_one_connection_takes_many_questions_and_an_idle_one_disturbs_nobody(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    question = bytes.fromhex("beef010000010000000000000377656200 00010001")
    idle = in_namespace(path, lambda: socket.create_connection((RESOLVER_ADDRESS, RESOLVER_PORT), 2))
    with (
        idle,
        in_namespace(path, lambda: socket.create_connection((RESOLVER_ADDRESS, RESOLVER_PORT), 2)) as stream,
    ):
        for _ in range(5):
            stream.sendall(len(question).to_bytes(2, "big") + question)
            assert stream.recv(2) == b"\x00\x25"
            assert stream.recv(37, socket.MSG_WAITALL)[-4:] == bytes((10, 1, 0, 2))


def test_the_hand_reports_what_serves_and_refuses_with_a_reason(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    resource = resources.Resolver(path, path)
    assert list(home.hand.read([path, "/run/netns/none"])) == [resource]
    before = descriptors()
    assert home.hand.apply([Make(resource), Make(resource)]) == []
    assert home.hand.apply([Remove(resource), Remove(resource)]) == []
    assert descriptors() == before - 2
    assert list(home.hand.read([path])) == []
    with in_namespace(path, lambda: socket.create_server((RESOLVER_ADDRESS, RESOLVER_PORT))):
        (refusal,) = home.hand.apply([Make(resource)])
        assert "Address already in use" in refusal.reason
        assert path in refusal.reason
        assert list(home.hand.read([path])) == []
    assert home.hand.apply([Make(resource)]) == []
    assert rdata(ask(path, "web")) == ["10.1.0.2"]
    (refusal,) = home.hand.apply([Make(resources.Resolver("/run/netns/none", "x"))])
    assert "No such file" in refusal.reason
    home.zones["another"] = EMPTY
    other = resources.Resolver(path, "another")
    assert home.hand.apply([Change(resource, other)]) == []
    assert list(home.hand.read([path])) == [other]
    assert ask(path, "web").rcode() == dns.rcode.SERVFAIL
    assert descriptors() == before


def test_a_namespace_that_went_takes_its_resolver_along(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    resource = resources.Resolver(path, path)
    before = descriptors()
    netns.remove(path)
    assert list(home.hand.read([path])) == []
    netns.create(path)
    assert list(home.hand.read([path])) == [], "another namespace at the same path has no resolver"
    assert home.hand.apply([Make(resource)]) == []
    assert rdata(ask(path, "web")) == ["10.1.0.2"]
    assert descriptors() == before, "the old sockets are closed"
    netns.remove(path)
    assert home.hand.apply([Remove(resource)]) == []
    assert descriptors() == before - 2


_ASKER = f"""
import socket
question = bytes.fromhex("beef010000010000000000000377656200 00010001")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(5)
    for _ in range(2000):
        sock.sendto(question, ("{RESOLVER_ADDRESS}", {RESOLVER_PORT}))
        assert sock.recv(512)[-4:] == bytes((10, 1, 0, 2))
"""


def test_several_askers_each_get_their_answers(home: House) -> None:
    path = home.sandbox(zone("box-web", facts()))
    place = ["ip", "netns", "exec", os.path.basename(path)]
    asking = [subprocess.Popen([*place, sys.executable, "-c", _ASKER]) for _ in range(3)]
    assert [process.wait(20) for process in asking] == [0, 0, 0]
