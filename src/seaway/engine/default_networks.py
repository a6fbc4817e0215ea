"""The three predefined networks, made at the daemon's start or brought up to date."""

from dataclasses import dataclass
from ipaddress import ip_interface

from seaway.drivers.parts import AUX_GATEWAY
from seaway.engine import host
from seaway.engine.core import Core
from seaway.engine.networks import Networks
from seaway.engine.specs import NetworkSpec
from seaway.errors import InvalidInput
from seaway.model import Network, Pool
from seaway.model.names import DEFAULT_BRIDGES

BRIDGE = "com.docker.network.bridge."


@dataclass(slots=True)
class DefaultNetworks:
    """Makes ``bridge``, ``host`` and ``none``."""

    core: Core
    networks: Networks

    async def make(self) -> None:
        """Make those that are missing; settings given anew change the one that is there."""
        await self.networks.predefine(NetworkSpec(name="none", driver="null", ipv6=False), "")
        await self.networks.predefine(NetworkSpec(name="host", driver="host"), "")
        if self.core.settings.bridge != "none":
            device, ours = self._device()
            await self.networks.predefine(self._bridge(device, ours), device, ours=ours)

    def _bridge(self, device: str, ours: bool) -> NetworkSpec:
        settings = self.core.settings
        return NetworkSpec(
            name="bridge",
            driver="bridge",
            ipv6=settings.ipv6,
            ipam_options=None,
            pools=self._pools(device if not ours else ""),
            options={
                BRIDGE + "default_bridge": "true",
                BRIDGE + "enable_icc": _text(settings.icc),
                BRIDGE + "enable_ip_masquerade": _text(settings.ip_masq),
                BRIDGE + "host_binding_ipv4": settings.ip or "0.0.0.0",
                BRIDGE + "name": device,
                "com.docker.network.driver.mtu": str(settings.mtu or self.core.facts.node.mtu),
            },
        )

    def _device(self) -> tuple[str, bool]:
        """The default bridge's name: the one asked for, the one we had, or the first that is free."""
        asked = self.core.settings.bridge
        if asked:
            if asked not in host.devices():
                raise InvalidInput(f"bridge {asked} does not exist: make it first, or leave --bridge out")
            return asked, False
        old = self._old()
        if old is not None and old.device_ours:
            return old.device, True
        taken = set(host.devices())
        free = next((name for name in DEFAULT_BRIDGES if name not in taken), None)
        if free is None:
            raise InvalidInput(
                f"{' and '.join(DEFAULT_BRIDGES)} exist and are not ours: give --bridge a name"
            )
        return free, True

    def _pools(self, foreign: str) -> tuple[Pool, ...]:
        settings = self.core.settings
        bip = settings.bip or (host.address_of(foreign) if foreign else "")
        four = _pool(bip, settings.fixed_cidr, AUX_GATEWAY[4], settings.default_gateway)
        six = _pool(settings.bip6, settings.fixed_cidr_v6, AUX_GATEWAY[6], settings.default_gateway_v6)
        return tuple(p for p in (four, six if settings.ipv6 else None) if p is not None)

    def _old(self) -> Network | None:
        return next((n for n in self.core.facts.networks.values() if n.default_bridge), None)


def _pool(address: str, part: str, name: str, gateway: str) -> Pool | None:
    """A pool around the bridge's own address, if it was given; containers may have another gateway."""
    if not address:
        return Pool(subnet=part, requested=True) if part else None
    interface = ip_interface(address)
    return Pool(
        subnet=str(interface.network),
        gateway=str(interface.ip),
        ip_range=part,
        aux={name: gateway} if gateway else {},
    )


def _text(value: bool) -> str:
    return "true" if value else "false"
