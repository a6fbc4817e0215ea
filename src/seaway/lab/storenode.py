"""The store's machines: servers to be stopped, killed, frozen and started again."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from seaway.errors import Conflict, InvalidInput, Unavailable
from seaway.lab.machine import Machine
from seaway.lab.plan import Place, Plan
from seaway.lab.stores import STORES, Member

READY = 30.0
"""Seconds that a server may take to get ready."""

_ASK = 'exec 3<>"/dev/tcp/$0/$1" && printf "$2" >&3 && timeout 2 grep -q "$3" <&3'


class StoreNode(Machine):
    """One machine of the store, its server running as the service ``store``; its data is in ``store``."""

    def __init__(self, place: Place, folder: Path, plan: Plan, ephemeral: bool = False) -> None:
        super().__init__(place.name, folder, ephemeral=ephemeral)
        self.place = place
        self.address = place.address
        self.address6 = place.address6
        self._plan = plan
        self._kind = STORES[plan.store]

    def start_server(self) -> None:
        """Start the server, without waiting until it is ready; quiet when it runs."""
        if self.state("store") != "stopped":
            return
        folder = self.root / "store"
        folder.mkdir(exist_ok=True)
        member = Member(
            place=self.place,
            all=self._plan.store_places,
            folder=folder,
            flags=self._plan.store_flags,
            program=self._kind.program(self._plan),
        )
        for name, text in self._kind.files(member).items():
            (folder / name).write_text(text)
        self.launch("store", *self._kind.command(member))

    def ready(self) -> bool:
        """Whether the server takes requests that change something."""
        if self.state("store") != "running":
            return False
        ask = self._kind.ask.replace("\r\n", "\\r\\n").replace("\n", "\\n")
        words = (self.address, str(self._kind.port), ask, self._kind.says)
        return not self.run("bash", "-c", _ASK, *words, check=False, timeout=4).code

    def await_ready(self, wait: float = READY) -> None:
        """Until it is ready; Unavailable with the end of its log when it is not."""
        deadline = time.monotonic() + wait
        while not self.ready():
            ended = self.state("store") == "stopped"
            if ended or time.monotonic() > deadline:
                why = "ended" if ended else f"is not ready after {wait:g} s"
                raise Unavailable(
                    f"the {self._plan.store} server on {self.name} {why}:\n{self.said('store')}"
                )
            time.sleep(0.05)


class Store:
    """All machines of the store, one face. ``names`` choose machines; without names it is all of them."""

    def __init__(self, plan: Plan, nodes: Sequence[StoreNode]) -> None:
        self.nodes = tuple(nodes)
        self.url = STORES[plan.store].url(plan) if plan.store in STORES else ""

    def start(self, *names: str, wait: bool = True) -> None:
        """Start servers, a frozen one goes on; ``wait`` until they are ready."""
        chosen = self._chosen(names)
        for node in chosen:
            if node.state("store") == "frozen":
                node.send("store", signal.SIGCONT)
            node.start_server()
        for node in chosen if wait else ():
            node.await_ready()

    def stop(self, *names: str) -> None:
        """SIGTERM and wait."""
        for node in self._chosen(names):
            node.end("store")

    def kill(self, *names: str) -> None:
        """kill -9 and wait; the data stays."""
        for node in self._chosen(names):
            node.end("store", signal.SIGKILL)

    def freeze(self, *names: str) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        for node in self._running(names):
            node.send("store", signal.SIGSTOP)

    def thaw(self, *names: str) -> None:
        """SIGCONT."""
        for node in self._running(names):
            node.send("store", signal.SIGCONT)

    def _running(self, names: Sequence[str]) -> list[StoreNode]:
        chosen = self._chosen(names)
        for node in chosen:
            if node.state("store") == "stopped":
                raise Conflict(f"the server on {node.name} does not run; seaway lab store start starts it")
        return chosen

    def _chosen(self, names: Sequence[str]) -> list[StoreNode]:
        if not self.nodes:
            raise Conflict("this lab has no store: it was built with --store none")
        known = {node.name: node for node in self.nodes}
        for name in names:
            if name not in known:
                raise InvalidInput(f"{name} is no machine of the store; there are {', '.join(known)}")
        return [known[name] for name in names] if names else list(self.nodes)
