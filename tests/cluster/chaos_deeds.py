"""What people do to containers and networks while chaos reigns: seeded deeds on hosts, by the API."""

import http.client
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from seaway.lab import Lab
from seaway.lab.host import Host
from tests.cluster.chaos_fates import Trouble

NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fixed": {"IPAM": {"Config": [{"Subnet": "10.71.0.0/24"}]}},
    "inner": {"Internal": True, "IPAM": {"Config": [{"Subnet": "10.72.0.0/24"}]}},
    "dual": {
        "EnableIPv6": True,
        "IPAM": {"Config": [{"Subnet": "10.73.0.0/24"}, {"Subnet": "fd00:73::/64"}]},
    },
}
"""The networks that are always there."""

ASKED = {"fixed": "10.71.0.", "inner": "10.72.0.", "dual": "10.73.0."}
"""Where addresses can be asked for."""

MOST = 9
"""Containers on a host."""

FICKLE = 4
"""Networks that come and go, at most at once."""

RACES = (
    r"has active endpoints",
    r"is being removed",
    r"network .* not found",
    r"network with name .* already exists",
)
"""Refusals that others' deeds at the same time may bring."""

AWAY = r"\bstore\b|does not answer"
"""Every refusal for want of the store says so."""

GONE = (OSError, http.client.HTTPException, ValueError)
"""How a request ends when the daemon ends meanwhile."""

PATIENCE = 40.0
"""Seconds that a request may take."""


@dataclass(slots=True)
class Box:
    """A container as it should be: ``wish`` is ``up``, ``down``, or ``?`` when nobody was told."""

    name: str
    host: str
    wish: str = "?"
    ip: str = ""
    nets: tuple[str, ...] = ()
    stays: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    busy: bool = False


@dataclass(slots=True)
class Count:
    """How often a deed was done or refused, and the longest it took."""

    done: int = 0
    refused: int = 0
    cut_short: int = 0
    slowest: float = 0.0


class Refused(Exception):
    """A request was answered by a refusal that is expected now."""


class CutShort(Exception):
    """A request had no answer: the daemon ended, as it was made to."""


class Wrong(Exception):
    """A request was refused, or not answered, for no good reason."""


