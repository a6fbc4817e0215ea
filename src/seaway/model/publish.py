"""A published port: one host port that leads to one port of a sandbox."""

from msgspec import Struct

PROTOCOLS = ("tcp", "udp", "sctp")

ANY = {4: "0.0.0.0", 6: "::"}
"""By family, the host address that stands for every one of it."""


class Binding(Struct, frozen=True, kw_only=True):
    """What was allotted: ``host_ip:host_port`` leads to ``port`` of the sandbox's gateway endpoint.

    ``host_ip`` is never empty: ``0.0.0.0`` and ``::`` mean every address of that family.
    """

    proto: str
    host_ip: str
    host_port: int
    port: int

    @property
    def family(self) -> int:
        """Address family of the host side: 4 or 6."""
        return 6 if ":" in self.host_ip else 4


class PortRequest(Struct, frozen=True, kw_only=True):
    """What was asked for. ``low``/``high`` bound the host port; 0/0 means an ephemeral one.

    An empty ``host_ip`` stands for both ``0.0.0.0`` and ``::`` (Docker's default).
    """

    proto: str
    port: int
    host_ip: str = ""
    low: int = 0
    high: int = 0
