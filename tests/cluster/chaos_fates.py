"""Chaos: what befalls hosts and the store. Only the thread that built the lab may let it happen:

machines end with the thread that booted them.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol

from seaway.lab import Lab
from seaway.lab.host import Host

DAMAGES = (
    'mac=$(bridge fdb show dev "$vx" | grep -m1 "dst .*self"); bridge fdb del "${mac%% *}" dev "$vx" self',
    'bridge fdb flush dev "$vx" 2>&-; ip neigh flush dev "$vx" nud permanent',
    'ip neigh flush dev "$ov" nud permanent',
    'ip link del "$vx"',
    'ip link del "$ov"',
    'ip link set "$vx" down',
    'ip link set "$vx" nomaster',
    'ip link del "$(ls /sys/class/net | grep veth | head -1)"',
)
_TAMPER = """
room=$(ls -d /run/seaway/netns/1-* 2>&- | shuf -n1 --random-source=<(yes {turn})); [ -n "$room" ] || exit 0
nsenter --net="$room" bash -c 'mount -t sysfs sysfs /sys 2>&-
vx=$(ls /sys/class/net | grep ^vx- | head -1); ov=$(ls /sys/class/net | grep ^ov- | head -1); {damage}; true'
"""
_COMPACT = """
export ETCDCTL_API=3
at=$(etcdctl --endpoints=$0 endpoint status -w json | grep -o '"revision":[0-9]*' | head -1 | cut -d: -f2)
etcdctl --endpoints=$0 compact "$at"
"""


class Trouble:
    """When hosts and the store were hurt: what may be refused, and when."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: list[list[Any]] = []

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """``what`` (a host, or ``store``, or ``store:<host>``) is in trouble while the block lasts."""
        mark = [what, time.monotonic(), None]
        with self._lock:
            self._marks.append(mark)
        try:
            yield
        finally:
            mark[2] = time.monotonic()

    def was(self, since: float, *whats: str, grace: float = 0.0) -> bool:
        """Whether one of these was in trouble at some moment since then."""
        with self._lock:
            return any(w in whats and (end is None or end + grace >= since) for w, _, end in self._marks)


class Sufferers(Protocol):
    """The containers that a power cut ends, and where to write down what happened."""

    boxes: dict[str, Any]

    def note(self, words: str) -> None: ...


class Fates:
    """Misfortunes by seed. ``late`` says whether the end of the run is near."""

    def __init__(self, lab: Lab, town: Sufferers, trouble: Trouble, late: Callable[[], bool]) -> None:
        self.lab, self.town, self.trouble, self.late = lab, town, trouble, late
        self.counts: Counter[str] = Counter()

    def befall(self, dice: Random, nested: bool = False) -> None:
        """One misfortune, from its beginning to its end; another may befall others meanwhile."""
        weights = {"cut": 5, "crash": 4, "stop": 2, "freeze": 3, "storekill": 2, "tamper": 4,
                   "power": 0 if nested else 3, "storecut": 0 if nested else 2,
                   "compact": 2 if self.lab.plan.store == "etcd" else 0}  # fmt: skip
        if self.lab.store.nodes[0].state("store") != "running":
            weights |= dict.fromkeys(("freeze", "storekill", "compact"), 0)
        kind = dice.choices(list(weights), list(weights.values()))[0]
        self.counts[kind] += 1
        began = time.monotonic()
        words = getattr(self, f"_{kind}")(dice, nested)
        self.town.note(f"FATE {kind} {words} [{time.monotonic() - began:.2f} s]")

    def _pause(self, dice: Random, least: float, most: float, nested: bool) -> None:
        until = time.monotonic() + dice.uniform(least, most)
        if not nested and dice.random() < 0.4:
            self.befall(dice, nested=True)
        time.sleep(max(0.0, until - time.monotonic()))

    def _mortal(self, dice: Random) -> Host:
        """A host for its daemon to end. That of the last one lives long, to show whether it grows."""
        hosts = self.lab.hosts if self.late() else self.lab.hosts[:-1]
        return dice.choice([host for host in hosts if host.on()])

    def _cut(self, dice: Random, nested: bool) -> str:
        names = dice.sample([h.name for h in self.lab.hosts], dice.choice((1, 1, 2)))
        silent = dice.random() < 0.5
        self.town.note(f"FATE cut {names} silent={silent}")
        with self.trouble.on(f"store:{names[0]}"), self.trouble.on(f"store:{names[-1]}"):
            self.lab.cut(*names, silent=silent)
            self._pause(dice, 3, 25 if dice.random() < 0.4 else 9, nested)
            self.lab.heal(*names)
        return f"{names} healed"

    def _storecut(self, dice: Random, nested: bool) -> str:
        with self.trouble.on("store"):
            self.lab.cut("store", silent=dice.random() < 0.5)
            self._pause(dice, 3, 12, nested)
            self.lab.heal("store")
        return ""

    def _crash(self, dice: Random, nested: bool) -> str:
        host = self._mortal(dice)
        with self.trouble.on(host.name):
            host.daemon_kill()
            time.sleep(dice.uniform(0, 4))
            host.daemon_start()
        return host.name

    def _stop(self, dice: Random, nested: bool) -> str:
        host = self._mortal(dice)
        with self.trouble.on(host.name):
            host.daemon_stop()
            self._pause(dice, 0, 4, True)
            host.daemon_start()
        return host.name

    def _power(self, dice: Random, nested: bool) -> str:
        host = self._mortal(dice)
        with self.trouble.on(host.name):
            self.town.note(f"FATE power off {host.name}")
            self.lab.kill(host.name)
            self._pause(dice, 2, 10, nested)
            for box in list(self.town.boxes.values()):
                if box.host == host.name and not box.stays:
                    box.wish = "?"
            self.lab.start(host.name)
        return host.name

    def _freeze(self, dice: Random, nested: bool) -> str:
        with self.trouble.on("store"):
            self.lab.store.freeze()
            self._pause(dice, 2, 10, True)
            self.lab.store.thaw()
        return ""

    def _storekill(self, dice: Random, nested: bool) -> str:
        with self.trouble.on("store"):
            self.lab.store.kill()
            self._pause(dice, 0, 6, nested)
            self.lab.store.start()
        return ""

    def _compact(self, dice: Random, nested: bool) -> str:
        store = self.lab.machine("store")
        return store.run("bash", "-c", _COMPACT, "192.168.1.18:2379", check=False, timeout=20).text.strip()

    def _tamper(self, dice: Random, nested: bool) -> str:
        host, damage, number = dice.choice(self.lab.hosts), dice.choice(DAMAGES), dice.randrange(1000)
        if not host.on():
            return f"{host.name} is off"
        script = _TAMPER.format(turn=number, damage=damage.replace("'", "'\\''"))
        said = host.run("unshare", "-m", "bash", "-c", script, check=False, timeout=20)
        return f"{host.name}: {damage} {said.text.strip()[:200]}"
