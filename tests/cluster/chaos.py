"""Chaos on three hosts: ``.venv/bin/python -m tests.cluster.chaos --seed 1 --minutes 10 --store etcd``.

Rounds of turmoil: on every host containers and networks come, go and move, while daemons are killed, hosts
cut off or without power, the store frozen, killed, compacted. After each round a quiet point, at which all
must be one truth again. Ends with status 1 and what was wrong; ``--out`` writes the figures down.
"""

import argparse
import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench.measure import machine
from seaway.lab import Lab
from seaway.lab.host import Host
from tests.cluster import chaos_ask, chaos_look
from tests.cluster.chaos_deeds import NETWORKS, Town, Wrong, turn
from tests.cluster.chaos_fates import Fates, Trouble
from tests.cluster.chaos_look import Sight

BUSYBOX = Path(__file__).resolve().parents[2] / "build/busybox.tar"

TTL = 5
"""Seconds after which a host without a sign of life counts as dead."""

SETTLED = 15.0
"""Seconds after which all must be one truth, once nothing is hurt any more."""

COOL = 75.0
"""Seconds after which no address of a container that is gone may be cooling: 30 s, and being cut off."""

EXPECTED: tuple[str, ...] = ()
"""Lines of level error that chaos brings by right."""


FORWARDED = 6.0
"""Seconds after which no question for a name that is gone is open any more."""

Weights = dict[str, tuple[int, float, int]]
"""Each daemon's process ID, MiB and open files, by host."""

_FILES = "ls -l /proc/{pid}/fd | sed 's/.* -> //; s/[0-9]\\+//g' | sort | uniq -c | sort -rn | head -12"


class Failed(AssertionError):
    """A quiet point was not quiet."""


