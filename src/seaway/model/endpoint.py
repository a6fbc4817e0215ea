"""An endpoint: one container's place on one network, allotted when the container starts."""

from typing import ClassVar

from msgspec import Struct, field


class Endpoint(Struct, frozen=True, kw_only=True):
    """One container's place on one network.

    ``addresses`` are ``address/prefix`` text, IPv4 before IPv6; ``ifname`` is the device inside the
    sandbox, ``device`` the one on the host. ``dns_names`` are in Docker's order: container name,
    aliases, short ID, hostname; the first is the PTR answer. ``links`` maps an alias to the name or
    ID of the container it stands for, and resolves in this container only.
    """

    PREFIX: ClassVar[str] = "endpoints/"

    id: str
    network_id: str
    container_id: str
    sandbox_id: str
    name: str
    mac: str = ""
    addresses: tuple[str, ...] = ()
    link_local: tuple[str, ...] = ()
    ifname: str = ""
    device: str = ""
    dns_names: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    gw_priority: int = 0
    options: dict[str, str] = field(default_factory=dict)
