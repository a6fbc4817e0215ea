"""VXLAN devices for real: made in a hidden namespace, altered there, numbers that are taken, many entries."""

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from seaway.datapath import forwards, netns, rtnetlink_vxlan
from seaway.datapath.reconcile import Change, Make, Operation, Remove
from seaway.datapath.resources import Bridge, Forward, Neighbour, Netns, Resource, VethPair, Vxlan
from tests.kernel.datapath.ground import Ground
from tests.kernel.datapath.overlay import OV, VX, Host, mac, peer, town, v4

pytestmark = pytest.mark.root


@pytest.fixture
def host(ground: Ground) -> Iterator[Host]:  # type: ignore[override]
    """One host with the network and nobody on it. (``ground`` looks for leaks.)"""
    with town(1) as hosts:
        yield hosts[0]


def device(host: Host) -> Vxlan:
    return next(r for r in host.base() if isinstance(r, Vxlan))


def index(host: Host) -> int:
    return int(json.loads(host.run("ip", "-j", "link", "show", VX))[0]["ifindex"])


def refused(host: Host, *operations: Operation) -> list[str]:
    return [r.reason for r in host.ground.links.apply(operations)]


def test_its_udp_socket_is_the_hosts(host: Host) -> None:
    assert ":4789" in host.ground.run("ss", "-lun")
    assert ":4789" not in host.run("ss", "-lun")
    assert VX not in host.ground.run("ip", "link")
    assert "fe80" not in host.run("ip", "-6", "addr", "show", VX)


CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({"mtu": 1400}, True),
    ({"master": "ov-2"}, True),
    ({"vni": 300}, False),
    ({"local": "192.0.2.9"}, False),
    ({"local": "fd99::9"}, False),
    ({"port": 4790}, False),
    ({"vni": 300, "port": 8472, "mtu": 1300, "master": "ov-2"}, False),
]


@pytest.mark.parametrize(("change", "stays"), CHANGES, ids=str)
def test_it_changes_and_takes_its_entries_along(host: Host, change: dict[str, Any], stays: bool) -> None:
    second = Bridge(host.hidden, "ov-2", 1450)
    host.settle(net=(*host.base(), second), peer5=peer(host.hidden, 5, "192.0.2.9"))
    there = "fd99::5" if ":" in change.get("local", "") else "192.0.2.9"
    before, old = index(host), device(host)
    new = replace(old, **change)
    host.settle(
        net=(*(new if r == old else r for r in host.base()), second), peer5=peer(host.hidden, 5, there)
    )
    assert (index(host) == before) is stays
    assert new in host.ground.links.read([host.hidden])
    assert host.verify().operations == ()
    fdb = host.run("bridge", "fdb", "show", "dev", VX)
    assert f"{mac(5)} master {new.master} static" in fdb and f"{mac(5)} dst {there}" in fdb
    assert v4(5) in host.run("ip", "neigh", "show", "dev", VX)


def test_a_number_that_is_taken_is_told_with_its_holder(host: Host) -> None:
    other = host.ground.box(7)
    netns.create(other)
    assert refused(host, Make(Bridge(other, "ov-x"))) == []
    twin = replace(device(host), ns=other, name="vx-x", master="ov-x")
    (words,) = refused(host, Make(twin))
    assert words == (
        "cannot make VXLAN device vx-x: VNI 256 on UDP port 4789 is already in use on this host by "
        f"device {VX} in network namespace {host.hidden}"
    )
    assert refused(host, Make(replace(twin, port=4790))) == []
    host.ground.run(
        "ip", "link", "add", "theirs", "type", "vxlan", "id", "999", "dstport", "4789", "dev", "lo"
    )
    (words,) = refused(host, Make(replace(twin, vni=999)))
    assert words.endswith("VNI 999 on UDP port 4789 is already in use on this host by device theirs")