class Chaos:
    """One run over one lab."""

    def __init__(
        self, lab: Lab, seed: int, seconds: float, say: Callable[[str], None] = lambda w: None
    ) -> None:
        self.lab, self.seed, self.seconds, self.say = lab, seed, seconds, say
        self.trouble = Trouble()
        self.town = Town(lab, self.trouble)
        self.fates = Fates(lab, self.town, self.trouble, self._late)
        self.quiet: list[dict[str, Any]] = []
        self._read = {host.name: 0 for host in lab.hosts}
        self._weights: dict[tuple[str, int], list[tuple[float, int, int]]] = {}
        self._cooling: dict[tuple[str, str, int], float] = {}
        self._before: dict[str, set[str]] = {}
        self._began = time.monotonic()

    def run(self) -> None:
        """All rounds, and the end. Raises Failed."""
        for name, more in NETWORKS.items():
            self.town.make(self.lab.hosts[0], name, more)
        self._before = {h.name: {link["ifname"] for link in json.loads(h.run("ip", "-j", "link").out)}
                        for h in self.lab.hosts}  # fmt: skip
        number = 0
        while time.monotonic() - self._began < self.seconds:
            number += 1
            self.round(number)
        self.end()

    def _late(self) -> bool:
        return time.monotonic() - self._began > self.seconds * 0.7

    def round(self, number: int) -> None:
        """Turmoil, then a quiet point."""
        dice, stop = Random(f"{self.seed}/{number}/fate"), threading.Event()
        self.town.note(f"round {number}")
        hands = [threading.Thread(target=self._hand, args=(host, number, stop)) for host in self.lab.hosts]
        for hand in hands:
            hand.start()
        try:
            if number > 1:  # something must be there that can be hurt
                for _ in range(dice.choice((1, 2, 2, 3))):
                    self.fates.befall(dice)
                    time.sleep(dice.uniform(0.2, 2))
            else:
                time.sleep(5)
        finally:
            stop.set()
            for hand in hands:
                hand.join()
        self.town.note("quiet")
        self.settle(number)

    def _hand(self, host: Host, number: int, stop: threading.Event) -> None:
        dice = Random(f"{self.seed}/{number}/{host.name}")
        while not stop.is_set():
            turn(self.town, dice, host)
            stop.wait(dice.uniform(0.1, 0.8))

    # -- quiet points

    def settle(self, number: int) -> None:
        """Wait until all is one truth, then ping. Raises Failed."""
        # Before anybody asks for names that are gone: those questions go outside, and stay open for seconds.
        weights = {host.name: chaos_look.weight(host) for host in self.lab.hosts}
        began = time.monotonic()
        wrong, asked = ["nothing looked at"], 0
        while True:
            try:
                sight = chaos_look.look(self.lab)
                wrong = [*chaos_look.differences(sight, self._before), *self._wishes(sight)]
                if not wrong:
                    gone = [n for n in self.town.gone[-12:] if n not in self.town.boxes]
                    asked, wrong = chaos_ask.names(self.lab, sight, gone)
            except Exception as error:
                wrong = [f"{type(error).__name__}: {error}"]
            took = time.monotonic() - began
            if not wrong:
                break
            if took > SETTLED:
                raise self._failed(f"not settled after {took:.0f} s", wrong)
            time.sleep(0.3)
        sent, lost = chaos_ask.pings(self.lab, sight)
        row = self._row(number, sight, took, weights) | {"names": asked, "pings": sent, "lost": len(lost)}
        self.quiet.append(row)
        self._reconcile(sight)
        self.say(json.dumps(row))
        if lost:
            again = chaos_ask.pings(self.lab, sight)[1]
            raise self._failed(
                f"{len(lost)} of {sent} pings lost, {len(again)} a moment later", [*lost, *again]
            )
        if self.town.problems:
            raise self._failed("refused or failed for no good reason", self.town.problems)
        if said := self._complaints():
            raise self._failed("the daemons complain", said)
        if cold := self._cold(sight, weights):
            raise self._failed("addresses cool for ever", cold)
        if grown := self._grown():
            raise self._failed("daemons grow", grown)

    def _row(self, number: int, sight: Sight, took: float, weights: Weights) -> dict[str, Any]:
        running = sum(1 for h in sight.boxes for _ in sight.running(h))
        row: dict[str, Any] = {
            "round": number,
            "at": round(time.monotonic() - self._began, 1),
            "settled": round(took, 2),
            "running": running,
            "endpoints": len(sight.places),
            "networks": len(sight.networks),
        }
        for host in self.lab.hosts:
            pid, mib, files = weights[host.name]
            row[f"{host.name}_mib"], row[f"{host.name}_files"] = mib, files
            mine = len(list(sight.running(host.name)))
            self._weights.setdefault((host.name, pid), []).append((mib, files, mine))
        return row

    def _wishes(self, sight: Sight) -> list[str]:
        """Containers and networks are there, and run, as their makers were told."""
        wrong, there = [], {(h, name): box for h, boxes in sight.boxes.items() for name, box in boxes.items()}
        for box in self.town.boxes.values():
            found = there.pop((box.host, box.name), None)
            state = "gone" if found is None else "up" if found["State"]["Running"] else "down"
            if box.wish not in ("?", state):
                why = found["State"] if found else ""
                wrong.append(f"{box.host}: {box.name} is {state} and should be {box.wish} {why}")
        wrong += [f"{host}: {name} is there again" for host, name in there]
        missing = {*NETWORKS, *self.town.fickle - self.town.unsure} - {
            n["name"] for n in sight.networks.values()
        }
        return wrong + [f"network {name} is gone" for name in missing]

    def _reconcile(self, sight: Sight) -> None:
        """What nobody was told the outcome of is as it turned out."""
        for box in list(self.town.boxes.values()):
            found = sight.boxes[box.host].get(box.name)
            if box.wish == "?" and found is None:
                del self.town.boxes[box.name]
                self.town.gone.append(box.name)
            elif found is not None:
                box.wish = "up" if found["State"]["Running"] else "down"
                box.nets = tuple(n for n in found["NetworkSettings"]["Networks"] if n != "docker_gwbridge")
        self.town.fickle = {n["name"] for n in sight.networks.values()} - set(NETWORKS)
        self.town.unsure.clear()

    def _cold(self, sight: Sight, weights: Weights) -> list[str]:
        """Addresses that have been cooling for long, of containers that are gone, on a daemon that lives."""
        there = {box["Id"] for boxes in sight.boxes.values() for box in boxes.values()}
        now, gone = time.monotonic(), set()
        for key, value in sight.keys.items():
            node, _, owner = value.rpartition(" ")
            if owner.startswith("cooling:") and owner.removeprefix("cooling:") not in there:
                gone.add((key, value, weights[sight.nodes[node]][0]))
        self._cooling = {mark: self._cooling.get(mark, now) for mark in gone}
        return [f"{mark} for {now - at:.0f} s" for mark, at in self._cooling.items() if now - at > COOL]

    def _complaints(self) -> list[str]:
        found = []
        for host in self.lab.hosts:
            with host.log.open("rb") as log:
                log.seek(self._read[host.name])
                text = log.read().decode(errors="replace")
                self._read[host.name] = log.tell()
            found += [f"{host.name}: {line}" for line in chaos_look.complaints(text, EXPECTED)]
        return found

    def _grown(self) -> list[str]:
        """A daemon's memory and open files are bounded by what it has to look after."""
        wrong = []
        for (name, pid), rows in self._weights.items():
            if not _too_much(rows):
                continue
            host = self.lab.host(name)
            time.sleep(FORWARDED)
            mib, files = chaos_look.weight(host)[1:]
            rows[-1] = (mib, files, rows[-1][2])
            if host.daemon_pid() == pid and _too_much(rows):
                kinds = host.sh(_FILES.format(pid=pid), check=False).out
                wrong.append(f"{name} (process {pid}): MiB, files, containers {rows}\n{kinds}")
        return wrong

    def _failed(self, what: str, wrong: Sequence[str]) -> Failed:
        lines = "\n".join(line for line in wrong if line)
        tails = "\n".join(f"--- {h.name}\n{_telling(h.last('daemon', 2000))}" for h in self.lab.hosts)
        happened = "\n".join(self.town.log[-60:])
        return Failed(f"seed {self.seed}: {what}\n{lines}\n=== what happened\n{happened}\n=== logs\n{tails}")

    def end(self) -> None:
        """Remove everything; nothing is left on the hosts and in the store. Raises Failed."""
        for box in list(self.town.boxes.values()):
            self.town.ask(self.lab.host(box.host), "DELETE", f"/containers/{box.name}?force=1&v=1")
        self.town.boxes.clear()
        began, wrong = time.monotonic(), [""]
        while wrong:
            for name in {*NETWORKS, *self.town.fickle}:
                status, said = self.lab.hosts[0].http("DELETE", f"/networks/{name}")
                if status >= 400 and status != 404:
                    wrong = [f"network {name}: {said}"]
            sight = chaos_look.look(self.lab)
            wrong = [*chaos_look.differences(sight, self._before)]
            for key, value in sight.keys.items():
                if key.startswith(("endpoints/", "networks/", "claims/")) and key != "networks/guard":
                    wrong.append(f"store: {key} {value}")
            wrong += [f"{h}: {rooms}" for h, rooms in sight.rooms.items() if rooms]
            if wrong and time.monotonic() - began > SETTLED:
                raise self._failed("left behind", wrong)
            time.sleep(0.3)

    # -- the report

    def report(self) -> dict[str, Any]:
        """The figures of the run."""
        settled = [row["settled"] for row in self.quiet] or [0.0]
        deeds = {
            kind: {"done": c.done, "refused": c.refused, "cut_short": c.cut_short, "slowest_s": c.slowest}
            for kind, c in sorted(self.town.counts.items())
        }
        return {
            "what": "seeded chaos on three hosts, quiet points at which all is one truth",
            "seed": self.seed,
            "store": self.lab.plan.store,
            "seconds": round(time.monotonic() - self._began),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "deeds": deeds,
            "misfortunes": dict(sorted(self.fates.counts.items())),
            "refusals": dict(self.town.refusals.most_common(20)),
            "quiet_points": len(self.quiet),
            "pings_sent": sum(row["pings"] for row in self.quiet),
            "pings_lost": sum(row["lost"] for row in self.quiet),
            "names_asked": sum(row["names"] for row in self.quiet),
            "settled_s": {"median": round(median(settled), 2), "most": max(settled)},
            "rows": self.quiet,
        }


