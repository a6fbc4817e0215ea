"""Elements of the frame: every set they go into exists, and internal networks open nothing."""

import re

import pytest

from seaway.firewall.frame import FRAME, table
from seaway.firewall.publish import opening, translate
from seaway.firewall.wall import MODES, Family, Wall, elements
from tests.facts import tcp

DECLARED = set(re.findall(r"^\t(?:set|map) (\w+) ", FRAME, re.M))


def sets(wall: Wall) -> set[str]:
    return {e.set for e in elements(wall, "seaway")}


def test_every_declared_set_is_used_and_every_used_one_declared() -> None:
    assert set(re.findall(r"@(\w+)", FRAME)) == DECLARED


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", ["", "192.0.2.1"])
@pytest.mark.parametrize("internal", [True, False])
def test_elements_go_into_declared_sets(mode: str, source: str, internal: bool) -> None:
    families = {4: Family(mode=mode, source=source), 6: Family(mode=mode)}
    wall = Wall(device="br1", internal=internal, trusted=("eth0",), families=families)
    assert sets(wall) <= DECLARED
    assert translate(tcp(80), "10.1.0.2", "t").set in DECLARED
    assert translate(tcp(80, 80, "fd00::5"), "fd01::2", "t").set in DECLARED
    assert opening(tcp(80, 80, "::"), "fd01::2", "br1", "t").set in DECLARED


def test_internal_networks_open_nothing() -> None:
    families = {4: Family(mode="nat-unprotected"), 6: Family(mode="routed")}
    wall = Wall(device="br1", internal=True, trusted=("eth0",), families=families)
    assert sets(wall) == {"bridges", "icc", "internal"}


def test_masquerade_source_and_none() -> None:
    assert sets(Wall(device="b", families={4: Family()})) == {"bridges", "icc", "masq4"}
    assert sets(Wall(device="b", families={4: Family(source="192.0.2.1")})) == {"bridges", "icc", "snat4"}
    assert sets(Wall(device="b", families={4: Family(masquerade=False)})) == {"bridges", "icc"}
    assert sets(Wall(device="b", icc=False)) == {"bridges"}
    routed = Family(mode="routed", source="192.0.2.1")
    assert sets(Wall(device="b", families={4: routed})) == {"bridges", "icc", "routed4"}


def test_published_element_is_exact() -> None:
    found = translate(tcp(8080, 80, "127.0.0.1", "udp"), "10.1.0.2", "seaway")
    assert (found.set, found.element, found.value) == (
        "publish4_at", "127.0.0.1 . udp . 8080", "10.1.0.2 . 80")  # fmt: skip


def test_frame_never_drops_by_policy() -> None:
    assert set(re.findall(r"policy (\w+)", table("x").text)) == {"accept"}
