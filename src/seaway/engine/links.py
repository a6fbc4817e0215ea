"""Legacy links (``--link``) on the default bridge, told to containers by environment variables. Pure."""

from collections.abc import Iterable

from seaway.model import Container

HIDDEN = ("HOME", "PATH")
"""Variables of the linked container that are its own business."""


def target(link: str) -> str:
    """The container a link names: its name or ID."""
    return link.partition(":")[0].removeprefix("/")


def alias(link: str) -> str:
    """The name a link gives; the container's own when it says none."""
    name, _, given = link.partition(":")
    return (given or name).rpartition("/")[2]


def environment(parent: str, name: str, linked: Container, address: str) -> list[str]:
    """What a container named ``parent`` is told of the one linked as ``name`` at ``address``."""
    prefix = name.replace("-", "_").upper()
    ports = sorted(_ports(linked))
    told = [f"{prefix}_NAME=/{parent}/{name}"]
    if address and ports:
        number, proto = ports[0]
        told.append(f"{prefix}_PORT={proto}://{address}:{number}")
        for number, proto in ports:
            one = f"{prefix}_PORT_{number}_{proto.upper()}"
            told += [
                f"{one}={proto}://{address}:{number}",
                f"{one}_ADDR={address}",
                f"{one}_PORT={number}",
                f"{one}_PROTO={proto}",
            ]
    return told + [f"{prefix}_ENV_{entry}" for entry in _open(linked.config.env or ())]


def _open(env: Iterable[str]) -> list[str]:
    return [entry for entry in env if entry.partition("=")[0] not in HIDDEN]


def _ports(linked: Container) -> Iterable[tuple[int, str]]:
    for text in linked.config.exposed_ports or {}:
        number, _, proto = text.partition("/")
        if number.isdigit():
            yield int(number), proto or "tcp"