def _too_much(rows: Sequence[tuple[float, int, int]]) -> bool:
    """Whether the last of a daemon's MiB, files and containers are beyond what its first ones promise."""
    (mib, files, boxes), first = rows[-1], rows[:3]
    floor, least = min(row[0] for row in first), min(row[1] - 8 * row[2] for row in first)
    return mib > floor * 1.5 + 40 or files - 8 * boxes > least + 60


def _telling(log: str, lines: int = 40) -> str:
    """The last lines of a log without what only developers look for."""
    kept = [line for line in log.splitlines() if not re.search(r"level=debug|could not change group", line)]
    return "\n".join(kept[-lines:])


def play(seed: int, minutes: float, store: str, say: Callable[[str], None] = print) -> dict[str, Any]:
    """A lab, a run, and its figures; ``wrong`` in them is empty when all was well."""
    flags = (f"--cluster-store-opt=discovery.ttl={TTL}s",)
    with Lab(hosts=3, store=store, flags=flags, images=[BUSYBOX], ephemeral=True) as lab:
        chaos = Chaos(lab, seed, minutes * 60, say)
        wrong = ""
        try:
            chaos.run()
        except (Failed, Wrong) as failure:
            wrong = str(failure) or type(failure).__name__
        except Exception:
            wrong = "\n".join((traceback.format_exc(), *chaos.town.log[-60:]))
        return {**chaos.report(), "wrong": wrong}


