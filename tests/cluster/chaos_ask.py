"""Chaos: what containers are told of names, and whom they reach by name."""

import json
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from seaway.lab import Lab
from seaway.lab.host import Host
from tests.cluster.chaos_look import Place, Sight

_ASK = r"""
import ctypes, json, os, random, select, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def question(number, name, kind):
    wire = b"".join(bytes((len(part),)) + part.encode() for part in name.split(".")) + b"\0"
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + wire + struct.pack(">2H", kind, 1)

def skip(data, at):
    while data[at]:
        if data[at] >= 192:
            return at + 2
        at += data[at] + 1
    return at + 1

def answer(data):
    number, flags, asked, answers = struct.unpack_from(">4H", data)
    at, found = 12, []
    for _ in range(asked):
        at = skip(data, at) + 4
    for _ in range(answers):
        at = skip(data, at)
        kind, _, _, size = struct.unpack_from(">HHIH", data, at)
        raw = data[at + 10 : at + 10 + size]
        found.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, raw))
        at += 10 + size
    return number, found

def one(pid, names, gone):
    with open(f"/proc/{pid}/ns/net") as space:
        if libc.setns(space.fileno(), 0x40000000):
            return {"error": os.strerror(ctypes.get_errno())}
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.11", 53))
    asked = [(name, kind) for name in (*names, *gone) for kind in (1, 28)]
    told = {}
    for turn in range(3):
        for number, (name, kind) in enumerate(asked):
            if number not in told:
                sock.send(question(number, name, kind))
        end = time.monotonic() + 1
        while len(told) < len(asked):
            there = all(number in told for number in range(2 * len(names)))
            left = 0.1 if there else end - time.monotonic()  # a name that is gone may be asked for outside
            if left <= 0 or not select.select([sock], [], [], left)[0]:
                break
            try:
                number, found = answer(sock.recv(4096))
            except OSError:
                break
            told[number] = found
        if all(number in told for number in range(2 * len(names))):
            break
    sums = {}
    for number, (name, kind) in enumerate(asked):
        sums.setdefault(name, set()).update(told.get(number, ["no answer"] if name in names else []))
    return {name: sorted(found) for name, found in sums.items()}

wanted = json.loads(sys.stdin.read())
print(json.dumps({key: one(w["pid"], w["names"], w["gone"]) for key, w in wanted.items()}))
"""


# Names


def names(lab: Lab, sight: Sight, gone: Sequence[str]) -> tuple[int, list[str]]:
    """Ask every container's resolver for every name and every name that went: (asked, what is wrong)."""
    with ThreadPoolExecutor(len(lab.hosts)) as pool:
        told = list(pool.map(lambda host: _names_of(host, sight, gone), lab.hosts))
    return sum(asked for asked, _ in told), [line for _, lines in told for line in lines]


def _names_of(host: Host, sight: Sight, gone: Sequence[str]) -> tuple[int, list[str]]:
    wanted, candidates = {}, {}
    for name, box in sight.running(host.name):
        mine = {one["NetworkID"] for one in box["NetworkSettings"]["Networks"].values()} & set(sight.networks)
        if not mine:
            continue
        known: dict[str, list[set[str]]] = {}
        for nid in mine:
            for one, addresses in _by_name(p for p in sight.places if p.network == nid).items():
                known.setdefault(one, []).append(addresses)
        candidates[name] = known
        absent = [g for g in gone if g not in known]
        wanted[name] = {"pid": box["State"]["Pid"], "names": sorted(known), "gone": absent}
    if not wanted:
        return 0, []
    said = host.run(sys.executable, "-ISc", _ASK, input=json.dumps(wanted), timeout=60).out
    wrong, asked = [], 0
    for name, told in json.loads(said).items():
        asked += len(told)
        for one, addresses in told.items():
            should = candidates[name].get(one, [set()])
            if set(addresses) not in should:
                wrong.append(f"{host.name}/{name}: {one} is {addresses}, wanted {should}")
    return asked, wrong


def _by_name(places: Iterable[Place]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place in places:
        for name in place.names:
            found.setdefault(name, set()).update(place.addresses)
    return found


# Pings


def pings(lab: Lab, sight: Sight) -> tuple[int, list[str]]:
    """Every container pings every other that it shares a network with, by name: (sent, lost)."""
    work: list[tuple[Host, str, list[str]]] = []
    for host in lab.hosts:
        for place in {p.name: p for p in sight.places if p.host == host.name}.values():
            mine = {p.network for p in sight.places if p.name == place.name and p.host == host.name}
            peers = {p.name for p in sight.places if p.network in mine and p.name != place.name}
            six = {n for n in mine if any(":" in p["subnet"] for p in sight.networks[n]["pools"])}
            only6 = {p.name for p in sight.places if p.network in six and p.name != place.name}
            words = [f"-4 {n}" for n in sorted(peers)]
            # Names have IPv6 addresses only on the network that answers: asked where it is the only one.
            words += [f"-6 {n}" for n in sorted(only6)] if six == mine else []
            work.append((host, place.name, words))
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(_pings_of, work))
    return sum(len(words) for _, _, words in work), [line for lines in told for line in lines]


def _pings_of(work: tuple[Host, str, list[str]]) -> list[str]:
    host, name, words = work
    if not words:
        return []
    lines = [f"ping -c1 -W2 {w} >/tmp/p 2>&1 || {{ echo 'lost {w}'; cat /tmp/p; }}" for w in words]
    said = host.docker("exec", name, "sh", "-c", "\n".join([*lines, "true"]), check=False, timeout=120)
    if not said.code and not said.text.strip():
        return []
    lost = said.text.count("lost ") or len(words)
    return [f"{host.name}/{name}: {said.text.strip()}"] + [""] * (lost - 1)
