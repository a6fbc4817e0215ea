"""Host ports held and relayed, with real sockets in namespaces of the test's own."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from seaway.datapath.netns import in_namespace
from seaway.datapath.reconcile import Change, Make, Remove
from seaway.datapath.resources import HostPort, Relay
from seaway.model import Binding
from seaway.ports.datagrams import Datagrams
from seaway.ports.relay import RelayHand
from seaway.ports.sockets import Held, HostPortHand
from tests.kernel.plain import run
from tests.kernel.town import HOST6, Town, town

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def place() -> Iterator[Town]:
    with town("po") as made:
        four, both = made.network("four", 71), made.network("both", 72, six=True)
        made.container("old", four, bindings=_both("tcp", 8080, 80) + _both("udp", 8080, 80))
        made.container("new", both, bindings=_both("tcp", 9090, 80))
        made.build()
        for name in ("old", "new"):
            made.serve(name, 80)
        made.serve("old", 80, "udp")
        yield made


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join(5)
    made.close()


@pytest.fixture
def relays(place: Town, loop: asyncio.AbstractEventLoop) -> Iterator[RelayHand]:
    hand = RelayHand(loop, place.path("host"), udp_idle=0.6)
    yield hand
    hand.close()


def _both(proto: str, host_port: int, port: int) -> tuple[Binding, ...]:
    return tuple(Binding(proto=proto, host_ip=a, host_port=host_port, port=port) for a in ("0.0.0.0", "::"))


def _relays(place: Town) -> list[Relay]:
    return [r for r in place.people() if isinstance(r, Relay)]


def test_plan_relays_ipv6_of_a_container_without_it_and_loopback_of_one_with_it(place: Town) -> None:
    found = {(r.host_ip, r.proto, r.host_port): r.target for r in _relays(place)}
    assert found == {
        ("::", "tcp", 8080): place.address("old"),
        ("::", "udp", 8080): place.address("old"),
        ("::", "tcp", 9090): place.address("new", 6),
    }


def test_without_relay_ipv6_of_a_v4_container_is_refused_quickly(place: Town) -> None:
    begun = time.monotonic()
    assert place.ask("lan", HOST6, 8080) == "refused"
    assert time.monotonic() - begun < 0.4


def test_relay_serves_ipv6_and_loopback(place: Town, relays: RelayHand) -> None:
    assert relays.apply([Make(r) for r in _relays(place)]) == []
    for asker, address in (("lan", HOST6), ("host", "::1"), ("host", HOST6)):
        assert place.ask(asker, address, 8080) == "old 10.71.0.1"
        assert place.ask(asker, address, 8080, "udp") == "old 10.71.0.1"
    # NAT serves the wire, so the container sees who asks; only ::1 goes through the relay.
    assert place.ask("lan", HOST6, 9090) == "new 2001:db8::2"
    assert place.ask("host", "::1", 9090) == "new fd72::1"
    assert set(relays.read([""])) == set(_relays(place))


def test_removed_relay_refuses_and_frees_the_port(place: Town, relays: RelayHand) -> None:
    every = _relays(place)
    for _ in range(3):
        assert relays.apply([Make(r) for r in every]) == []
        assert relays.apply([Make(r) for r in every]) == [], "making what is there succeeds"
        assert relays.apply([Remove(r) for r in every]) == []
        assert relays.apply([Remove(r) for r in every]) == [], "removing what is gone succeeds"
        assert place.ask("host", "::1", 8080) == "refused"
    assert list(relays.read([""])) == []


def test_half_closed_client_gets_the_complete_answer(place: Town, relays: RelayHand) -> None:
    size = 3_000_000

    def door() -> socket.socket:
        return socket.create_server(("0.0.0.0", 90))

    def serve(server: socket.socket) -> None:
        caller, _ = server.accept()
        with caller, server:
            got = 0
            while data := caller.recv(65536):
                got += len(data)
            caller.sendall(b"%07d" % got + b"x" * size)

    server = in_namespace(place.path("old"), door)
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    relay = Relay("", "tcp", "::", 8090, place.address("old"), 90)
    assert relays.apply([Make(relay)]) == []
    with in_namespace(place.path("lan"), lambda: socket.create_connection((HOST6, 8090), 5)) as client:
        client.sendall(b"y" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer[:7] == b"1000000"
    assert len(answer) == size + 7


def test_container_that_does_not_listen_resets_the_client(place: Town, relays: RelayHand) -> None:
    assert relays.apply([Make(Relay("", "tcp", "::", 8091, place.address("old"), 91))]) == []
    assert place.ask("lan", HOST6, 8091) in ("Connection reset by peer", "refused")


def test_removal_cuts_what_is_open(place: Town, relays: RelayHand) -> None:
    held = in_namespace(place.path("old"), lambda: socket.create_server(("0.0.0.0", 92)))
    relay = Relay("", "tcp", "::", 8092, place.address("old"), 92)
    relays.apply([Make(relay)])
    with held, in_namespace(place.path("lan"), lambda: socket.create_connection((HOST6, 8092), 5)) as client:
        inside, _ = held.accept()
        with inside:
            relays.apply([Remove(relay)])
            client.settimeout(2)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


def test_udp_flows_expire(place: Town, relays: RelayHand) -> None:
    relay = next(r for r in _relays(place) if r.proto == "udp")
    relays.apply([Make(relay)])
    flows = relays._held.get(relay)
    assert isinstance(flows, Datagrams)
    assert place.ask("lan", HOST6, 8080, "udp") == "old 10.71.0.1"
    assert place.ask("lan", HOST6, 8080, "udp") == "old 10.71.0.1"
    assert flows.flows == 2
    deadline = time.monotonic() + 3
    while flows.flows and time.monotonic() < deadline:
        time.sleep(0.05)
    assert flows.flows == 0
    assert place.ask("lan", HOST6, 8080, "udp") == "old 10.71.0.1"


def test_answers_leave_from_the_address_asked(place: Town, relays: RelayHand) -> None:
    """A connected UDP client drops answers from another of the host's addresses."""
    run("ip", "-n", f"{place.mark}host", "addr", "add", "2001:db8::77/64", "dev", "up0", "nodad")
    relays.apply([Make(r) for r in _relays(place) if r.proto == "udp"])
    assert place.ask("lan", "2001:db8::77", 8080, "udp") == "old 10.71.0.1"


