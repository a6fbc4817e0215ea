"""A lab: hosts, a switch between them and a store, built, hurt and taken down."""

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from seaway.errors import Conflict, Forbidden, InvalidInput, NotFound, SeawayError
from seaway.lab import groups
from seaway.lab.clearing import clear, sweep
from seaway.lab.folder import Folder, State
from seaway.lab.host import Host
from seaway.lab.machine import Machine, status
from seaway.lab.plan import LAN, ROUTER, Plan
from seaway.lab.storenode import Store, StoreNode
from seaway.lab.stores import STORES
from seaway.lab.switch import Switch
from seaway.lab.together import together

Wired = Host | StoreNode
"""What hangs on the switch."""

_M = TypeVar("_M", bound=Machine)


class Lab:
    """Many hosts on one machine.

    ``with Lab(hosts=3, store="etcd", ephemeral=True) as lab:`` builds a lab that ends with the block, and
    with this process however it ends. Without ``ephemeral`` a lab goes on until ``down()``;
    ``Lab.open(name)`` finds it again. ``images`` are archives that every host loads.
    """

    def __init__(
        self,
        name: str = "",
        *,
        hosts: int = 2,
        store: str = "none",
        members: int = 1,
        mtu: int = 1500,
        daemons: bool = True,
        flags: Sequence[str] = (),
        store_flags: Sequence[str] = (),
        consul: str = "",
        images: Sequence[Path | str] = (),
        ephemeral: bool = False,
    ) -> None:
        self._furnish(
            Plan(
                name=name or (f"t-{secrets.token_hex(4)}" if ephemeral else "lab"),
                hosts=hosts,
                store=store,
                members=members,
                mtu=mtu,
                daemons=daemons,
                flags=tuple(flags),
                store_flags=tuple(store_flags),
                consul=consul,
            ),
            ephemeral,
        )
        self.images = tuple(Path(image).absolute() for image in images)

    @classmethod
    def open(cls, name: str = "lab") -> "Lab":
        """The lab of that name as it stands; NotFound with what to do when there is none."""
        state = Folder(name).read()
        found = cls.__new__(cls)
        found._furnish(state.plan, bool(state.maker[0]))
        found.images = ()
        return found

    def _furnish(self, plan: Plan, ephemeral: bool) -> None:
        self.plan = plan
        self.name = plan.name
        self.ephemeral = ephemeral
        self.folder = Folder(plan.name)
        self.root = self.folder.path
        self.switch = Switch(self.root / "switch", ephemeral)
        url = STORES[plan.store].url(plan) if plan.store in STORES else ""
        self.hosts: list[Host] = []
        for place in plan.host_places:
            flags = ["--cgroup-parent", groups.parent(plan.name, place.name)]
            flags += ["--cluster-store", url, "--cluster-advertise", place.address] if url else []
            self.hosts.append(Host(place, self.root / place.name, (*flags, *plan.flags), ephemeral))
        nodes = [StoreNode(p, self.root / p.name, plan, ephemeral) for p in plan.store_places]
        self.store = Store(plan, nodes)

    # Who is there

    def host(self, name: str) -> Host:
        """A host by its name; NotFound with the names there are."""
        return self._named(name, self.hosts)

    def machine(self, name: str) -> Machine:
        """A host, a machine of the store, or ``switch``."""
        return self._named(name, [*self.hosts, *self.store.nodes, self.switch])

    def _named(self, name: str, known: Sequence[_M]) -> _M:
        for machine in known:
            if machine.name == name:
                return machine
        raise NotFound(
            f"there is no {name!r} in lab {self.name}; there are {', '.join(m.name for m in known)}"
        )

    def rows(self) -> list[dict[str, Any]]:
        """What there is: one row for each host and machine of the store.

        Keys: name, kind (host or store), address, address6, power (on or off), wire (connected, down,
        silent or none), daemon (of a store: its server's state), root, socket.
        """
        ports: dict[str, str] = {}
        with contextlib.suppress(SeawayError):
            ports = self.switch.ports()
        machines: list[Wired] = [*self.hosts, *self.store.nodes]
        return together(lambda machine: self._row(machine, ports), machines)

    def _row(self, machine: Wired, ports: dict[str, str]) -> dict[str, Any]:
        is_host = isinstance(machine, Host)
        daemon = machine.daemon_state() if isinstance(machine, Host) else machine.state("store")
        return {
            "name": machine.name,
            "kind": "host" if is_host else self.plan.store,
            "address": machine.address,
            "address6": machine.address6,
            "power": "on" if machine.on() else "off",
            "wire": ports.get(machine.name, "none"),
            "daemon": daemon,
            "root": str(machine.root),
            "socket": machine.socket if isinstance(machine, Host) else "",
        }

    # Up and down

    def up(self, tell: Callable[[str], None] = lambda words: None) -> "Lab":
        """Build it; what was built is taken down again when something fails. ``tell`` hears of each step."""
        if os.geteuid() != 0:
            raise Forbidden("a lab needs root: it makes network namespaces, mounts and processes of its own")
        if self.images and not self.plan.daemons:
            raise InvalidInput("images are loaded by daemons, and this lab is to have none")
        for image in self.images:
            if not image.is_file():
                raise InvalidInput(f"there is no image archive {image}")
        if self.plan.store in STORES:
            STORES[self.plan.store].program(self.plan)
        sweep()
        self.folder.make()
        with self.folder.lock():
            try:
                maker = (os.getpid(), status(Path("/proc/self/stat"))[3]) if self.ephemeral else (0, 0)
                self.folder.write(State(self.plan, {}, maker))
                self._build(tell)
                self.folder.change(ready=True)
            except BaseException:
                self._clear()
                raise
        return self

    def _build(self, tell: Callable[[str], None]) -> None:
        tell(f"switch {LAN[0]}.0/24 and {LAN[1]}:/64, MTU {self.plan.mtu}")
        self.switch.prepare(self.plan.names)
        self.switch.boot()
        for node in self.store.nodes:
            self._power_on(node)
        if self.store.nodes:
            tell(f"store {self.store.url}")
            self.store.start()
        for host in self.hosts:
            tell(f"host {host.name}: {host.address}, {host.address6}")
            self._power_on(host)
        if self.plan.daemons:
            tell("daemons" + ("" if not self.images else " and images"))
            together(lambda host: host.daemon_start(), self.hosts)
        self.load(*self.images)

    def _power_on(self, machine: Wired) -> None:
        if not self.switch.on():
            raise Conflict(f"the switch of lab {self.name} is gone: take the lab down and build it again")
        machine.prepare(self.plan.names, f"{LAN[0]}.{ROUTER}")
        machine.boot()
        try:
            self.switch.plug(machine, machine.place, self.plan.mtu)
        except BaseException:
            machine.kill()
            raise

    def down(self) -> None:
        """End everything and leave nothing; daemons get no time to stop: a lab's power is cut.

        Also clears away what an ``up`` that was itself killed has left. NotFound when there is nothing.
        """
        with self.folder.lock():
            self._clear()

    @classmethod
    def clear(cls, name: str) -> None:
        """Take down the lab of that name, whole or not."""
        folder = Folder(name)
        with folder.lock():
            clear(folder)

    def _clear(self) -> None:
        for host in self.hosts:
            groups.thaw(groups.parent(self.name, host.name))
        for machine in (*self.hosts, *self.store.nodes, self.switch):
            machine.kill()
        clear(self.folder)

    # What may happen to it

    def cut(self, *names: str, silent: bool = False) -> None:
        """Partition: the machines' ports on the switch go down; ``silent``: without their noticing."""
        how = "silent" if silent else "down"
        machines = [self._wired(name) for name in names]
        with self.folder.lock():
            cut = {**self.folder.read().cut, **{m.name: how for m in machines}}
            self.folder.change(cut=cut)
            for machine in machines:
                if machine.on():
                    self.switch.cut(machine.name, how)

    def heal(self, *names: str) -> None:
        """Connect machines again."""
        machines = [self._wired(name) for name in names]
        with self.folder.lock():
            cut = self.folder.read().cut
            self.folder.change(cut={k: v for k, v in cut.items() if k not in names})
            for machine in machines:
                if machine.on():
                    self.switch.heal(machine.name)

    def kill(self, *names: str) -> None:
        """Cut the power of hosts or machines of the store: all in them ends at once, the data stays."""
        machines = [self._wired(name) for name in names]
        with self.folder.lock():
            for machine in machines:
                group = groups.parent(self.name, machine.name)
                groups.thaw(group)
                machine.kill()
                groups.forget(group)
                if self.switch.on():
                    self.switch.unplug(machine.name)

    def start(self, *names: str, daemon: bool | None = None) -> None:
        """Boot machines again with the same data; quiet for those that are on.

        Their daemon or server starts too; ``daemon`` says otherwise. A machine that was cut off still is.
        """
        machines = [self._wired(name) for name in names]
        with self.folder.lock():
            cut = self.folder.read().cut
            for machine in machines:
                if not machine.on():
                    self._power_on(machine)
                    if machine.name in cut:
                        self.switch.cut(machine.name, cut[machine.name])
        wanted = self.plan.daemons if daemon is None else daemon
        for machine in machines:
            if isinstance(machine, StoreNode):
                machine.start_server()
        together(lambda host: host.daemon_start(), [m for m in machines if wanted and isinstance(m, Host)])

    def restart(self, *names: str, kill: bool = False) -> None:
        """Restart the daemons of hosts; ``kill`` with kill -9."""
        together(lambda host: host.daemon_restart(kill=kill), [self.host(name) for name in names])

    def load(self, *archives: Path | str) -> None:
        """Load image archives into every host that is on."""
        hosts = [host for host in self.hosts if host.on()]
        for archive in archives:
            together(partial(Host.load, archive=Path(archive)), hosts)

    def _wired(self, name: str) -> Wired:
        wired: list[Wired] = [*self.hosts, *self.store.nodes]
        return self._named(name, wired)

    def __enter__(self) -> "Lab":
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()
