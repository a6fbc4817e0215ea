"""The table of drivers: every kind of network, by the name that ``-d`` takes."""

from collections.abc import Mapping
from types import MappingProxyType

from seaway.drivers.bridge import BridgeDriver
from seaway.drivers.host import HostDriver
from seaway.drivers.none import NoneDriver
from seaway.drivers.overlay import OverlayDriver
from seaway.drivers.protocol import Driver
from seaway.errors import NotFound

DRIVERS: Mapping[str, Driver] = MappingProxyType(
    {"bridge": BridgeDriver(), "host": HostDriver(), "null": NoneDriver(), "overlay": OverlayDriver()}
)
"""Drivers by name. ``--network container:X`` needs none: it shares a sandbox."""


def driver(name: str) -> Driver:
    """The driver of that name. Raises NotFound in Docker's words, with the names that exist."""
    found = DRIVERS.get(name)
    if found is None:
        raise NotFound(f'plugin "{name}" not found; built in are {", ".join(DRIVERS)}')
    return found
