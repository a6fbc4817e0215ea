"""Many hosts on one machine: network namespaces wired by a virtual switch, a daemon each, and a store."""

from seaway.lab.host import Host
from seaway.lab.lab import Lab
from seaway.lab.machine import Machine
from seaway.lab.process import CommandFailed, Result
from seaway.lab.storenode import Store, StoreNode
from seaway.lab.switch import Switch

__all__ = ["CommandFailed", "Host", "Lab", "Machine", "Result", "Store", "StoreNode", "Switch"]
