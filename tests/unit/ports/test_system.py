"""What the kernel says about ports."""

import socket

import pytest

from seaway.ports import system


def test_ranges_are_read(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(system, "SYSCTLS", tmp_path)
    assert system.ephemeral_range() == range(49153, 65536)
    assert system.reserved_ports() == frozenset()
    (tmp_path / "ip_local_port_range").write_text("40000\t40010\n")
    (tmp_path / "ip_local_reserved_ports").write_text("40001,40005-40007\n")
    assert system.ephemeral_range() == range(40000, 40011)
    assert system.reserved_ports() == {40001, 40005, 40006, 40007}
    (tmp_path / "ip_local_reserved_ports").write_text("\n")
    assert system.reserved_ports() == frozenset()


def test_bound_ports_are_seen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert ("udp", port) in system.ports_in_use()
    assert ("udp", port) not in system.ports_in_use()


def test_families_and_sctp_are_said() -> None:
    assert 4 in system.families()
    assert system.sctp_supported() in (True, False)
