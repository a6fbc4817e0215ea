"""A network: what was asked for and what was allotted to it."""

from typing import ClassVar

from msgspec import Struct, field


class Pool(Struct, frozen=True, kw_only=True):
    """One IPAM pool of a network; addresses are canonical text (``ipaddress`` would print the same).

    ``gateway`` is empty when the pool has none. ``requested`` tells pools the user wrote from
    pools chosen out of the default ones (Docker allows ``--ip`` on the former only). ``vni`` is the VXLAN
    network identifier of the pool's segment, which pools of both families share; 0 without VXLAN.
    """

    subnet: str
    ip_range: str = ""
    gateway: str = ""
    aux: dict[str, str] = field(default_factory=dict)
    requested: bool = False
    gateway_requested: bool = False
    vni: int = 0

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.subnet else 4

    @property
    def prefix(self) -> int:
        """Prefix length in bits."""
        return int(self.subnet.rpartition("/")[2])


class Network(Struct, frozen=True, kw_only=True):
    """A network. ``device`` is the Linux bridge's name for drivers that have one, else empty.

    ``removing`` names the node that is about to remove a cluster's network: nobody joins it any more.
    """

    PREFIX: ClassVar[str] = "networks/"

    id: str
    name: str
    driver: str
    created: str
    scope: str = "local"
    ipv4: bool = True
    ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: dict[str, str] | None = None
    pools: tuple[Pool, ...] = ()
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    device: str = ""
    device_ours: bool = True
    predefined: bool = False
    removing: str = ""

    @property
    def shared(self) -> bool:
        """Whether it is the cluster's, and not only this host's."""
        return self.scope == "global"

    @property
    def default_bridge(self) -> bool:
        """True for the predefined network ``bridge`` (no DNS, no aliases, no ``--ip``)."""
        return self.predefined and self.driver == "bridge"
