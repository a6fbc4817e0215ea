"""The verbs of networks: create, look up, remove, prune."""

import builtins
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from seaway.drivers import Driver, driver
from seaway.drivers.segments import choose_vnis, in_order, segments, vnis_wanted, with_vnis
from seaway.engine import filters, lookup, wayout
from seaway.engine.clock import identity, seconds, stamp
from seaway.engine.core import Core
from seaway.engine.facts import Change, name_key
from seaway.engine.pools import OVERLAY_BASES, allot_pools
from seaway.engine.settle import of_network
from seaway.engine.shared_networks import SharedNetworks
from seaway.engine.specs import NetworkSpec
from seaway.engine.tasks import carried
from seaway.errors import Conflict, Forbidden, InvalidInput, NotFound, SettleFailed, StoreConflict
from seaway.ipam.claims import AUX, GATEWAY, by_aux, claim_key
from seaway.model import Network, Pool
from seaway.model.names import bridge_device, short

PREDEFINED = ("bridge", "host", "none", "default")
BRIDGE_NAME = "com.docker.network.bridge.name"
MTU_OPTION = "com.docker.network.driver.mtu"
NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
    "to swarm and try again."
)


@dataclass(slots=True)
class Networks:
    """Networks of this daemon."""

    core: Core
    cluster: SharedNetworks

    def get(self, reference: str) -> Network:
        """A network by ID, name or unique ID prefix."""
        return lookup.network(self.core.facts.networks, reference)

    def list(self, wanted: Mapping[str, list[str]]) -> list[Network]:
        """Networks that pass the filters, newest first as Docker lists them."""
        found = sorted(self.core.facts.networks.values(), key=lambda n: n.created, reverse=True)
        return filters.networks(found, wanted, self._in_use)

    @carried
    async def create(self, spec: NetworkSpec) -> tuple[Network, str]:
        """Create a network. Returns it with a warning (empty as a rule)."""
        kind = self._admit(spec)
        if kind.usage.shared and not spec.config_only:
            return await self._create_shared(spec, kind), ""
        async with self.core.allotting:
            network = self._propose(self._with_defaults(self._resolved(spec), kind), kind)
            kind.check(network, self.core.facts.snapshot())
            await self._commit(network)
        try:
            await self.core.settler.settle(of_network(network.id))
        except SettleFailed as error:
            await self._forget(network)
            raise SettleFailed(
                [f"cannot create network {network.name}: {r}" for r in error.reasons]
            ) from error
        self.core.events.publish("network", "create", network.id, _attributes(network))
        return network, ""

    @carried
    async def remove(self, reference: str) -> None:
        """Remove a network that no container is on."""
        network = self.get(reference)
        if network.predefined:
            raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
        users = [n.name for n in self.core.facts.networks.values() if n.config_from == network.name]
        if network.config_only and users:
            raise Forbidden(f'configuration network "{network.name}" is in use')
        if network.shared:
            await self._remove_shared(network)
            return
        async with self.core.allotting:
            if network.id not in self.core.facts.networks:
                raise NotFound(f"network {reference} not found")
            self._refuse_used(network)
            await self._forget(network)
        self.core.events.publish("network", "destroy", network.id, _attributes(network))

    @carried
    async def prune(self, wanted: Mapping[str, builtins.list[str]]) -> builtins.list[str]:
        """Remove every network that is the user's, holds no endpoint and passes. Returns the names."""
        filters.known(wanted, filters.PRUNE_KEYS)
        limit = filters.until(wanted, time.time())
        removed = []
        for network in list(self.core.facts.networks.values()):
            if network.predefined or network.config_only or network.ingress or self._in_use(network.id):
                continue
            if network.shared:  # as Docker: what is the cluster's is not one host's to prune
                continue
            if limit is not None and seconds(network.created) > limit:
                continue
            if filters.labels_pass(network.labels, wanted):
                await self.remove(network.id)
                removed.append(network.name)
        return removed

    async def make_way(self) -> None:
        """Make docker_gwbridge, the way out of networks that lead nowhere else, unless it is there."""
        async with self.core.locks[wayout.SPEC.name]:
            if wayout.bridge(self.core.facts) is None:
                await self.create(wayout.SPEC)

    async def predefine(self, spec: NetworkSpec, device: str, *, ours: bool = True) -> Network:
        """Make or bring up to date one of the predefined networks; its ID stays."""
        old = next(
            (n for n in self.core.facts.networks.values() if n.predefined and n.name == spec.name), None
        )
        if old is not None:
            spec = replace(spec, pools=_kept(old, spec))
        async with self.core.allotting:
            if old is not None:
                await self._drop_claims(old)
            fresh = self._propose(spec, driver(spec.driver), without=old)
            network = msgspec.structs.replace(
                fresh,
                id=old.id if old else fresh.id,
                created=old.created if old else fresh.created,
                device=device,
                device_ours=ours,
                predefined=True,
            )
            await self._commit(network, replacing=old is not None)
        return network

    # -- how

    async def _create_shared(self, spec: NetworkSpec, kind: Driver) -> Network:
        """Make a network of the cluster. Its devices come with the first container on each host."""
        spec = self._with_defaults(self._resolved(spec), kind)

        def propose(known: Mapping[str, Network]) -> Network:
            if any(n.name == spec.name for n in known.values()):
                raise Conflict(f"network with name {spec.name} already exists")
            network = self._propose(spec, kind, shared=known)
            kind.check(network, replace(self.core.facts.snapshot(), networks=self._beside(known)))
            return network

        network = await self.cluster.create(propose)
        self.core.events.publish("network", "create", network.id, _attributes(network))
        return network

    def _beside(self, shared: Mapping[str, Network] | None) -> Mapping[str, Network]:
        """All networks: this host's with the cluster's as just read, or as last heard (None)."""
        known = self.core.facts.networks
        if shared is None:
            return known
        return {**{i: n for i, n in known.items() if not n.shared}, **shared}

    async def _remove_shared(self, network: Network) -> None:
        self.cluster.refuse_used(network)
        await self.cluster.remove(network)
        held = self.core.facts.own_claims(network.id)
        if held:
            await self.core.facts.commit(Change().free(*(claim_key(network.id, a) for a in held)))
        self.core.events.publish("network", "destroy", network.id, _attributes(network))

    def _admit(self, spec: NetworkSpec) -> Driver:
        if not spec.name.strip():
            raise InvalidInput("invalid name: name is empty")
        if spec.name in PREDEFINED:
            raise Forbidden(f"operation is not permitted on predefined {spec.name} network ")
        if spec.scope == "swarm" or spec.ingress:
            raise Forbidden(NO_SWARM)
        kind = driver(spec.driver or "bridge")
        _check_ipam(spec.ipam_driver)
        if kind.usage.single:
            raise Forbidden(f'only one instance of "{kind.name}" network is allowed')
        cluster = kind.usage.shared and not spec.config_only
        if any(n.name == spec.name for n in self._beside({} if cluster else None).values()):
            raise Conflict(f"network with name {spec.name} already exists")
        if spec.ipv4 is False and not spec.ipv6:
            raise InvalidInput("IPv4 or IPv6 must be enabled")
        if spec.scope not in ("", "local", "global"):
            raise InvalidInput(f"invalid scope {spec.scope!r}: it is local or global")
        return kind

    def _with_defaults(self, spec: NetworkSpec, kind: Driver) -> NetworkSpec:
        """The specification with the daemon's default options for networks of its kind."""
        options = self.core.settings.default_network_opts.get(kind.name)
        return replace(spec, options={**options, **spec.options}) if options else spec

    def _resolved(self, spec: NetworkSpec) -> NetworkSpec:
        """The specification with what a configuration-only network lends it."""
        if spec.config_only and spec.config_from:
            raise Forbidden("a configuration network cannot depend on another configuration network")
        if not spec.config_from:
            return spec
        source = self.get(spec.config_from)
        if not source.config_only:
            raise Forbidden(f"{source.name} is not a configuration network")
        if spec.options or spec.pools or spec.internal or spec.ipam_options:
            raise Forbidden(
                "user-specified configurations are not supported if the network depends on a configuration "
                "network"
            )
        return NetworkSpec(
            name=spec.name,
            driver=spec.driver,
            scope=spec.scope,
            ipv4=source.ipv4,
            ipv6=source.ipv6,
            ipam_driver=source.ipam_driver,
            ipam_options=source.ipam_options,
            pools=tuple(p for p in source.pools if p.requested),
            internal=source.internal,
            attachable=spec.attachable,
            config_from=source.name,
            options=source.options,
            labels=spec.labels,
        )

    def _propose(
        self,
        spec: NetworkSpec,
        kind: Driver,
        without: Network | None = None,
        shared: Mapping[str, Network] | None = None,
    ) -> Network:
        """The network as it would be. ``shared`` are the cluster's networks, for one of the cluster."""
        nid = identity()
        device = (
            spec.options.get(BRIDGE_NAME) or bridge_device(nid)
            if kind.usage.device and shared is None
            else ""
        )
        pools: tuple[Pool, ...] = ()
        if kind.usage.addressed and not (spec.config_only and not spec.pools):
            # A configuration is only paper: its subnets are taken by the network that is made from it.
            every = self._beside(shared).values()
            others = [n for n in every if n is not without and not n.config_only]
            bases = OVERLAY_BASES if shared is not None else ()
            pools = allot_pools(spec, () if spec.config_only else others, self.core.settings, bases)
            if shared is not None:
                pools = in_order(pools)
                pools = with_vnis(pools, _vnis(pools, spec, shared))
        return Network(
            id=nid,
            name=spec.name,
            driver=kind.name,
            created=stamp(),
            scope="local" if shared is None else "global",
            ipv4=spec.ipv4 is not False,
            ipv6=bool(spec.ipv6),
            ipam_driver=spec.ipam_driver or "default",
            ipam_options=spec.ipam_options,
            pools=pools,
            internal=spec.internal,
            attachable=spec.attachable,
            config_only=spec.config_only,
            config_from=spec.config_from,
            options=spec.options,
            labels=spec.labels,
            device=device,
            device_ours=not self.core.host_has_bridge(device) if BRIDGE_NAME in spec.options else True,
        )

    async def _commit(self, network: Network, *, replacing: bool = False) -> None:
        change = Change().put(network)
        if replacing:
            change.take(name_key("networks", network.name), network.id)
        else:
            change.claim(name_key("networks", network.name), network.id)
        for pool in network.pools:
            if pool.gateway:
                change.take(claim_key(network.id, pool.gateway), GATEWAY)
            for name, address in pool.aux.items():
                change.take(claim_key(network.id, address), by_aux(name))
        try:
            await self.core.facts.commit(change)
        except StoreConflict as error:
            raise Conflict(f"network with name {network.name} already exists") from error

    async def _drop_claims(self, network: Network) -> None:
        held = self.core.facts.claims(network.id)
        gone = [claim_key(network.id, a) for a, o in held.items() if o == GATEWAY or o.startswith(AUX)]
        if gone:
            await self.core.facts.commit(Change().free(*gone))

    async def _forget(self, network: Network) -> None:
        change = Change().remove(network).free(name_key("networks", network.name))
        change.free(*(claim_key(network.id, a) for a in self.core.facts.claims(network.id)))
        await self.core.facts.commit(change)
        await self.core.settler.tidy(of_network(network.id))

    def _in_use(self, network_id: str) -> bool:
        return any(e.network_id == network_id for e in self.core.facts.endpoints.values())

    def _refuse_used(self, network: Network) -> None:
        users = self.core.facts.snapshot().endpoints_of_network(network.id)
        if users:
            listed = ", ".join(f'name:"{e.name}" id:"{short(e.id)}"' for e in users)
            raise Forbidden(
                f"error while removing network: network {network.name} has active endpoints ({listed})"
            )


