"""A cluster's facts about hosts and what stands on other hosts: members, and remote endpoints."""

from typing import ClassVar

from msgspec import Struct


class Member(Struct, frozen=True, kw_only=True):
    """A host of the cluster. ``address`` is what it advertises: where its VXLAN packets come from and go to.

    Whether it is alive is not a fact of its own making: it is while its lease in the store runs.
    """

    PREFIX: ClassVar[str] = "nodes/"

    id: str
    name: str
    address: str
    version: str = ""


class Remote(Struct, frozen=True, kw_only=True):
    """An endpoint on another host, as that host published it. ``addresses`` are ``address/prefix`` text.

    ``revision`` is that of the store's commit that wrote it: of two that claim the same address or MAC
    address, the one written later holds. It is not part of the stored form.
    """

    PREFIX: ClassVar[str] = "endpoints/"

    id: str
    network_id: str
    node: str
    container_id: str
    name: str
    mac: str
    addresses: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    revision: int = 0