def written(figures: dict[str, Any]) -> str:
    """The figures as a page."""
    deeds = [f"| {k} | {c['done']} | {c['refused']} | {c['cut_short']} | {c['slowest_s']} |"
             for k, c in figures["deeds"].items()]  # fmt: skip
    fates = [f"| {k} | {n} |" for k, n in figures["misfortunes"].items()]
    settled = figures["settled_s"]
    lines = [
        "# Chaos",
        "",
        f"`make chaos`: {figures['what']}. Seed {figures['seed']}, {figures['store']}, "
        f"{figures['seconds']} s, {figures['at']}, {json.dumps(figures['machine'])}.",
        "",
        f"- {figures['quiet_points']} quiet points; settled after {settled['median']} s (median), "
        f"{settled['most']} s (most)",
        f"- {figures['pings_sent']} pings by name at quiet points, {figures['pings_lost']} lost",
        f"- {figures['names_asked']} names asked, all right",
        f"- wrong: {figures['wrong'] or 'nothing'}",
        "",
        "| deed | done | refused | cut short | slowest s |",
        "|---|---:|---:|---:|---:|",
        *deeds,
        "",
        "| misfortune | times |",
        "|---|---:|",
        *fates,
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Play, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--store", choices=("etcd", "consul", "zookeeper"), default="etcd")
    parser.add_argument("--out", type=Path, help="write FILE.json and FILE.md")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    figures = play(chosen.seed, chosen.minutes, chosen.store, lambda words: print(words, flush=True))
    if chosen.out:
        chosen.out.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
        chosen.out.with_suffix(".md").write_text(written(figures))
    print(json.dumps({k: v for k, v in figures.items() if k not in ("rows", "wrong")}, indent=2))
    print(figures["wrong"] or "all was well")
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
