"""Names inside user-defined networks, asked by dig and dnspython on the wire."""

import sys
from collections.abc import Iterator

import pytest

from demo.host import Host
from demo.machine import PEER
from tests.faces.box import idle, inside, until, words
from tests.faces.upstream import ANSWERS, Upstream

RESOLVER = "127.0.0.11"


@pytest.fixture(scope="module", autouse=True)
def upstream(host: Host) -> Iterator[Upstream]:
    """The name server that the host's resolv.conf names, on the LAN's router."""
    with Upstream(host.lan, f"192.168.1.{PEER}") as server:
        yield server


@pytest.fixture
def pair(host: Host) -> Host:
    """Network ``net`` with containers ``asker`` and ``db`` (10.7.0.9, also called ``store``)."""
    words(host, "network create --subnet 10.7.0.0/24 net")
    idle(host, "--name", "asker", "--network", "net")
    idle(host, "--name", "db", "--network", "net", "--ip", "10.7.0.9", "--network-alias", "store")
    return host


def dig(host: Host, *question: str, name: str = "asker") -> str:
    flags = ("+time=2", "+tries=1", f"@{RESOLVER}")
    return inside(host, name, "dig", *flags, *question, check=False).out


def short(host: Host, *question: str, name: str = "asker") -> list[str]:
    return dig(host, "+short", *question, name=name).split()


def test_name_alias_short_id_and_reverse(pair: Host) -> None:
    identity = pair.inspect("db")["Id"][:12]
    for name in ("db", "store", identity, "db.net", "DB"):
        assert short(pair, name) == ["10.7.0.9"], name
    assert short(pair, "-x", "10.7.0.9")[0].startswith("db.")
    assert short(pair, "asker", name="db") == [pair.container_address("asker", "net")]


def test_time_to_live_and_flags(pair: Host) -> None:
    text = dig(pair, "db")
    assert "status: NOERROR" in text
    answer = next(line for line in text.splitlines() if line.startswith("db."))
    assert 0 < int(answer.split()[1]) <= 5, answer
    assert " ra" in text.split("flags:")[1].split(";")[0]


def test_a_name_without_ipv6_has_no_record_and_is_not_forwarded(pair: Host, upstream: Upstream) -> None:
    before = upstream.asked()
    text = dig(pair, "db", "AAAA")
    assert "status: NOERROR" in text
    assert "ANSWER: 0" in text
    assert upstream.asked() == before


def test_ipv6_names(host: Host) -> None:
    words(host, "network create --ipv6 --subnet 10.7.0.0/24 --subnet fd00:7::/64 net")
    idle(host, "--name", "asker", "--network", "net")
    words(host, "run -d --name six --network net --ip6 fd00:7::9 box:1 sleep 600")
    assert short(host, "six", "AAAA") == ["fd00:7::9"]
    assert short(host, "-x", "fd00:7::9")[0].startswith("six.")


def test_outside_names_are_forwarded(pair: Host) -> None:
    assert short(pair, "outside.example") == [ANSWERS["outside.example."]]
    assert "status: NXDOMAIN" in dig(pair, "nowhere.example")
    out = pair.docker("exec", "asker", "nslookup", "outside.example")
    assert ANSWERS["outside.example."] in out.out


def test_big_answers_by_tcp(pair: Host) -> None:
    plain = dig(pair, "+noedns", "+ignore", "big.example", "TXT")
    assert " tc" in plain.split("flags:")[1].split(";")[0], plain
    assert len(dig(pair, "+tcp", "+short", "big.example", "TXT")) > 1000


def test_stopped_containers_have_no_name(pair: Host) -> None:
    pair.docker("stop", "-t", "0", "db")
    until(lambda: not short(pair, "db"), wait=1.5)
    pair.docker("start", "db")
    until(lambda: short(pair, "db") == ["10.7.0.9"], wait=2)


def test_rename_and_aliases_live(pair: Host) -> None:
    pair.docker("rename", "db", "database")
    until(lambda: short(pair, "database") == ["10.7.0.9"], wait=2)
    words(pair, "network create --subnet 10.71.0.0/24 more")
    words(pair, "network connect --alias late more database")
    words(pair, "network connect more asker")
    until(lambda: short(pair, "late") == [pair.container_address("database", "more")], wait=2)
    words(pair, "network disconnect more database")
    until(lambda: not short(pair, "late"), wait=2)


def test_several_containers_behind_one_alias(pair: Host) -> None:
    for n in "12":
        idle(pair, "--name", f"w{n}", "--network", "net", "--network-alias", "web")
    want = {pair.container_address(f"w{n}", "net") for n in "12"}
    assert set(short(pair, "web")) == want


