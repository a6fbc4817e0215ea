"""Plugging a container in: from what it asked for to sandbox, endpoints and ports, in one commit."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from seaway.dns.files import ndots
from seaway.drivers import driver
from seaway.engine import endpoints, lookup, modes, wayout
from seaway.engine.clock import identity
from seaway.engine.core import Core
from seaway.engine.facts import Change
from seaway.engine.portindex import PortIndex
from seaway.engine.settle import of_endpoint, of_sandbox
from seaway.errors import Failure, InvalidInput, NotFound, SeawayError, SettleFailed
from seaway.model import Attachment, Container, Endpoint, Network, Sandbox
from seaway.model.names import short
from seaway.ports.choose import choose
from seaway.ports.system import ephemeral_range, families, ports_in_use, reserved_ports

log = logging.getLogger(__name__)

HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
PREFIX = "failed to set up container networking: "


@dataclass(slots=True)
class Plug:
    """Gives containers their sandboxes and endpoints, and takes them back."""

    core: Core
    make_way: Callable[[], Awaitable[None]]
    """Makes docker_gwbridge when it is not there."""
    _last_port: int = 0
    _ports: PortIndex = field(default_factory=PortIndex)

    async def plug(self, container: Container, upstreams: tuple[str, ...]) -> Sandbox | None:
        """Claim and settle everything a container needs to start; None when it shares a sandbox.

        Nothing is left when it fails: the facts are removed and the same scope is settled again.
        """
        mode = modes.parse(container.host.network_mode)
        if mode.shared:
            return None
        began = time.perf_counter()
        try:
            wanted = self._networks(container, mode)
            if wayout.needed(n for n, _ in wanted):
                await self.make_way()
            async with self.core.shared.joining(container, wanted) as given, self.core.allotting:
                box, places, change = self._propose(container, wanted, given, upstreams)
                await self.core.facts.commit(change)
            await self._settle(container, box, places)
        except SeawayError as error:
            raise type_of(error, PREFIX + error.message) from error
        log.info(
            "attached",
            extra={"container": container.name, "ms": f"{(time.perf_counter() - began) * 1000:.2f}"},
        )
        for place in places:
            self._tell("connect", place)
        return box

    async def unplug(
        self,
        container: Container,
        after: Container | None = None,
        *,
        written: Callable[[], None] = lambda: None,
        known: bool = True,
    ) -> None:
        """Remove a container's sandbox and endpoints, and settle. Succeeds when there is none.

        ``after`` is what the container is from then on, written in the same commit; ``written`` is
        called when it is. ``known`` False: nobody was told of the endpoints, nor is of their end.
        """
        snapshot = self.core.facts.snapshot()
        places = snapshot.endpoints_of_container(container.id)
        boxes = [b for b in snapshot.sandboxes.values() if b.container_id == container.id]
        change = Change().remove(*boxes)
        endpoints.release(self.core.facts, container, places, change)
        if after is None and container.sandbox_id:
            after = msgspec.structs.replace(container, sandbox_id="")
        if after is not None:
            change.put(after)
        if not (change.puts or change.deletes):
            return
        await self.core.facts.commit(change)
        written()
        scope = [*(of_endpoint(e.id) for e in places), *(of_sandbox(b.id) for b in boxes)]
        scope += self.core.shared.reach(places)
        await self.core.settler.tidy(*scope)
        for place in places if known else ():
            self._tell("disconnect", place)

    async def add(
        self, container: Container, grown: Container, network: Network, attachment: Attachment
    ) -> None:
        """Plug a running container into one more network, live; ``grown`` is what it is from then on."""
        wanted = [(network, attachment)]
        if wayout.needed([network]):
            await self.make_way()
        async with self.core.shared.joining(container, wanted) as given, self.core.allotting:
            snapshot = self.core.facts.snapshot()
            if network.id not in snapshot.networks:
                raise NotFound(f"network {network.name} not found")
            box = snapshot.sandboxes[container.sandbox_id]
            taken = snapshot.endpoints_of_container(container.id)
            change = Change()
            place = endpoints.propose(
                self.core.facts, container, network, attachment, box, taken, change, given.get(network.id)
            )
            fresh = [place]
            if wayout.needed([network]) and wayout.of_sandbox(self.core.facts, taken) is None:
                way = wayout.propose(self.core.facts, container, box, [*taken, place], change)
                fresh += [way] if way is not None else []
            fuller = self._with_ports(container, box, [*taken, *fresh])
            fuller = msgspec.structs.replace(fuller, dns=box.dns or _resolves(network))
            await self.core.facts.commit(change.put(fuller, grown))
        scope = {of_sandbox(box.id), *(of_endpoint(e.id) for e in fresh), *self.core.shared.reach([place])}
        try:
            await self.core.settler.settle(*scope)
        except SettleFailed as error:
            await self.drop(container, place)
            raise SettleFailed([f"cannot connect {container.name} to {network.name}: {r}"
                                for r in error.reasons]) from error  # fmt: skip
        self._tell("connect", place)

    async def drop(self, container: Container | None, place: Endpoint) -> None:
        """Take a running container off one network, live. ``container`` is what it is from then on."""
        async with self.core.allotting:
            change = Change().remove(place)
            owner = container or _ghost(place)
            endpoints.release(self.core.facts, owner, [place], change)
            endpoints.free_reservations(self.core.facts, owner, place.network_id, change)
            box = self.core.facts.sandboxes.get(place.sandbox_id)
            gone = [place]
            if box is not None:
                rest = [e for e in self.core.facts.snapshot().endpoints_of_container(owner.id) if e != place]
                gone += self._idle_way(rest)
                endpoints.release(self.core.facts, owner, gone[1:], change)
                change.put(self._with_ports(owner, box, [e for e in rest if e not in gone]))
            if container is not None:
                change.put(container)
            await self.core.facts.commit(change)
        scope = {of_sandbox(place.sandbox_id), *(of_endpoint(e.id) for e in gone)}
        await self.core.settler.tidy(*scope, *self.core.shared.reach(gone))
        self._tell("disconnect", place)

    # -- how

    def _propose(
        self,
        container: Container,
        wanted: Sequence[tuple[Network, Attachment]],
        given: Mapping[str, endpoints.Given],
        upstreams: tuple[str, ...],
    ) -> tuple[Sandbox, list[Endpoint], Change]:
        sid = identity()
        shared = any(not driver(n.driver).usage.sandboxed for n, _ in wanted)
        box = Sandbox(
            id=sid,
            container_id=container.id,
            path="" if shared else str(self.core.settings.exec_root / "netns" / short(sid)),
            shared=shared,
            dns=any(_resolves(n) for n, _ in wanted),
            upstreams=upstreams,
            ndots=max(0, ndots(container.host.dns_options or self.core.settings.dns_options)),
        )
        change = Change()
        places: list[Endpoint] = []
        for network, attachment in wanted:
            theirs = given.get(network.id)
            places.append(
                endpoints.propose(
                    self.core.facts, container, network, attachment, box, places, change, theirs
                )
            )
        if wayout.needed(n for n, _ in wanted):
            way = wayout.propose(self.core.facts, container, box, places, change)
            places += [way] if way is not None else []
        box = self._with_ports(container, box, places)
        return box, places, change.put(box, msgspec.structs.replace(container, sandbox_id=sid))

    def _idle_way(self, rest: Sequence[Endpoint]) -> list[Endpoint]:
        """The endpoint on the gateway bridge, when nothing among the rest needs it any more."""
        way = wayout.of_sandbox(self.core.facts, rest)
        networks = (self.core.facts.networks.get(e.network_id) for e in rest)
        if way is None or not way.name.startswith("gateway_") or wayout.needed(n for n in networks if n):
            return []
        return [way]

    def _networks(self, container: Container, mode: modes.Mode) -> list[tuple[Network, Attachment]]:
        """The networks to join, that of the mode first, then by priority and name."""
        found = []
        for name, attachment in container.networks.items():
            network = lookup.network(self.core.facts.networks, name)
            if network.config_only:
                raise InvalidInput(f"cannot create endpoint on configuration-only network {network.name}")
            modes.check_attachment(network.name, attachment)
            found.append((network, attachment))
        return sorted(found, key=lambda p: (p[0].name != mode.text and p[0].id != mode.text,
                                            -p[1].gw_priority, p[0].name))  # fmt: skip

    def _with_ports(self, container: Container, box: Sandbox, places: Sequence[Endpoint]) -> Sandbox:
        """The sandbox with host ports allotted if any endpoint can publish; those it has are kept."""
        kinds = [driver(endpoints.network_of(self.core.facts, e).driver) if e.network_id in
                 self.core.facts.networks else None for e in places]  # fmt: skip
        if not container.requests or not any(k is not None and k.usage.publishes for k in kinds):
            return msgspec.structs.replace(box, bindings=())
        if box.bindings:
            return box
        loose = [q for q in container.requests if q.low != q.high or not q.low]
        try:
            bindings = choose(
                container.requests,
                self._ports.current(self.core.facts),
                ephemeral=ephemeral_range(),
                reserved=reserved_ports(),
                families=self._families(places),
                busy=ports_in_use() if loose else (),
                after=self._last_port,
                default_ip=self._host_address(places),
            )
        except Failure as error:
            place = places[0]
            raise type_of(
                error,
                f"driver failed programming external connectivity on endpoint {container.name} "
                f"({place.id}): {error.message}",
            ) from error
        if loose:
            self._last_port = max(b.host_port for b in bindings)
        return msgspec.structs.replace(box, bindings=tuple(bindings))

    def _families(self, places: Sequence[Endpoint]) -> tuple[int, ...]:
        """Families of host addresses that can lead to the container: IPv6 needs an address or a relay."""
        six = self.core.settings.userland_proxy or any(":" in a for e in places for a in e.addresses)
        return tuple(f for f in families() if f == 4 or six)

    def _host_address(self, places: Sequence[Endpoint]) -> str:
        """The host address that the first network with ``host_binding_ipv4`` publishes on."""
        networks = (self.core.facts.networks.get(e.network_id) for e in places)
        return next((n.options[HOST_BINDING] for n in networks if n and n.options.get(HOST_BINDING)), "")

    async def _settle(self, container: Container, box: Sandbox, places: Sequence[Endpoint]) -> None:
        try:
            scope = {of_sandbox(box.id), *(of_endpoint(e.id) for e in places)}
            await self.core.settler.settle(*scope, *self.core.shared.reach(places))
        except SettleFailed as error:
            await self.unplug(container, known=False)
            where = f"{container.name} ({places[0].id})" if places else container.name
            raise SettleFailed(
                [f"driver failed programming external connectivity on endpoint {where}: {r}"
                 if "host port" in r else r for r in error.reasons]
            ) from error  # fmt: skip

    def _tell(self, action: str, place: Endpoint) -> None:
        network = self.core.facts.networks.get(place.network_id)
        attributes = {"container": place.container_id}
        if network is not None:
            attributes |= {"name": network.name, "type": network.driver}
        self.core.events.publish("network", action, place.network_id, attributes)


def _resolves(network: Network) -> bool:
    return driver(network.driver).usage.resolver and not network.default_bridge


def _ghost(place: Endpoint) -> Container:
    """What is left of a container that is gone and whose endpoint is not."""
    return Container(id=place.container_id, name=place.name, created="", image="", image_name="", path="")


def type_of(error: SeawayError, message: str) -> SeawayError:
    """The same kind of error, with all it carries, and another message."""
    if isinstance(error, SettleFailed):
        return SettleFailed([message])
    kind = type(error)
    other = kind.__new__(kind, message)
    other.__dict__.update(error.__dict__)
    other.args = (message,)
    return other
