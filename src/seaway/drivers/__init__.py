"""One file per kind of network; the Driver protocol and the table of drivers.

A driver is pure: facts in, resources out. It opens no socket and cannot fail half-way.
"""

from seaway.drivers.protocol import Driver, Usage
from seaway.drivers.table import DRIVERS, driver

__all__ = ["DRIVERS", "Driver", "Usage", "driver"]