def _vnis(pools: Sequence[Pool], spec: NetworkSpec, known: Mapping[str, Network]) -> tuple[int, ...]:
    """VXLAN network identifiers for a network's segments: those asked for, then the lowest free ones."""
    number = len(segments(pools))
    wanted = vnis_wanted(spec.options, number)
    taken = {p.vni: n.name for n in known.values() for p in n.pools}
    clash = next((vni for vni in wanted if vni in taken), None)
    if clash is not None:
        raise Forbidden(f"VXLAN identifier {clash} is in use by network {taken[clash]}")
    return choose_vnis(number, taken, wanted)


def _check_ipam(name: str) -> None:
    if name == "null":
        raise InvalidInput("ipv4 pool is empty: the IPAM driver null has no addresses to give")
    if name not in ("", "default"):
        raise NotFound(f'plugin "{name}" not found; the IPAM driver that is built in is default')


def _kept(old: Network, spec: NetworkSpec) -> tuple[Pool, ...]:
    """The pools asked for now, and those the network had in the families nothing was asked for."""
    given = {p.family for p in spec.pools}
    wanted = {4, 6} if spec.ipv6 else {4}
    return (*spec.pools, *(p for p in old.pools if p.family in wanted - given))


def _attributes(network: Network) -> dict[str, str]:
    return {"name": network.name, "type": network.driver}
