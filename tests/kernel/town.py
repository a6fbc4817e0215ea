"""A town for packets: a LAN host, the host, and containers on bridges, made from facts by the drivers."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from seaway.datapath.netns import in_namespace
from seaway.datapath.resources import Resource
from seaway.drivers import driver
from seaway.drivers.host_plan import host
from seaway.drivers.sandbox import sandbox
from seaway.ipam.addresses import next_address
from seaway.model import Binding, Endpoint, Network, Node, Pool, Sandbox, Snapshot
from seaway.model.names import mac_of, veth_device
from tests.kernel.plain import Plain, run

LAN4, LAN6 = "192.0.2.2", "2001:db8::2"
HOST4, OTHER4, HOST6, OTHER6 = "192.0.2.1", "192.0.2.3", "2001:db8::1", "2001:db8::3"
BRIDGE = "com.docker.network.bridge."


@dataclass
class Town:
    """Facts first (``network``, ``container``), then ``build``; then ask who reaches whom."""

    mark: str
    node: Node = Node(name="town")
    filter_bridges: bool = True
    networks: dict[str, Network] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def network(self, name: str, number: int, *, six: bool = False, **more: object) -> Network:
        pools = [Pool(subnet=f"10.{number}.0.0/24", gateway=f"10.{number}.0.1")]
        if six:
            pools.append(Pool(subnet=f"fd{number}::/64", gateway=f"fd{number}::1"))
        options = {BRIDGE + k if "." not in k else k: v for k, v in dict(more.pop("options", {})).items()}  # type: ignore[call-overload]
        made = Network(
            id=f"{number:02d}" * 32, name=name, driver="bridge", created="", pools=tuple(pools), ipv6=six,
            device=f"br-{name}", options=options, **more)  # type: ignore[arg-type]  # fmt: skip
        self.networks[made.id] = made
        return made

    def container(self, name: str, *networks: Network, bindings: tuple[Binding, ...] = ()) -> Sandbox:
        number = f"{len(self.sandboxes):02x}"
        box = Sandbox(
            id=f"{number}b0{name.encode().hex()}", container_id=name, path=self.path(name), bindings=bindings
        )
        self.sandboxes[box.id] = box
        for order, network in enumerate(networks):
            used = {a.partition("/")[0] for e in self.endpoints.values() for a in e.addresses}
            addresses = tuple(f"{next_address(p, used)}/{p.prefix}" for p in network.pools)
            eid = f"{number}{order:02x}{self.mark.encode().hex()}"
            self.endpoints[eid] = Endpoint(
                id=eid, network_id=network.id, container_id=name, sandbox_id=box.id, name=name,
                mac=mac_of(addresses[0], eid), addresses=addresses, ifname=f"eth{order}",
                device=veth_device(eid))  # fmt: skip
        return box

    def path(self, name: str) -> str:
        """The namespace file of a container, of ``host`` or of ``lan``."""
        return f"/run/netns/{self.mark}{name}"

    def snapshot(self) -> Snapshot:
        return Snapshot(self.node, self.networks, self.endpoints, self.sandboxes)

    def ground(self) -> list[Resource]:
        """What stands because of the host and its networks."""
        snapshot = self.snapshot()
        found: list[Resource] = list(host(snapshot))
        for network in self.networks.values():
            found += driver(network.driver).network(network, snapshot)
        return found

    def people(self) -> list[Resource]:
        """What stands because of the containers."""
        snapshot = self.snapshot()
        found: list[Resource] = []
        for endpoint in self.endpoints.values():
            network = self.networks[endpoint.network_id]
            found += driver(network.driver).endpoint(endpoint, network, snapshot)
        for box in self.sandboxes.values():
            found += sandbox(box, snapshot)
        return found

    def build(self) -> "Town":
        self.closing.callback(self._remove)
        here, there = f"{self.mark}host", f"{self.mark}lan"
        for name in (here, there):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", here, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", there)
        for name, addresses in ((here, (HOST4, OTHER4, OTHER6, HOST6)), (there, (LAN4, LAN6))):
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.up0.accept_dad=0")
            for address in addresses:
                tail = ("/64", "nodad") if ":" in address else ("/24",)
                run("ip", "-n", name, "addr", "add", address + tail[0], "dev", "up0", *tail[1:])
            run("ip", "-n", name, "link", "set", "up0", "up")
        # The LAN host routes everything to the host: it would reach a container directly if it could.
        run("ip", "-n", there, "route", "add", "default", "via", HOST4)
        run("ip", "-n", there, "route", "add", "default", "via", HOST6)
        for kind in ("ip", "ip6"):
            path = f"/proc/sys/net/bridge/bridge-nf-call-{kind}tables"
            switch = f"test ! -e {path} || echo {int(self.filter_bridges)} > {path}"
            run("ip", "netns", "exec", here, "sh", "-c", switch)
        # As in life: the networks stand before their containers come.
        hands = Plain(here)
        hands.make(self.ground())
        hands.make(self.people())
        # The wire between the hosts is an old one: neighbours on it know each other.
        assert any(self.pings("host", LAN6) for _ in range(5)) and self.pings("host", LAN4)
        return self

    def _remove(self) -> None:
        for name in run("ip", "-o", "netns", "list").split("\n"):
            if name.startswith(self.mark):
                run("ip", "netns", "del", name.split()[0])

    def address(self, name: str, family: int = 4) -> str:
        found = [a for e in self.endpoints.values() if e.name == name for a in e.addresses]
        return next(a.partition("/")[0] for a in found if (":" in a) == (family == 6))

    def serve(self, name: str, port: int, proto: str = "tcp", at: str = "::") -> None:
        """A server in a container that answers with the address of whoever asks, both families."""
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM

        def door() -> socket.socket:
            made = socket.socket(socket.AF_INET6 if ":" in at else socket.AF_INET, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((at, port))
            return made

        server = in_namespace(self.path(name), door)
        self.closing.callback(server.close)
        if proto == "tcp":
            server.listen()
        self.closing.callback(server.shutdown, socket.SHUT_RD) if proto == "tcp" else None
        threading.Thread(target=_answer, args=(server, name, proto), daemon=True).start()

    def ask(self, name: str, address: str, port: int, proto: str = "tcp", source: str = "") -> str:
        """Who answered and whom it saw, ``server client``; or why there was no answer, in one word."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM

        def call() -> str:
            with socket.socket(family, kind) as caller:
                caller.settimeout(0.4)
                if source:
                    caller.bind((source, 0))
                try:
                    caller.connect((address, port))
                    caller.send(b"hello")
                    return caller.recv(100).decode()
                except TimeoutError:
                    return "silence"
                except ConnectionRefusedError:
                    return "refused"
                except OSError as error:
                    return os.strerror(error.errno or 0)

        return in_namespace(self.path(name), call)

    def pings(self, name: str, address: str) -> bool:
        done = subprocess.run(
            ["ip", "netns", "exec", f"{self.mark}{name}", "ping", "-c1", "-W1", address],
            capture_output=True, timeout=10, check=False)  # fmt: skip
        return done.returncode == 0


def _answer(server: socket.socket, name: str, proto: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            if proto == "udp":
                _data, peer = server.recvfrom(100)
                if peer is None:  # shut down while waiting
                    return
                server.sendto(f"{name} {peer[0].removeprefix('::ffff:')}".encode(), peer)
                continue
            caller, peer = server.accept()
            with caller:
                caller.send(f"{name} {peer[0].removeprefix('::ffff:')}".encode())


@contextlib.contextmanager
def town(mark: str, *, filter_bridges: bool = True, node: Node = Node(name="town")) -> Iterator[Town]:  # noqa: B008 (a frozen value)
    """A town that is gone afterwards. ``mark`` begins the names of all its namespaces.

    ``filter_bridges`` says whether br_netfilter passes bridged packets to the firewall, if it is there.
    """
    made = Town(f"sw{mark}{os.getpid() % 10000}", node, filter_bridges)
    with made.closing:
        yield made