def test_held_port_cannot_be_taken_by_others(place: Town) -> None:
    hand = HostPortHand(place.path("host"))
    ports = [HostPort("", proto, ip, 7000) for proto in ("tcp", "udp") for ip in ("0.0.0.0", "::")]
    assert hand.apply([Make(p) for p in ports]) == []
    assert hand.apply([Make(p) for p in ports]) == []

    def take() -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("0.0.0.0", 7000))
            other.listen()

    with pytest.raises(OSError, match="in use"):
        in_namespace(place.path("host"), take)
    assert place.ask("host", "127.0.0.1", 7000) == "refused", "it does not listen"
    assert hand.apply([Remove(p) for p in ports]) == []
    in_namespace(place.path("host"), take)


def test_port_of_another_process_is_refused_with_its_name(place: Town) -> None:
    hand = HostPortHand(place.path("host"))
    wanted = HostPort("", "tcp", "0.0.0.0", 7001)
    with in_namespace(place.path("host"), lambda: socket.create_server(("127.0.0.1", 7001))):
        refusal = hand.apply([Make(wanted), Make(HostPort("", "tcp", "0.0.0.0", 7002))])
    assert [r.operation for r in refusal] == [Make(wanted)], "the others are carried out all the same"
    assert refusal[0].reason.startswith(
        "failed to bind host port 0.0.0.0:7001/tcp: address already in use (by "
    )
    assert "pid " in refusal[0].reason
    assert hand.apply([Make(wanted)]) == []


def test_connections_left_over_do_not_keep_a_port(place: Town) -> None:
    """A server of the host that ended a moment ago leaves connections in TIME_WAIT."""

    def leave() -> None:
        with (
            socket.create_server(("127.0.0.1", 7003)) as server,
            socket.create_connection(("127.0.0.1", 7003)),
        ):
            caller, _ = server.accept()
            caller.close()

    in_namespace(place.path("host"), leave)
    assert HostPortHand(place.path("host")).apply([Make(HostPort("", "tcp", "0.0.0.0", 7003))]) == []


def test_port_changes_between_held_and_relayed(place: Town, loop: asyncio.AbstractEventLoop) -> None:
    """As when a container loses its IPv6 network while it runs."""
    held = Held()
    ports, relays = HostPortHand(place.path("host"), held), RelayHand(loop, place.path("host"), held)
    port, relay = HostPort("", "tcp", HOST6, 7004), Relay("", "tcp", HOST6, 7004, place.address("old"), 80)
    assert ports.apply([Make(port)]) == []
    assert relays.apply([Change(port, relay)]) == []
    assert place.ask("lan", HOST6, 7004) == "old 10.71.0.1"
    assert list(ports.read([""])) == []
    assert ports.apply([Change(relay, port)]) == []
    assert place.ask("lan", HOST6, 7004) == "refused"
    relays.close()
    assert ports.apply([Remove(port)]) == []


def test_many_ports_are_held_quickly(place: Town) -> None:
    hand = HostPortHand(place.path("host"))
    ports = [HostPort("", "tcp", "0.0.0.0", p) for p in range(20000, 20900)]
    begun = time.monotonic()
    assert hand.apply([Make(p) for p in ports]) == []
    assert time.monotonic() - begun < 0.9, "less than a millisecond each"
    assert hand.apply([Remove(p) for p in ports]) == []


def test_unknown_protocol_of_the_kernel_is_said_clearly(place: Town) -> None:
    wanted = HostPort("", "sctp", "0.0.0.0", 7005)
    for refusal in HostPortHand(place.path("host")).apply([Make(wanted)]):
        assert refusal.reason.endswith("this kernel has no SCTP (the module sctp is not there)")
