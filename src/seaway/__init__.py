"""Seaway: container networking as Docker made it, for plain Linux hosts.

The front door. A user of the library imports from here and from nowhere else.
"""

from seaway.errors import SeawayError
from seaway.model import Container, Endpoint, Network, Sandbox, Snapshot

__version__ = "0.1.0"

__all__ = ["Container", "Endpoint", "Network", "Sandbox", "SeawayError", "Snapshot", "__version__"]
