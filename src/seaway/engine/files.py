"""The three files Docker gives every container: /etc/hosts, /etc/resolv.conf, /etc/hostname."""

import os
from dataclasses import dataclass
from pathlib import Path

from seaway.dns import files as texts
from seaway.engine import host, links, lookup, modes, wayout
from seaway.engine.core import Core
from seaway.errors import InvalidInput
from seaway.model import Container, Endpoint

NAMES = {"/etc/hosts": "hosts", "/etc/resolv.conf": "resolv.conf", "/etc/hostname": "hostname"}
HOST_GATEWAY = "host-gateway"


@dataclass(slots=True)
class Files:
    """Writes and refreshes the files of containers; they are bound into the container, so in place."""

    core: Core

    def upstreams(self, container: Container) -> tuple[str, ...]:
        """The servers that names unknown to the embedded resolver are forwarded to."""
        return texts.upstreams(host.name_servers(), self._dns(container))

    def write(self, container: Container) -> dict[str, str]:
        """Write a container's files; returns what is to be bound where. Blocking."""
        owner = self._owner(container)
        if owner is not container:
            return self.paths(owner)
        directory = self.core.directory(container.id)
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("hosts", self._hosts(container)),
            ("resolv.conf", self._resolv_conf(container)),
            ("hostname", texts.hostname(container.config.hostname or os.uname().nodename)),
        ):
            _write(directory / name, text)
        return self.paths(container)

    def paths(self, container: Container) -> dict[str, str]:
        """Path in the container → path of ours."""
        directory = self.core.directory(self._owner(container).id)
        return {inside: str(directory / name) for inside, name in NAMES.items()}

    async def refresh(self, container: Container) -> None:
        """Bring /etc/hosts and /etc/resolv.conf up to date after a connect, disconnect or rename."""
        directory = self.core.directory(container.id)
        if directory.exists():
            _write(directory / "hosts", self._hosts(container))
            _write(directory / "resolv.conf", self._resolv_conf(container))

    def _owner(self, container: Container) -> Container:
        return lookup.sandbox_owner(self.core.facts.containers, container)

    def _hosts(self, container: Container) -> str:
        extra = [self._extra(e) for e in container.host.extra_hosts or ()]
        if modes.parse(container.host.network_mode).host:
            return texts.host_mode_hosts(_read("/etc/hosts"), extra)
        facts = self.core.facts
        places = [
            e
            for e in facts.snapshot().endpoints_of_container(container.id)
            if not wayout.is_way_out(facts, e)
        ]
        names = _names(container)
        entries = [*self._legacy_links(container), *((a, names) for e in places for a in e.addresses)]
        return texts.hosts(entries, extra)

    def link_environment(self, container: Container) -> list[str]:
        """Variables that tell a container on the default bridge of those it is linked to."""
        told = []
        for link, other in self._linked(container):
            places = self._default_places(other)
            if self._default_places(container):
                address = next((a for e in places for a in e.addresses if ":" not in a), "")
                told += links.environment(container.name, links.alias(link), other, address.partition("/")[0])
        return told

    def _legacy_links(self, container: Container) -> list[tuple[str, str]]:
        """Lines for ``--link`` on the default bridge, where there is no DNS."""
        found = []
        for link, other in self._linked(container):
            words = (links.alias(link), other.config.hostname, other.name)
            names = " ".join(dict.fromkeys(words))
            found += [(a, names) for e in self._default_places(other) for a in e.addresses]
        return found

    def _linked(self, container: Container) -> list[tuple[str, Container]]:
        """The container's links, each with the container it names."""
        everybody = self.core.facts.containers.values()
        found = []
        for link in container.host.links or ():
            name = links.target(link)
            other = next((c for c in everybody if name in (c.name, c.id)), None)
            if other is None:
                raise InvalidInput(f"could not get container for {name}")
            found.append((link, other))
        return found

    def _default_places(self, container: Container) -> list[Endpoint]:
        snapshot = self.core.facts.snapshot()
        return [
            e
            for e in snapshot.endpoints_of_container(container.id)
            if e.network_id in snapshot.networks and snapshot.networks[e.network_id].default_bridge
        ]

    def _extra(self, text: str) -> str:
        name, address = texts.split_host(text)
        if address != HOST_GATEWAY:
            return text
        gateway = self.core.settings.host_gateway_ip or next(
            (p.gateway for n in self.core.facts.networks.values() if n.default_bridge for p in n.pools), ""
        )
        if not gateway:
            raise InvalidInput(
                "unable to derive the IP value for host-gateway: give the daemon --host-gateway-ip"
            )
        return f"{name}:{gateway}"

    def _resolv_conf(self, container: Container) -> str:
        settings = self.core.settings
        mode = modes.parse(container.host.network_mode)
        box = self.core.facts.sandboxes.get(container.sandbox_id)
        text, _ = texts.resolv_conf(
            host.name_servers(),
            self._dns(container),
            container.host.dns_search or settings.dns_search,
            container.host.dns_options or settings.dns_options,
            embedded=box is not None and box.dns,
            host=mode.host,
        )
        return text

    def _dns(self, container: Container) -> tuple[str, ...]:
        return tuple(container.host.dns or self.core.settings.dns)


def _names(container: Container) -> str:
    hostname = container.config.hostname
    domain = container.config.domainname
    return f"{hostname}.{domain} {hostname}" if domain else hostname


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    """In place, so that a bind mount of the file keeps showing it."""
    try:
        if path.read_text() == text:
            return
    except OSError:
        pass
    with path.open("w") as file:
        file.write(text)
