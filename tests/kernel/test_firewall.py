"""Who reaches whom: the plans of the drivers and the firewall, proved with real packets.

Everything runs twice: with br_netfilter passing bridged packets to the firewall, and without.
"""

import contextlib
import socket
import subprocess
from collections.abc import Iterator

import pytest

from seaway.datapath.netns import in_namespace
from seaway.model import Binding, Node
from tests.kernel.plain import run
from tests.kernel.town import HOST4, HOST6, LAN4, LAN6, OTHER4, OTHER6, Town, town

pytestmark = pytest.mark.root
PORT = 80


def bound(address: str, host_port: int, proto: str = "tcp") -> Binding:
    return Binding(proto=proto, host_ip=address, host_port=host_port, port=PORT)


@pytest.fixture(scope="module", params=[True, False], ids=["br_netfilter", "plain"])
def place(request: pytest.FixtureRequest) -> Iterator[Town]:
    with town("fw", filter_bridges=request.param) as made:
        web = made.network("web", 81, six=True)
        other = made.network("other", 82, six=True)
        shut = made.network("shut", 83, six=True, internal=True)
        apart = made.network("apart", 84, six=True, options={"enable_icc": "false"})
        every = [bound(a, 8080, p) for a in ("0.0.0.0", "::") for p in ("tcp", "udp")]
        some = [bound("127.0.0.1", 8081), bound(OTHER4, 8082), bound(OTHER6, 8082)]
        made.container("a1", web, bindings=(*every, *some))
        made.container("a2", web)
        made.container("b1", other, bindings=(bound("0.0.0.0", 8090), bound(HOST4, 8082), bound(HOST6, 8082)))
        made.container("b2", other)
        made.container("i1", shut, bindings=(bound("0.0.0.0", 8083), bound("::", 8083)))
        made.container("i2", shut)
        made.container("c1", apart, bindings=(bound("0.0.0.0", 8084), bound("::", 8084)))
        made.container("c2", apart)
        made.build()
        for name in ("a1", "a2", "b1", "b2", "i1", "i2", "c1", "c2", "host", "lan"):
            made.serve(name, PORT)
            made.serve(name, PORT, "udp")
        yield made


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("asker", "address", "seen"),
    [
        pytest.param("lan", HOST4, LAN4, id="another host, and its real address is seen"),
        pytest.param("lan", HOST6, LAN6, id="another host, v6"),
        pytest.param("lan", OTHER4, LAN4, id="another host, second address"),
        pytest.param("host", HOST4, HOST4, id="the host's own address"),
        pytest.param("host", HOST6, HOST6, id="the host's own address, v6"),
        pytest.param("host", "127.0.0.1", "10.81.0.1", id="loopback"),
        pytest.param("host", "10.81.0.1", "10.81.0.1", id="the bridge's address"),
        pytest.param("a2", HOST4, "10.81.0.1", id="sibling"),
        pytest.param("a2", HOST6, "fd81::1", id="sibling, v6"),
        pytest.param("a2", "10.81.0.1", "10.81.0.1", id="sibling by the gateway"),
        pytest.param("a1", HOST4, "10.81.0.1", id="itself"),
        pytest.param("a1", HOST6, "fd81::1", id="itself, v6"),
        pytest.param("b1", HOST4, "10.81.0.1", id="another bridge"),
        pytest.param("b1", HOST6, "fd81::1", id="another bridge, v6"),
        pytest.param("b1", "10.82.0.1", "10.81.0.1", id="another bridge by its own gateway"),
        pytest.param("c1", HOST4, "10.81.0.1", id="a bridge without icc"),
    ],
)
def test_published_on_all_addresses(place: Town, proto: str, asker: str, address: str, seen: str) -> None:
    assert place.ask(asker, address, 8080, proto) == f"a1 {seen}"


def test_published_port_is_not_what_the_container_calls_it(place: Town) -> None:
    assert place.ask("lan", HOST4, 8088) == "refused"
    assert place.ask("lan", HOST4, PORT) == f"host {LAN4}", "the host's own server is left alone"