class Town:
    """The containers and networks there should be, and what can be done to them."""

    def __init__(self, lab: Lab, trouble: Trouble) -> None:
        self.lab = lab
        self.trouble = trouble
        self.boxes: dict[str, Box] = {}
        self.fickle: set[str] = set()
        self.unsure: set[str] = set()
        self.gone: list[str] = []
        self.counts: dict[str, Count] = {}
        self.refusals: Counter[str] = Counter()
        self.problems: list[str] = []
        self.log: list[str] = []
        self._lock = threading.RLock()
        self._number = 0
        self._began = time.monotonic()

    # -- asking

    def ask(self, host: Host, method: str, path: str, body: Any = None) -> Any:
        """One request. Raises Refused, CutShort or Wrong."""
        began = time.monotonic()
        try:
            status, answer = host.http(method, path, body, timeout=PATIENCE)
        except GONE as error:
            if self.trouble.was(began, host.name):
                raise CutShort(f"{type(error).__name__}") from error
            raise Wrong(f"{host.name}: {method} {path}: {type(error).__name__} {error}") from error
        if status < 400:
            return answer
        said = answer.get("message", "") if isinstance(answer, dict) else str(answer)
        short = self.trouble.was(began, host.name) and status == 503
        if self.trouble.was(began, "store", f"store:{host.name}", host.name, grace=12) and (
            re.search(AWAY, said) or short
        ):
            raise Refused(f"store away: {said}")
        # What a host could not tell the store is still its own there.
        everything = (
            "store",
            *(h.name for h in self.lab.hosts),
            *(f"store:{h.name}" for h in self.lab.hosts),
        )
        if "Address already in use" in said and self.trouble.was(began, *everything, grace=12):
            raise Refused(said)
        if any(re.search(words, said) for words in RACES):
            raise Refused(said)
        raise Wrong(f"{host.name}: {method} {path} {body or ''}: {status} {said}")

    def do(self, kind: str, host: str, deed: Callable[[], str | None]) -> None:
        """Do something, count it, and keep what must not be."""
        began, how = time.monotonic(), "done"
        said: str | None = None
        try:
            said = deed()
            if said is None:
                return
        except Refused as refusal:
            how, said = "refused", str(refusal)
            self.refusals[f"{kind}: {re.sub(r'[0-9a-f]{12,64}|(c|t)[0-9]+', '…', said)[:110]}"] += 1
        except CutShort as error:
            how, said = "cut_short", str(error)
        except Wrong as error:
            how, said = "done", f"WRONG {error}"
            self.problems.append(f"{kind}: {error}")
        except Exception as error:
            how, said = "done", f"WRONG {type(error).__name__} {error}"
            self.problems.append(f"{kind} on {host}: {type(error).__name__} {error}")
        took = time.monotonic() - began
        with self._lock:
            count = self.counts.setdefault(kind, Count())
            setattr(count, how, getattr(count, how) + 1)
            count.slowest = max(count.slowest, round(took, 2))
        self.note(f"{host} {kind} {said} [{how}, {took:.2f} s]")

    def note(self, words: str) -> None:
        """A line of what happened, with the seconds since the beginning."""
        self.log.append(f"{time.monotonic() - self._began:7.2f} {time.strftime('%H:%M:%S')} {words}")

    # -- choosing

    def _take(self, dice: Random, host: str, *wishes: str, least: int = 0) -> Box | None:
        with self._lock:
            found = [b for b in self.boxes.values() if b.host == host and b.wish in wishes and not b.busy]
            if len(found) <= least:
                return None
            box = dice.choice(sorted(found, key=lambda b: b.name))
            box.busy = True
            return box

    @contextmanager
    def taken(self, dice: Random, host: str, *wishes: str) -> Iterator[Box | None]:
        """A container to do something to, which nobody else touches meanwhile.

        Its wish is unknown until the block has said it: a refusal leaves it as it was, no answer does not.
        """
        box = self._take(dice, host, *wishes)
        before = box.wish if box else ""
        try:
            yield box
        except Refused:
            if box and box.wish == "?":
                box.wish = before
            raise
        except (CutShort, Wrong):
            if box:
                box.wish = "?"
            raise
        finally:
            if box:
                box.busy = False

    # -- deeds: each says what it did, or None when there was nothing to do it to

    def come(self, dice: Random, host: Host) -> str | None:
        """A container comes."""
        with self._lock:
            if sum(b.host == host.name for b in self.boxes.values()) >= MOST:
                return None
            self._number += 1
            number = self._number
            nets = dice.sample([*NETWORKS, *sorted(self.fickle)], dice.choice((1, 1, 2)))
            nets = [] if dice.random() < 0.1 else nets
            box = Box(f"c{number}", host.name, nets=tuple(nets), stays=dice.random() < 0.6, busy=True)
            self.boxes[box.name] = box
        first = nets[0] if nets else "bridge"
        if first in ASKED and dice.random() < 0.4:
            box.ip = f"{ASKED[first]}{100 + number % 150}"
        ports = dice.random() < 0.2 and first != "inner"
        box.body = {
            "Image": "busybox",
            "Cmd": ["sleep", "100000"],
            "StopTimeout": 0,
            "ExposedPorts": {"80/tcp": {}} if ports else {},
            "HostConfig": {
                "NetworkMode": first,
                "RestartPolicy": {"Name": "unless-stopped" if box.stays else "no"},
                "PortBindings": {"80/tcp": [{"HostPort": str(20000 + number)}]} if ports else {},
            },
        }
        if nets:
            box.body["NetworkingConfig"] = {"EndpointsConfig": {first: _place(box.ip, number)}}
        try:
            self._bring(host, box, list(nets[1:]))
        finally:
            box.busy = False
        return f"{box.name} on {nets or 'bridge'} {box.ip}"

    def _bring(self, host: Host, box: Box, more: list[str]) -> None:
        """Create and start; what cannot be started is removed again."""
        box.wish, box.host = "?", host.name
        made = False
        try:
            self.ask(host, "POST", f"/containers/create?name={box.name}", box.body)
            made = True
            for net in more:
                self.ask(host, "POST", f"/networks/{net}/connect", {"Container": box.name})
            self.ask(host, "POST", f"/containers/{box.name}/start")
            box.wish = "up"
        except Refused:
            if made:
                self.ask(host, "DELETE", f"/containers/{box.name}?force=1&v=1")
            self._forget(box)
            raise

    def _forget(self, box: Box) -> None:
        with self._lock:
            self.boxes.pop(box.name, None)
            self.gone.append(box.name)

    def go(self, dice: Random, host: Host) -> str | None:
        """A container is removed."""
        with self.taken(dice, host.name, "up", "down") as box:
            if box is None:
                return None
            box.wish = "?"
            self.ask(host, "DELETE", f"/containers/{box.name}?force=1&v=1")
            self._forget(box)
            return box.name

    def move(self, dice: Random, host: Host) -> str | None:
        """A container goes here and comes on another host, with its name and its --ip."""
        others = [h for h in self.lab.hosts if h is not host]
        with self.taken(dice, host.name, "up") as box:
            if box is None or not box.nets or "bridge" in box.nets:
                return None
            box.wish, to = "?", dice.choice(others)
            self.ask(host, "DELETE", f"/containers/{box.name}?force=1&v=1")
            first = box.body["HostConfig"]["NetworkMode"]
            self._bring(to, box, [n for n in box.nets if n != first])
            return f"{box.name} {box.ip} to {to.name}"

    def _verb(self, dice: Random, host: Host, verb: str, wishes: tuple[str, ...], wish: str) -> str | None:
        with self.taken(dice, host.name, *wishes) as box:
            if box is None:
                return None
            box.wish = "?"
            try:
                self.ask(host, "POST", f"/containers/{box.name}/{verb}")
            except Refused:
                box.wish = "down" if verb in ("start", "restart") else "?"
                raise
            box.wish = wish
            return box.name

    def stop(self, dice: Random, host: Host) -> str | None:
        """A container is stopped."""
        return self._verb(dice, host, "stop?t=0", ("up",), "down")

    def kill(self, dice: Random, host: Host) -> str | None:
        """A container is killed."""
        return self._verb(dice, host, "kill", ("up",), "down")

    def start(self, dice: Random, host: Host) -> str | None:
        """A stopped container is started."""
        return self._verb(dice, host, "start", ("down",), "up")

    def restart(self, dice: Random, host: Host) -> str | None:
        """A container is restarted."""
        return self._verb(dice, host, "restart?t=0", ("up",), "up")

    def connect(self, dice: Random, host: Host) -> str | None:
        """A running container joins one more network."""
        with self.taken(dice, host.name, "up") as box:
            if box is None or len(box.nets) > 2:
                return None
            with self._lock:
                free = sorted({*NETWORKS, *self.fickle} - set(box.nets))
            net = dice.choice(free)
            self.ask(host, "POST", f"/networks/{net}/connect", {"Container": box.name})
            box.nets += (net,)
            return f"{box.name} to {net}"

    def disconnect(self, dice: Random, host: Host) -> str | None:
        """A running container leaves a network."""
        with self.taken(dice, host.name, "up") as box:
            if box is None or len(box.nets) < 2:
                return None
            net = dice.choice([n for n in box.nets if n != box.body["HostConfig"]["NetworkMode"]] or [""])
            if not net:
                return None
            self.ask(host, "POST", f"/networks/{net}/disconnect", {"Container": box.name})
            box.nets = tuple(n for n in box.nets if n != net)
            return f"{box.name} from {net}"

    def found(self, dice: Random, host: Host) -> str | None:
        """A network is made."""
        with self._lock:
            if len(self.fickle) >= FICKLE:
                return None
            self._number += 1
            name = f"t{self._number}"
        self.make(host, name, {"Internal": dice.random() < 0.2})
        with self._lock:
            self.fickle.add(name)
        return name

    def make(self, host: Host, name: str, more: dict[str, Any]) -> None:
        """Make a network of the cluster."""
        body = {"Name": name, "Driver": "overlay", "CheckDuplicate": True, **more}
        self.ask(host, "POST", "/networks/create", body)

    def dissolve(self, dice: Random, host: Host) -> str | None:
        """A network that came is removed, if nobody is on it."""
        with self._lock:
            if not self.fickle:
                return None
            name = dice.choice(sorted(self.fickle))
            self.fickle.discard(name)
        try:
            self.ask(host, "DELETE", f"/networks/{name}")
        except (Refused, CutShort):
            with self._lock:  # a refusal for want of the store may come when the store has done it
                self.fickle.add(name)
                self.unsure.add(name)
            raise
        return name


WEIGHTS = {
    "come": 50, "go": 8, "move": 10, "stop": 6, "kill": 4, "start": 14, "restart": 6,
    "connect": 8, "disconnect": 6, "found": 4, "dissolve": 4,
}  # fmt: skip


def turn(town: Town, dice: Random, host: Host) -> None:
    """One deed on a host, whatever the dice say."""
    kind = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    town.do(kind, host.name, lambda: getattr(town, kind)(dice, host))


def _place(ip: str, number: int) -> dict[str, Any]:
    return {"IPAMConfig": {"IPv4Address": ip} if ip else {}, "Aliases": [f"any{number % 3}"]}
