"""How fast a kernel is told of many remote endpoints, by the real hands in a throw-away namespace."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.light_nodes import network
from bench.measure import Figure
from seaway.datapath.forwards import ForwardHand
from seaway.datapath.ledger import Ledger
from seaway.datapath.netns import NetnsHand
from seaway.datapath.resources import (
    Address,
    Bridge,
    Forward,
    Neighbour,
    Netns,
    Sysctl,
    Vxlan,
)
from seaway.datapath.rtnetlink import RtnetlinkHand
from seaway.datapath.sysctl import SysctlHand
from seaway.engine.settle import Wants, of_network, of_peer, plan
from seaway.model import Abroad, Endpoint, Member, Network, Node, Remote, Snapshot
from seaway.model.names import mac_of

_HOST = (
    "set -e; mount --make-rprivate /; ip link set lo up; ip link add up0 type bridge; "
    'ip addr add 192.168.1.20/24 dev up0; ip link set up0 up; exec "$@"'
)
"""A host with an uplink, which ends with the process."""


def measure(count: int, rounds: int) -> list[Figure]:
    """Rounds of programming a whole network, in a process with namespaces of its own."""
    words = ["unshare", "--net", "--mount", "sh", "-c", _HOST, "host", sys.executable]
    done = subprocess.run(
        [*words, "-m", "bench.programming", str(count), str(rounds)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        timeout=240,
    )
    if done.returncode:
        raise SystemExit(f"programming failed:\n{done.stderr}")
    found: dict[str, list[float]] = json.loads(done.stdout)
    return [Figure(f"{count:,} remote endpoints: {name}", "ms", tuple(v)) for name, v in found.items()]


def facts(count: int, rooms: str, gone: int = 0) -> Snapshot:
    """One network with one container here, and so many on 50 other hosts."""
    net = network(0)
    pool = replace_pool(net)
    here = Endpoint(
        id="e" * 64, network_id=net.id, container_id="c", sandbox_id="", name="here", mac="02:42:0a:00:ff:fe",
        addresses=("10.0.255.254/16",), ifname="eth0", device="vethhere")  # fmt: skip
    remotes = {}
    for n in range(gone, count):
        address = f"10.0.{(n + 2) >> 8}.{(n + 2) & 255}"
        identity = f"{n:064x}"
        remotes[identity] = Remote(
            id=identity, network_id=net.id, node=f"node{n % 50}", container_id=identity, name=f"c{n}",
            mac=mac_of(address, identity), addresses=(f"{address}/16",), revision=n + 1)  # fmt: skip
    abroad = Abroad(
        remotes,
        {r.addresses[0].partition("/")[0]: r for r in remotes.values()},
        {r.mac: r for r in remotes.values()},
    )
    members = {
        f"node{n}": Member(id=f"node{n}", name=f"h{n}", address=f"192.168.1.{n + 100}") for n in range(50)
    }
    return Snapshot(
        node=Node(name="here", id="here", advertise="192.168.1.20", rooms=rooms),
        networks={net.id: pool},
        endpoints={here.id: here},
        abroad={net.id: abroad},
        members=members,
        present=frozenset({net.id}),
    )


def replace_pool(net: Network) -> Network:
    """The network with room for all."""
    pool = msgspec.structs.replace(net.pools[0], subnet="10.0.0.0/16")
    return msgspec.structs.replace(net, pools=(pool,))


def wants(snapshot: Snapshot, *, among: Snapshot | None = None) -> Wants:
    """The plans of the network and of all remote endpoints there are, or were."""
    (network_id,) = snapshot.networks
    every = (among or snapshot).remotes(network_id).remotes
    owners = [of_network(network_id), *(of_peer(network_id, e) for e in every)]
    return {owner: plan(owner, snapshot) for owner in owners}


def main(count: int, rounds: int) -> None:
    """Measure inside the namespaces."""
    found: dict[str, list[float]] = {}

    def note(name: str, began: float) -> None:
        found.setdefault(name, []).append((time.perf_counter() - began) * 1000)

    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="seaway-rooms-") as rooms:
            links, forwards, spaces = RtnetlinkHand(), ForwardHand(), NetnsHand(rooms, lambda _path: "")
            hands: dict[type, Any] = dict.fromkeys((Bridge, Vxlan, Address), links)
            hands |= {Forward: forwards, Neighbour: forwards, Sysctl: SysctlHand(), Netns: spaces}
            ledger, snapshot = Ledger(hands), facts(count, rooms)
            began = time.perf_counter()
            planned = wants(snapshot)
            note("plan", began)
            _settle(ledger, planned, "kernel programmed", note)
            _settle(ledger, planned, "settled again, nothing to do", note)
            one = f"{count - 1:064x}"
            owner = of_peer(next(iter(snapshot.networks)), one)
            _settle(ledger, {owner: ()}, "one goes", note)
            _settle(ledger, {owner: planned[owner]}, "one comes", note)
            began = time.perf_counter()
            room = next(
                r.path for r in planned[of_network(next(iter(snapshot.networks)))] if isinstance(r, Netns)
            )
            report = ledger.verify(planned, [room])
            assert not report.operations and not report.refusals, (report.operations[:3], report.refusals[:3])
            note("verified against the kernel", began)
            _settle(ledger, dict.fromkeys(planned, ()), "all gone with the network", note)
            for hand in {links, forwards}:
                if close := getattr(hand, "close", None):
                    close()
    print(json.dumps(found))


def _settle(ledger: Ledger, planned: Wants, name: str, note: Any) -> None:
    began = time.perf_counter()
    report = ledger.settle(planned)
    note(name, began)
    assert not report.refusals, [r.reason for r in report.refusals[:3]]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