def test_same_port_on_two_addresses(place: Town) -> None:
    assert place.ask("lan", OTHER4, 8082) == f"a1 {LAN4}"
    assert place.ask("lan", HOST4, 8082) == f"b1 {LAN4}"
    assert place.ask("lan", OTHER6, 8082) == f"a1 {LAN6}"
    assert place.ask("lan", HOST6, 8082) == f"b1 {LAN6}"
    assert place.ask("host", "127.0.0.1", 8082) == "refused"


def test_published_on_loopback_is_for_this_host_alone(place: Town) -> None:
    assert place.ask("host", "127.0.0.1", 8081) == "a1 10.81.0.1"
    for asker in ("lan", "b1", "a2"):
        assert place.ask(asker, HOST4, 8081) == "refused"
    run("ip", "netns", "exec", f"{place.mark}host", "sysctl", "-qw", "net.ipv4.conf.up0.route_localnet=1")
    with careless(place, "lan", "up0", HOST4):
        # The host takes 127.0.0.1 in from the wire, as other software makes it; we lead nobody on.
        assert place.ask("lan", "127.0.0.1", 8081, source=LAN4) in ("refused", "silence")
        tracked = run(
            "ip", "netns", "exec", f"{place.mark}host", "conntrack", "-L", "-s", LAN4, "-d", "127.0.0.1"
        )
        assert place.address("a1") not in tracked
    with careless(place, "a2", "eth0", "10.81.0.1"):
        assert place.ask("a2", "127.0.0.1", 8081, source=place.address("a2")) == "silence"
        assert not arrives(place, "a2", "127.0.0.1")


def arrives(place: Town, who: str, address: str) -> bool:
    """Whether a datagram from somebody comes to a server of the host on this address of its own."""

    def door() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        made.bind((address, 97))
        return made

    with in_namespace(place.path("host"), door) as server:
        place.ask(who, address, 97, "udp", source=place.address(who))
        try:
            return bool(server.recv(100))
        except BlockingIOError:
            return False


@contextlib.contextmanager
def careless(place: Town, who: str, device: str, via: str) -> Iterator[None]:
    """Somebody sends what is for 127.0.0.1 to a neighbour."""
    ns = f"{place.mark}{who}"
    run("ip", "netns", "exec", ns, "sysctl", "-qw", f"net.ipv4.conf.{device}.route_localnet=1")
    for route in ("127.0.0.0/8", "127.0.0.1"):
        run("ip", "-n", ns, "route", "del", "local", route, "dev", "lo", "table", "local")
    run("ip", "-n", ns, "route", "add", "127.0.0.1", "via", via, "dev", device)
    yield
    run("ip", "-n", ns, "route", "del", "127.0.0.1")
    run("ip", "-n", ns, "link", "set", "lo", "down")
    run("ip", "-n", ns, "link", "set", "lo", "up")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("asker", ["lan", "b1", "c1", "i1"])
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_container_addresses_are_closed(place: Town, asker: str, family: int, proto: str) -> None:
    answer = place.ask(asker, place.address("a1", family), PORT, proto)
    assert answer in ("silence", "Network is unreachable")
    assert answer == "silence" or asker == "i1"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("asker", "asked"), [("a2", "a1"), ("host", "a1"), ("i2", "i1"), ("host", "c1")])
def test_same_bridge_and_host_are_open(place: Town, asker: str, asked: str, family: int) -> None:
    answer = place.ask(asker, place.address(asked, family), PORT)
    number = {"a1": "81", "i1": "83", "c1": "84"}[asked]
    gateway = f"10.{number}.0.1" if family == 4 else f"fd{number}::1"
    assert answer == f"{asked} {gateway if asker == 'host' else place.address(asker, family)}"