def test_a_number_in_a_leaked_namespace_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtnetlink_vxlan, "PATIENCE", 0.2)
    held = os.open(host.hidden, os.O_RDONLY)
    try:
        netns.remove(host.hidden)
        host.ground.ledger = host.ground.new_ledger()
        report = host.ground.ledger.settle({"net": host.base()})
        (words,) = [r.reason for r in report.refusals if isinstance(r.operation.resource, Vxlan)]
        assert "VNI 256 on UDP port 4789 is already in use on this host by a device in another" in words
    finally:
        os.close(held)
    host.settle(net=host.base())


def test_a_port_that_is_taken_is_told(host: Host) -> None:
    holder = netns.in_namespace(host.ground.path, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with holder:
        holder.bind(("0.0.0.0", 4799))
        for _ in range(2):
            (words,) = refused(host, Make(replace(device(host), port=4799)))
            assert "UDP port 4799 is already in use on this host by another program" in words
    assert refused(host, Make(replace(device(host), port=4799))) == []


def test_what_is_in_the_way_is_told_or_makes_way(host: Host) -> None:
    ns = host.hidden
    assert refused(host, Make(replace(device(host), master="nix"))) == [
        f"cannot make VXLAN device {VX}: bridge nix does not exist"
    ]
    assert refused(host, Remove(device(host)), Remove(device(host))) == []
    host.run("ip", "link", "add", VX, "type", "bridge")
    assert f"device {VX} exists already and is not ours" in refused(host, Make(device(host)))[0]
    host.run("ip", "link", "del", VX)
    assert refused(host, Make(Bridge(ns, VX)), Make(device(host))) == []
    assert device(host) in host.ground.links.read([ns])


def test_a_device_that_does_not_answer_for_neighbours_is_made_anew(host: Host) -> None:
    local = ("local", host.vtep, "dstport", "4789")
    host.run("ip", "link", "del", VX)
    host.ground.run("ip", "link", "add", "x", "type", "vxlan", "id", "256", *local, "nolearning")
    host.ground.run("ip", "link", "set", "x", "group", "24224", "netns", host.hidden, "name", VX)
    host.run("ip", "link", "set", VX, "master", OV, "up")
    host.run("bridge", "link", "set", "dev", VX, "learning", "off")
    (operation,) = host.verify().operations
    assert isinstance(operation, Change) and operation.resource == device(host)
    assert host.verify().operations == () and " proxy " in host.run("ip", "-d", "link", "show", VX)


def test_many_links_of_a_hidden_namespace_go_together(host: Host) -> None:
    owners = {f"ep{n}": host.container(n) for n in range(1, 31)}
    host.settle(**owners)
    assert host.verify().operations == ()
    assert not host.ground.ledger.compare(host.wants, host.namespaces())
    host.settle(**dict.fromkeys(owners, ()))
    left = {link["ifname"] for link in json.loads(host.run("ip", "-j", "link"))}
    assert left == {"lo", OV, VX}
    host.settle(**owners)
    pairs = [r for rs in owners.values() for r in rs if isinstance(r, VethPair)]
    report = host.settle(**dict.fromkeys(host.wants, ()))
    removed = {o.resource for o in report.operations}
    assert {device(host), *pairs} <= removed and not any(isinstance(r, Neighbour) for r in removed)
    assert not os.path.exists(host.hidden)


def test_each_refusal_names_its_operation_and_the_rest_is_done(host: Host) -> None:
    ns = host.hidden
    good = [Make(r) for n in range(300) for r in peer(ns, n + 1, "192.0.2.9")]
    bad: list[Operation] = [
        Make(Forward(ns, "nix", mac(1), "192.0.2.9")),
        Make(Forward(ns, VX, "01:00:5e:00:00:01", "192.0.2.9")),
        Make(Neighbour(ns, VX, "10.0.0.900", mac(1))),
        Make(Forward(ns, VX, mac(7), "fd99::1")),
        Make(Neighbour("/run/nix", VX, v4(1), mac(1))),
    ]
    refusals = host.ground.forwards.apply([*bad[:2], *good, *bad[2:]])
    assert [r.operation for r in refusals] == [bad[0], bad[1], *bad[2:]]
    assert "device nix does not exist" in refusals[0].reason
    assert "of the other family" in refusals[3].reason
    assert "network namespace /run/nix does not exist" in refusals[-1].reason
    read = set(host.ground.forwards.read([ns]))
    assert {o.resource for o in good} < read and len(read) == 901, "and half of one that was refused"
    gone: list[Operation] = [Remove(o.resource) for o in [*good, *good, *bad[:2], bad[-1]]]
    assert host.ground.forwards.apply(gone) == []
    assert list(host.ground.forwards.read([ns, "/run/nix"])) == []


def test_neighbours_of_others_are_left_alone(host: Host) -> None:
    host.settle(ep1=host.container(1))
    host.ground.run("ip", "link", "add", "br-x", "group", "24224", "type", "bridge")
    host.ground.run("ip", "link", "set", "br-x", "up")
    host.ground.run("ip", "neigh", "add", "10.1.1.1", "lladdr", mac(9), "dev", "br-x", "nud", "permanent")
    host.within(1, "ip", "neigh", "add", v4(9), "lladdr", mac(9), "dev", "eth0", "nud", "permanent")
    told = host.ground.forwards.read(host.namespaces())
    assert {r.key for r in told} == {("neighbour", host.hidden, OV, v4(1))}


def test_a_neighbour_without_a_bridge_to_announce_it_on_is_made(host: Host) -> None:
    one = Neighbour(host.hidden, VX, v4(9), mac(9), "nix")
    assert host.ground.forwards.apply([Make(one)]) == []
    assert list(host.ground.forwards.read([host.hidden])) == [one]


def test_of_many_neighbours_the_changed_ones_are_announced(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str, str]] = []
    monkeypatch.setattr(forwards, "announce", lambda _path, news: told.extend(news))
    old = [Neighbour(host.hidden, VX, v4(n), mac(n), OV) for n in range(1, 4)]
    host.settle(old=tuple(old))
    assert sorted(told) == sorted((OV, r.address, r.mac) for r in old)
    told.clear()
    new = [replace(r, mac="02:00:00:00:00:77") for r in old]
    many = [Neighbour(host.hidden, VX, v4(n), mac(n), OV) for n in range(4, 1000)]
    silent = Neighbour(host.hidden, OV, v4(2000), mac(2000))
    host.settle(old=tuple(new), many=(*many, silent))
    assert len(told) == forwards.NEWS and set(told[:3]) == {(OV, r.address, r.mac) for r in new}
    told.clear()
    host.settle(old=(), many=())
    assert told == []


def test_ten_thousand_remote_endpoints_in_less_than_a_second(host: Host) -> None:
    def remote(n: int, to: str) -> tuple[Resource, ...]:
        return Forward(host.hidden, VX, mac(n), to), Neighbour(host.hidden, VX, v4(n), mac(n), OV)

    owners = {f"peer:{n}": remote(n, "192.0.2.9") for n in range(1, 10_001)}
    assert host.settle(**owners).seconds < 1.0
    start = time.perf_counter()
    found = set(host.ground.forwards.read([host.hidden]))
    assert time.perf_counter() - start < 1.0
    assert found == {r for rs in owners.values() for r in rs}
    assert host.verify().operations == ()
    assert len(host.settle(**{"peer:77": remote(77, "192.0.2.8")}).operations) == 1
    assert host.settle(**dict.fromkeys(owners, ())).seconds < 1.0
    assert list(host.ground.forwards.read([host.hidden])) == []
    host.settle(**owners)
    report = host.settle(**dict.fromkeys(host.wants, ()))
    assert {type(o.resource) for o in report.operations} <= {Netns, Vxlan, Bridge}
