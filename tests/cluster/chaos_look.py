"""What three hosts and a store hold after some chaos, and every way in which that is not one truth."""

import ipaddress
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from seaway.lab import Lab
from seaway.lab.host import Host
from tests.cluster.town import READ_STORE, Hidden

STANDING = ("bridge", "host", "none", "docker_gwbridge")
"""Networks that a host has by itself."""

_KERNEL = r"""
ip -j link; ip -j addr show dev lo
for room in /run/seaway/netns/*; do
    [ -e "$room" ] || continue
    echo "#$(basename "$room")"
    case "$room" in */1-*) nsenter --net="$room" sh -c \
        'ip -j -d link; echo; bridge -j fdb; echo; ip -j neigh show nud permanent';; esac
done
"""


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint as the store, or a host, tells it. ``addresses`` are without prefix."""

    host: str
    network: str
    id: str
    name: str
    mac: str
    addresses: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Sight:
    """All there is to see at one moment."""

    keys: Mapping[str, str]
    nodes: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    networks: dict[str, Any] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    boxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    rooms: dict[str, dict[str, Hidden]] = field(default_factory=dict)
    sandboxes: dict[str, set[str]] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)

    def running(self, host: str) -> Iterator[tuple[str, Any]]:
        """Containers of a host that run, by name."""
        return ((n, b) for n, b in self.boxes[host].items() if b["State"]["Running"])

    def plugs(self, host: str) -> Iterator[Place]:
        """Endpoints of a host's running containers on the cluster's networks, as the host tells them."""
        for name, box in self.running(host):
            for one in box["NetworkSettings"]["Networks"].values():
                if one["NetworkID"] in self.networks:
                    both = tuple(a for a in (one["IPAddress"], one["GlobalIPv6Address"]) if a)
                    yield Place(host, one["NetworkID"], one["EndpointID"], name, one["MacAddress"], both)


def _fact(text: str) -> Any:
    return json.loads(text)["fact"]


def read_store(lab: Lab) -> dict[str, str]:
    """Everything in the store, read past the daemons."""
    told = lab.machine("store").run(sys.executable, "-c", READ_STORE, lab.store.url, timeout=20).out
    found: dict[str, str] = json.loads(told)
    return found


def look(lab: Lab) -> Sight:
    """Look everywhere. Raises when somebody does not answer."""
    with ThreadPoolExecutor(4) as pool:
        reading = pool.submit(read_store, lab)
        hosts = list(pool.map(_look_at, lab.hosts))
        sight = Sight(reading.result())
    for key, text in sight.keys.items():
        room, _, rest = key.partition("/")
        if room == "nodes":
            sight.nodes[rest] = _fact(text)["name"]
            sight.addresses[_fact(text)["name"]] = _fact(text)["address"]
        elif room == "networks" and key != "networks/guard":
            sight.networks[rest] = _fact(text)
    for key, text in sight.keys.items():
        if key.startswith("endpoints/"):
            fact = _fact(text)
            bare = tuple(a.partition("/")[0] for a in fact.get("addresses", ()))
            host = sight.nodes.get(fact["node"], fact["node"])
            names = tuple(fact.get("dns_names", ()))
            sight.places.append(
                Place(host, fact["network_id"], fact["id"], fact["name"], fact["mac"], bare, names)
            )
    for host, (boxes, known, kernel) in zip(lab.hosts, hosts, strict=True):
        sight.boxes[host.name], sight.known[host.name] = boxes, known
        _take_kernel(sight, host.name, kernel)
    return sight


def _look_at(host: Host) -> tuple[dict[str, Any], dict[str, Any], str]:
    known = {n["Id"]: n for n in _get(host, "/networks")}
    boxes = {}
    for one in _get(host, "/containers/json?all=1"):
        box = _get(host, f"/containers/{one['Id']}/json")
        boxes[box["Name"].lstrip("/")] = box
    gateway = next((i for i, n in known.items() if n["Name"] == "docker_gwbridge"), "")
    if gateway:
        known[gateway] = _get(host, f"/networks/{gateway}")
    return boxes, known, host.sh(_KERNEL).out


def _get(host: Host, path: str) -> Any:
    status, answer = host.http("GET", path)
    if status != 200:
        raise OSError(f"{host.name}: {path}: {status} {answer}")
    return answer


def _take_kernel(sight: Sight, host: str, said: str) -> None:
    head, *rooms = said.split("\n#")
    sight.links[host] = {link["ifname"] for link in json.loads(head.splitlines()[0])}
    sight.sandboxes[host], sight.rooms[host] = set(), {}
    for part in rooms:
        room, _, rest = part.partition("\n")
        lines = [json.loads(line) for line in rest.splitlines() if line.strip()]
        if room.startswith("1-"):
            sight.rooms[host][room] = Hidden(*[*lines, [], [], []][:3])
        else:
            sight.sandboxes[host].add(room)


# What must be so


def differences(sight: Sight, before: Mapping[str, set[str]]) -> list[str]:
    """Every way in which it is not one truth. ``before`` are the devices that a host has by itself."""
    wrong = [*_nodes(sight), *_doubles(sight), *_claims(sight), *_told(sight)]
    for host in sight.boxes:
        wrong += [f"{host}: {line}" for line in (*_hidden(sight, host), *_devices(sight, host, before[host]))]
    return wrong


def _nodes(sight: Sight) -> Iterator[str]:
    if set(sight.nodes.values()) != set(sight.boxes) or len(sight.nodes) != len(sight.boxes):
        yield f"store: nodes {sight.nodes}"
    alive = {key.partition("/")[2] for key in sight.keys if key.startswith("alive/")}
    if alive != set(sight.nodes):
        yield f"store: alive are {[sight.nodes.get(a, a) for a in alive]}"
    held = {
        k.partition("/")[2]: sight.nodes.get(v) for k, v in sight.keys.items() if k.startswith("advertise/")
    }
    if held != {address: name for name, address in sight.addresses.items()}:
        yield f"store: advertised {held}, members say {sight.addresses}"


def _doubles(sight: Sight) -> Iterator[str]:
    seen: dict[tuple[str, str], Place] = {}
    for place in sight.places:
        if place.network not in sight.networks:
            yield f"store: {place} stands on no network"
        for mark in (*place.addresses, place.mac):
            other = seen.setdefault((place.network, mark), place)
            if other is not place:
                yield f"store: {mark} is twice on a network: {other}, {place}"
    used: dict[Any, str] = {}
    nets: list[tuple[str, Any]] = []
    for nid, network in sight.networks.items():
        vnis = {pool["vni"] for pool in network["pools"]}
        for mark in (("name", network["name"]), *(("VNI", v) for v in vnis)):
            if used.setdefault(mark, nid) != nid:
                yield f"store: {mark} has both {nid} and {used[mark]}"
        if 0 in vnis or network.get("removing"):
            yield f"store: network {network}"
        for pool in network["pools"]:
            mine = ipaddress.ip_network(pool["subnet"])
            for other_id, net in nets:
                if net.version == mine.version and net.overlaps(mine):
                    yield f"store: subnets {net} of {other_id} and {mine} of {nid} overlap"
            nets.append((nid, mine))


def _claims(sight: Sight) -> Iterator[str]:
    ours: dict[str, set[str]] = {}
    wanted = {(p.network, a): p for p in sight.places for a in p.addresses}
    gateways = {(i, p["gateway"]) for i, n in sight.networks.items() for p in n["pools"] if p.get("gateway")}
    found = set()
    boxes = {h: {b["Id"] for b in boxes.values()} for h, boxes in sight.boxes.items()}
    for key, value in sight.keys.items():
        if not key.startswith("claims/"):
            continue
        _, nid, address = key.split("/", 2)
        node, _, owner = value.rpartition(" ")
        kind, _, who = owner.partition(":")
        found.add((nid, address))
        place = wanted.get((nid, address))
        host = sight.nodes.get(node, "")
        if nid not in sight.networks:
            yield f"store: {key} {value} on no network"
        elif kind == "endpoint":
            if place is None or place.id != who or place.host != host:
                yield f"store: {key} {value}, but there is {place}"
        elif kind == "gateway":
            if (nid, address) not in gateways:
                yield f"store: {key} {value} is no gateway"
        elif kind == "container" and who not in boxes.get(host, ()):
            yield f"store: {key} {value}: {host} has no such container"
        elif kind not in ("cooling", "container"):
            yield f"store: {key} {value}"
        ours.setdefault(host, set()).add(key)
    for nid, address in (wanted.keys() | gateways) - found:
        yield f"store: {address} of {nid} is not claimed: {wanted.get((nid, address), 'a gateway')}"


def _told(sight: Sight) -> Iterator[str]:
    """Hosts and store tell the same of endpoints, and all hosts the same of networks."""
    stored = {p.id: p for p in sight.places}
    running = {p.id: p for host in sight.boxes for p in sight.plugs(host)}
    for eid in stored.keys() | running.keys():
        mine, kept = running.get(eid), stored.get(eid)
        same = mine and kept and {*mine.addresses} == {*kept.addresses}
        if not (mine and kept and same and mine.mac == kept.mac and mine.host == kept.host):
            yield f"endpoint {eid[:7]}: running {mine}, in the store {kept}"
        elif kept.name != mine.name:
            yield f"endpoint {eid[:7]}: name {mine.name}, in the store {kept.name}"
    for host, known in sight.known.items():
        shared = {i for i, n in known.items() if n["Driver"] == "overlay"}
        if shared != set(sight.networks):
            yield f"{host}: knows networks {sorted(shared)}, the store has {sorted(sight.networks)}"


def _hidden(sight: Sight, host: str) -> Iterator[str]:
    """Hidden namespaces, their devices and entries are exactly those of the facts."""
    near: dict[str, list[Place]] = {}
    for place in sight.places:
        if place.host == host:
            near.setdefault(place.network, []).append(place)
    rooms = sight.rooms[host]
    if {f"1-{nid[:10]}" for nid in near} != set(rooms):
        yield f"hidden namespaces {sorted(rooms)}, wanted {sorted(f'1-{n[:10]}' for n in near)}"
    for nid, mine in near.items():
        have, network = rooms.get(f"1-{nid[:10]}"), sight.networks.get(nid)
        if have is None or network is None:
            continue
        far = [p for p in sight.places if p.network == nid and p.host != host]
        marks = [f"{pool['vni']:06x}-{nid[:5]}" for pool in network["pools"]]
        devices = {f"{kind}-{mark}" for mark in marks for kind in ("ov", "vx")}
        devices |= {"lo", *(f"veth{p.id[:7]}" for p in mine)}
        for what, is_so, should in (
            ("devices", have.names, devices),
            ("forwards", have.forwards(), {(p.mac, sight.addresses.get(p.host)) for p in far}),
            ("bridge entries", have.led(), {p.mac for p in far}),
            ("neighbours", have.known("vx-"), {(a, p.mac) for p in far for a in p.addresses}),
            ("own neighbours", have.known("ov-"), {(a, p.mac) for p in mine for a in p.addresses}),
        ):
            if is_so != should:
                more, less = sorted(map(str, is_so - should)), sorted(map(str, should - is_so))
                yield f"{network['name']} {nid[:10]}: {what}: too many {more}, missing {less}"


def _devices(sight: Sight, host: str, before: set[str]) -> Iterator[str]:
    """A host's devices are those of its local endpoints, its sandboxes those of its containers."""
    known, wanted = sight.known[host], {"docker_gwbridge"}
    sandboxes = set()
    for _, box in sight.running(host):
        sandboxes.add(box["NetworkSettings"]["SandboxKey"].rpartition("/")[2])
        for one in box["NetworkSettings"]["Networks"].values():
            if known.get(one["NetworkID"], {}).get("Driver") == "bridge":
                wanted.add(f"veth{one['EndpointID'][:7]}")
    for network in known.values():
        if network["Name"] == "docker_gwbridge":
            wanted |= {f"veth{c['EndpointID'][:7]}" for c in network["Containers"].values()}
    have = sight.links[host] - before
    if have - wanted or wanted - have - {"docker_gwbridge"}:
        yield f"devices: too many {sorted(have - wanted)}, missing {sorted(wanted - have)}"
    if sandboxes != sight.sandboxes[host]:
        yield f"sandboxes {sorted(sight.sandboxes[host])}, wanted {sorted(sandboxes)}"


# Logs, memory, files


def complaints(text: str, expected: Sequence[str]) -> list[str]:
    """Lines of a daemon's log that must not be there."""
    found = re.findall(
        r"^.*(?:level=(?:error|fatal)|Traceback|trace=|never retrieved|never awaited).*$", text, re.M
    )
    return [line[:1500] for line in found if not any(re.search(words, line) for words in expected)]


def weight(host: Host) -> tuple[int, float, int]:
    """A daemon's process ID, resident memory in MiB, and open files."""
    pid = host.daemon_pid()
    said = host.sh(f"grep VmRSS /proc/{pid}/status; ls /proc/{pid}/fd | wc -l").out.split()
    return pid, round(int(said[1]) / 1024, 1), int(said[3])