@pytest.mark.parametrize("family", [4, 6])
def test_internal_network_reaches_its_host_and_nobody_else(place: Town, family: int) -> None:
    gateway, outside, host = ("10.83.0.1", LAN4, HOST4) if family == 4 else ("fd83::1", LAN6, HOST6)
    assert place.ask("i1", gateway, PORT) == f"host {place.address('i1', family)}"
    assert place.ask("i1", outside, PORT) == "Network is unreachable"
    assert place.ask("i1", host, PORT) == "Network is unreachable"
    assert place.ask("lan", place.address("i1", family), PORT) == "silence"
    assert place.ask("lan", host, 8083) == "refused", "published, listed, inert"
    # A container that makes itself a route is stopped all the same, and so is a way by published ports.
    ns = f"{place.mark}i1"
    run("ip", "-n", ns, "route", "add", "default", "via", gateway)
    assert place.ask("i1", outside, PORT) == "silence"
    assert place.ask("i1", place.address("a1", family), PORT) == "silence"
    assert place.ask("i1", gateway, 8080) == "silence"
    run("ip", *(("-6",) if family == 6 else ()), "-n", ns, "route", "del", "default")


def test_rules_of_others_open_no_internal_network(place: Town) -> None:
    """Somebody translates a port to a container: that opens an ordinary network, and not an internal one."""
    host = ("ip", "netns", "exec", f"{place.mark}host", "nft")
    rules = "".join(
        f"tcp dport {port} dnat to {place.address(name)}:{PORT}\n"
        for port, name in ((8998, "a1"), (8999, "i1"))
    )
    hook = "type nat hook prerouting priority -150; policy accept;"
    run(*host, "-f", "-", text=f"table ip stranger {{\nchain in {{\n{hook}\n{rules}}}\n}}\n")
    run("ip", "-n", f"{place.mark}i1", "route", "add", "default", "via", "10.83.0.1")
    assert place.ask("lan", HOST4, 8998) == f"a1 {LAN4}"
    assert place.ask("lan", HOST4, 8999) == "silence"
    run("ip", "-n", f"{place.mark}i1", "route", "del", "default")
    run(*host, "delete", "table", "ip", "stranger")


@pytest.mark.parametrize("family", [4, 6])
def test_icc_off_parts_neighbours_and_nothing_else(place: Town, family: int) -> None:
    assert place.ask("c2", place.address("c1", family), PORT) in ("silence", "No route to host")
    assert not place.pings("c2", place.address("c1", family))
    assert place.ask("lan", HOST4 if family == 4 else HOST6, 8084) == f"c1 {LAN4 if family == 4 else LAN6}"
    outside, host = (LAN4, HOST4) if family == 4 else (LAN6, HOST6)
    assert place.ask("c2", outside, PORT) == f"lan {host}"
    # By the gateway, past the ports' isolation: the firewall itself must say no.
    gateway = "10.84.0.1" if family == 4 else "fd84::1"
    ns, target = f"{place.mark}c2", place.address("c1", family)
    run("ip", "-n", ns, "route", "add", f"{target}/{32 if family == 4 else 128}", "via", gateway)
    assert place.ask("c2", target, PORT) in ("silence", "No route to host")


@pytest.mark.parametrize("family", [4, 6])
def test_what_stays_on_a_bridge_keeps_its_source(place: Town, family: int) -> None:
    """Also where it is routed over the bridge's own address."""
    gateway, length = ("10.81.0.1", 32) if family == 4 else ("fd81::1", 128)
    ns, target = f"{place.mark}a2", place.address("a1", family)
    run("ip", "-n", ns, "route", "add", f"{target}/{length}", "via", gateway)
    assert place.ask("a2", target, PORT, "udp") == f"a1 {place.address('a2', family)}"
    run("ip", *(("-6",) if family == 6 else ()), "-n", ns, "route", "del", f"{target}/{length}")


@pytest.mark.parametrize("family", [4, 6])
def test_outgoing_is_masqueraded(place: Town, family: int) -> None:
    outside, host = (LAN4, HOST4) if family == 4 else (LAN6, HOST6)
    for proto in ("tcp", "udp"):
        assert place.ask("a1", outside, PORT, proto) == f"lan {host}"
    assert place.pings("a1", outside)


