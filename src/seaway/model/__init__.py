"""What exists: frozen values only; no I/O, no clock, no randomness."""

from seaway.model.container import Attachment, Config, Container, HostConfig, State
from seaway.model.endpoint import Endpoint
from seaway.model.member import Member, Remote
from seaway.model.network import Network, Pool
from seaway.model.node import Node
from seaway.model.publish import Binding, PortRequest
from seaway.model.sandbox import Sandbox
from seaway.model.snapshot import Abroad, Snapshot

__all__ = [
    "Abroad",
    "Attachment",
    "Binding",
    "Config",
    "Container",
    "Endpoint",
    "HostConfig",
    "Member",
    "Network",
    "Node",
    "Pool",
    "PortRequest",
    "Remote",
    "Sandbox",
    "Snapshot",
    "State",
]