def test_names_stop_at_the_network(pair: Host) -> None:
    words(pair, "network create other")
    idle(pair, "--name", "stranger", "--network", "other")
    assert not short(pair, "db", name="stranger")


def test_the_default_bridge_has_no_names(host: Host) -> None:
    idle(host, "--name", "aa")
    text = host.docker("exec", "aa", "cat", "/etc/resolv.conf").out
    assert RESOLVER not in text
    assert f"192.168.1.{PEER}" in text


def test_internal_networks_do_not_forward(host: Host) -> None:
    words(host, "network create --internal inner")
    idle(host, "--name", "asker", "--network", "inner")
    assert "status: SERVFAIL" in dig(host, "outside.example")
    assert short(host, "asker")


def test_files(host: Host) -> None:
    words(host, "network create net")
    words(
        host,
        "run -d --name asker --network net --dns 192.168.1.18 --dns-search corp.example --dns-option ndots:2"
        " --add-host extra:10.1.2.3 --hostname me box:1 sleep 600",
    )
    resolv = words(host, "exec asker cat /etc/resolv.conf").out
    assert f"nameserver {RESOLVER}" in resolv
    assert "search corp.example" in resolv
    assert "ndots:2" in resolv
    hosts = words(host, "exec asker cat /etc/hosts").out
    assert "10.1.2.3\textra" in hosts
    assert f"{host.container_address('asker', 'net')}\tme" in hosts
    assert words(host, "exec asker cat /etc/hostname").out == "me\n"
    assert words(host, "exec asker hostname").out == "me\n"


def test_a_container_may_serve_names_itself(pair: Host) -> None:
    server = inside(pair, "asker", "sh", "-c", "timeout 1 socat UDP4-LISTEN:53,bind=0.0.0.0 -", check=False)
    assert "in use" not in server.text


def test_malformed_packets_do_not_stop_it(pair: Host) -> None:
    packets = (
        b"\0",
        b"\0" * 12,
        b"\xff" * 300,
        b"\x124\1\0\0\1\0\0\0\0\0\0\xff",
        b"\x124\1\0\0\1\0\0\0\0\0\0\xc0\x0c",
    )
    script = (
        "import socket, sys\n"
        f"for p in {packets!r}:\n"
        f"    socket.socket(2, 2).sendto(p, ('{RESOLVER}', 53))\n"
        f"    s = socket.create_connection(('{RESOLVER}', 53)); s.sendall(b'\\xff\\xff' + p); s.close()\n"
    )
    inside(pair, "asker", sys.executable, "-c", script)
    assert short(pair, "db") == ["10.7.0.9"]


def test_two_hundred_questions_at_once(pair: Host) -> None:
    script = f"for i in $(seq 200); do echo db; done | dig @{RESOLVER} +short +time=3 +tries=1 -f -"
    assert inside(pair, "asker", "sh", "-c", script).out.split() == ["10.7.0.9"] * 200


def test_links_resolve_for_the_linking_container_only(pair: Host) -> None:
    words(pair, "run -d --name linker --network net --link db:short box:1 sleep 600")
    assert short(pair, "short", name="linker") == ["10.7.0.9"]
    assert not short(pair, "short")


def test_dead_upstreams(pair: Host, upstream: Upstream) -> None:
    words(pair, "run -d --name dead --network net --dns 192.168.1.99 --dns 192.168.1.18 box:1 sleep 600")
    flags = ("+time=6", "+tries=1", f"@{RESOLVER}")
    out = inside(pair, "dead", "dig", "+short", *flags, "outside.example").out.split()
    assert out == [ANSWERS["outside.example."]]


def test_the_wire_by_another_library(pair: Host) -> None:
    """dnspython, run inside the container's namespace, must be able to parse every answer."""
    script = (
        "import dns.message, dns.query\n"
        "for kind in ('A', 'AAAA', 'PTR', 'MX', 'TXT', 'SOA', 'ANY'):\n"
        "    name = '9.0.7.10.in-addr.arpa' if kind == 'PTR' else 'db'\n"
        f"    for ask in (dns.query.udp, dns.query.tcp):\n"
        f"        r = ask(dns.message.make_query(name, kind), '{RESOLVER}', timeout=3)\n"
        "        print(kind, r.rcode(), [i.to_text() for a in r.answer for i in a])\n"
    )
    lines = inside(pair, "asker", sys.executable, "-c", script).out.splitlines()
    assert len(lines) == 14
    assert lines[0] == lines[1] == "A 0 ['10.7.0.9']"
    assert all(" 0 " in line or " 4 " in line for line in lines), lines
