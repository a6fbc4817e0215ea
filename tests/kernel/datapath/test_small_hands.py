"""Kernel parameters, programs and connection tracking for real."""

import socket
from pathlib import Path

import pytest

from seaway.datapath import conntrack, netns, process
from seaway.datapath.reconcile import Change, Make, Remove
from seaway.datapath.resources import Bridge, Sysctl
from tests.kernel.datapath.ground import Ground, inside

pytestmark = pytest.mark.root

FORWARD = Sysctl("", "net.ipv4.ip_forward", "1")


def test_a_parameter_is_set_told_and_kept(ground: Ground) -> None:
    own = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    assert ground.sysctls.current(FORWARD) == Sysctl("", "net.ipv4.ip_forward", "0")
    assert ground.sysctls.apply([Make(FORWARD)]) == []
    assert ground.sysctls.current(FORWARD) == FORWARD
    assert (
        ground.sysctls.apply([Change(FORWARD, Sysctl("", "net.ipv4.ip_forward", "0")), Make(FORWARD)]) == []
    )
    assert ground.sysctls.apply([Remove(FORWARD)]) == []
    assert ground.run("sysctl", "-n", "net.ipv4.ip_forward").strip() == "1"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == own


def test_a_slash_stands_for_a_dot_in_a_device_name(ground: Ground) -> None:
    ground.links.apply([Make(Bridge("", "br0.7"))])
    local = Sysctl("", "net.ipv4.conf.br0/7.route_localnet", "1")
    assert ground.sysctls.apply([Make(local)]) == [] and ground.sysctls.current(local) == local
    assert "= 1" in ground.run("sysctl", "net.ipv4.conf.br0/7.route_localnet")


def test_several_values_are_compared_without_their_blanks(ground: Ground) -> None:
    ports = Sysctl("", "net.ipv4.ip_local_port_range", "20000 30000")
    assert ground.sysctls.apply([Make(ports)]) == [] and ground.sysctls.current(ports) == ports


def test_a_missing_device_parameter_or_namespace_is_refused(ground: Ground) -> None:
    for wrong, words in (
        (
            Sysctl("", "net.ipv4.conf.nix.route_localnet", "1"),
            "cannot set net.ipv4.conf.nix.route_localnet to 1",
        ),
        (Sysctl("", "net.ipv4.nonsense", "1"), "No such file"),
        (Sysctl("", "net.ipv4.ip_default_ttl", "words"), "Invalid argument"),
        (Sysctl(ground.box(9), "net.ipv4.ip_forward", "1"), "No such file"),
    ):
        refusals = ground.sysctls.apply([Make(wrong), Make(FORWARD)])
        assert [r.operation for r in refusals] == [Make(wrong)] and words in refusals[0].reason
    assert ground.sysctls.current(Sysctl("", "net.ipv4.nonsense", "1")) is None


def test_an_optional_parameter_may_be_missing(ground: Ground) -> None:
    missing = Sysctl("", "net.ipv4.nonsense", "1", optional=True)
    there = Sysctl("", "net.ipv4.ip_forward", "1", optional=True)
    wants = {"host": (missing, there)}
    assert not ground.ledger.settle(wants).refusals
    assert ground.sysctls.current(missing) == missing and ground.sysctls.current(there) == there
    assert ground.ledger.verify(wants, [""]).operations == ()
    ground.run("sysctl", "-w", "net.ipv4.ip_forward=0")
    assert ground.sysctls.current(there) == Sysctl("", "net.ipv4.ip_forward", "0", optional=True)
    assert len(ground.ledger.verify(wants, [""]).operations) == 1
    nowhere = Sysctl(ground.box(9), "net.ipv4.ip_forward", "1", optional=True)
    assert len(ground.sysctls.apply([Make(nowhere)])) == 1


def test_a_program_runs_in_a_namespace_with_a_limit(host: str) -> None:
    done = process.run(["ip", "-o", "link"], ns=host)
    assert done.code == 0 and done.output.count("\n") == 1 and "lo:" in done.output
    assert process.run(["cat"], text="water").output == "water"
    assert process.run(["sh", "-c", "echo no >&2; exit 3"]) == process.Done(3, "", "no\n")
    with pytest.raises(TimeoutError, match="sleep took more than"):
        process.run(["sleep", "5"], timeout=0.1)
    with pytest.raises(FileNotFoundError):
        process.run(["no-such-program"])


def flows(host: str) -> str:
    return inside(host, "conntrack", "-L", check=False)


def test_stale_flows_are_forgotten_and_others_are_not(ground: Ground) -> None:
    ground.run("nft", "add", "table", "inet", "track")
    ground.run("nft", "add", "chain", "inet", "track", "c", "{ type filter hook output priority 0; }")
    ground.run("nft", "add", "rule", "inet", "track", "c", "ct", "state", "new", "counter")

    def talk() -> None:
        for address, port in (
            ("127.0.0.1", 5001),
            ("127.0.0.2", 5001),
            ("127.0.0.1", 5002),
            ("127.0.0.3", 7),
        ):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
                flow.sendto(b"x", (address, port))

    netns.in_namespace(ground.path, talk)
    assert flows(ground.path).count("dport=5001") == 2
    conntrack.forget(ground.path, "udp", 5001, "127.0.0.2")
    assert flows(ground.path).count("dport=5001") == 1
    conntrack.forget(ground.path, "udp", 5001, "0.0.0.0")
    assert "dport=5001" not in flows(ground.path) and "dport=5002" in flows(ground.path)
    conntrack.forget_address(ground.path, "127.0.0.3")
    assert "dport=7 " not in flows(ground.path) and "dport=5002" in flows(ground.path)
    conntrack.forget(ground.path, "udp", 5002, "")
    assert "dport=5002" not in flows(ground.path)


def test_forgetting_never_raises(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    conntrack.forget(host, "nonsense", 99999, "no address")
    conntrack.forget("/nowhere", "udp", 53, "::")
    monkeypatch.setenv("PATH", "/nowhere")
    conntrack.forget(host, "udp", 53, "::")
    conntrack.forget_address(host, "10.0.0.1")