def test_policies_and_tables_of_others_are_untouched(place: Town) -> None:
    host = f"{place.mark}host"
    tables = run("ip", "netns", "exec", host, "nft", "list", "tables").split("\n")
    assert [t for t in tables if t] == ["table inet seaway"]
    assert "policy drop" not in run("ip", "netns", "exec", host, "nft", "list", "ruleset")


@pytest.fixture(scope="module")
def modes() -> Iterator[Town]:
    with town("md", node=Node(name="town", userland_proxy=False)) as made:
        plain = made.network("plain", 61, six=True, options={"enable_ip_masquerade": "false"})
        sources = {"com.docker.network.host_ipv4": OTHER4, "com.docker.network.host_ipv6": OTHER6}
        chosen = made.network("chosen", 62, six=True, options=sources)
        routed = made.network(
            "routed", 63, six=True, options={"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}
        )
        naked = made.network(
            "naked", 64, six=True,
            options={f"gateway_mode_ipv{family}": "nat-unprotected" for family in (4, 6)})  # fmt: skip
        trust = made.network("trust", 65, six=True, options={"trusted_host_interfaces": "up0"})
        made.container("p1", plain)
        made.container("s1", chosen)
        made.container("r1", routed, bindings=(bound("0.0.0.0", 8000), bound("::", 8000)))
        made.container("n1", naked)
        made.container("t1", trust)
        made.build()
        for name in ("p1", "s1", "r1", "n1", "t1", "lan"):
            made.serve(name, PORT)
            made.serve(name, 81)
        yield made


def test_without_masquerade_the_outside_sees_the_container(modes: Town) -> None:
    assert modes.ask("p1", LAN4, PORT) == f"lan {modes.address('p1')}"
    assert modes.ask("p1", LAN6, PORT) == f"lan {modes.address('p1', 6)}"


def test_source_address_can_be_chosen(modes: Town) -> None:
    assert modes.ask("s1", LAN4, PORT) == f"lan {OTHER4}"
    assert modes.ask("s1", LAN6, PORT) == f"lan {OTHER6}"


def test_routed_opens_published_ports_and_icmp_only(modes: Town) -> None:
    for family, outside in ((4, LAN4), (6, LAN6)):
        address = modes.address("r1", family)
        assert modes.ask("lan", address, PORT) == f"r1 {outside}"
        assert modes.ask("lan", address, 81) == "silence"
        assert modes.pings("lan", address)
        assert modes.ask("r1", outside, PORT) == f"lan {address}", "no masquerade"
    assert modes.ask("lan", HOST4, 8000) == "refused", "no host port"
    assert not modes.pings("lan", modes.address("p1"))


def test_unprotected_and_trusted_are_open(modes: Town) -> None:
    assert modes.ask("lan", modes.address("n1"), 81) == f"n1 {LAN4}"
    assert modes.ask("lan", modes.address("n1", 6), 81) == f"n1 {LAN6}"
    assert modes.ask("n1", LAN4, PORT) == f"lan {HOST4}"
    assert modes.ask("lan", modes.address("t1"), 81) == f"t1 {LAN4}"
    assert modes.ask("lan", modes.address("t1", 6), 81) == f"t1 {LAN6}"
    assert modes.ask("p1", modes.address("t1"), 81) == "silence", "trusted is the interface, not everybody"


@pytest.fixture(scope="module")
def named() -> Iterator[Town]:
    with town("dn") as made:
        net = made.network("net", 51)
        box = made.container("one", net)
        made.sandboxes[box.id] = type(box)(
            **{f: getattr(box, f) for f in box.__struct_fields__} | {"dns": True}
        )
        yield made.build()


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_port_53_leads_to_the_resolver_without_tracking(named: Town, proto: str) -> None:
    named.serve("one", 61053, proto, at="127.0.0.11")
    assert named.ask("one", "127.0.0.11", 53, proto) == "one 127.0.0.1"
    assert named.ask("one", "127.0.0.1", 53, proto) == "refused", "only Docker's address is led there"

    def tracked() -> str:
        done = subprocess.run(["conntrack", "-C"], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    assert in_namespace(named.path("one"), tracked) == "0"
