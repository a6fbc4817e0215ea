"""Network modes of containers, and the combinations Docker refuses."""

from dataclasses import dataclass

from seaway.drivers import endpoint_options
from seaway.errors import InvalidInput
from seaway.model import Attachment, Config, HostConfig

CONTAINER = "container:"
PREDEFINED = ("bridge", "host", "none")


@dataclass(frozen=True, slots=True)
class Mode:
    """A parsed NetworkMode: the text, and the container whose sandbox is shared, if any."""

    text: str
    shared: str = ""

    @property
    def host(self) -> bool:
        """The host's own namespace."""
        return self.text == "host"

    @property
    def none(self) -> bool:
        """A namespace with loopback only."""
        return self.text == "none"

    @property
    def user_defined(self) -> bool:
        """A network the user made."""
        return not self.shared and self.text not in PREDEFINED


def parse(text: str) -> Mode:
    """A NetworkMode as given: ``default`` and the empty string mean ``bridge``."""
    if text in ("", "default"):
        return Mode("bridge")
    if text.startswith(CONTAINER):
        target = text.removeprefix(CONTAINER)
        if not target:
            raise InvalidInput("invalid network mode: invalid container format container:<name|id>")
        return Mode(text, target)
    return Mode(text)


def check(mode: Mode, config: Config, host: HostConfig, networks: dict[str, Attachment]) -> None:
    """Refuse what cannot go together. Raises InvalidInput with Docker's words."""
    if mode.shared:
        _check_shared(config, host)
    if (mode.host or mode.shared) and (config.mac_address or any(a.mac_address for a in networks.values())):
        raise InvalidInput("conflicting options: mac-address and the network mode")
    if host.links and (mode.host or mode.shared):
        raise InvalidInput("conflicting options: host type networking can't be used with links"
                           if mode.host else "conflicting options: container type network can't be used "
                           "with links. This would result in undefined behavior")  # fmt: skip
    special = [n for n in networks if n in ("host", "none")]
    if len(networks) > 1 and special:
        raise InvalidInput(
            f"conflicting options: cannot attach both user-defined and non-user-defined network-modes: "
            f"{special[0]} is one of {', '.join(sorted(networks))}"
        )
    for name, attachment in networks.items():
        check_attachment(name, attachment)


def _check_shared(config: Config, host: HostConfig) -> None:
    conflicts = (
        (host.port_bindings or host.publish_all_ports, "port publishing and the container type network mode"),
        (config.exposed_ports, "port exposing and the container type network mode"),
        (config.hostname, "hostname and the network mode"),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (config.mac_address, "mac-address and the network mode"),
    )
    for given, words in conflicts:
        if given:
            raise InvalidInput(f"conflicting options: {words}")


def check_attachment(name: str, attachment: Attachment) -> None:
    """Refuse settings that the network cannot take, all at once, as Docker lists them."""
    wrong = []
    wanted = attachment.ipam_config
    if name in PREDEFINED:
        if wanted is not None and (wanted.ipv4 or wanted.ipv6):
            wrong.append("user specified IP address is supported on user defined networks only")
            if name != "bridge":
                wrong.append(
                    "user specified IP address is supported only when connecting to networks with user "
                    "configured subnets"
                )
        if attachment.aliases and name == "bridge":
            wrong.append("network-scoped aliases are only supported for user-defined networks")
    if wrong:
        lines = "".join(f"\n* {w}" for w in wrong)
        raise InvalidInput(f"invalid config for network {name}: invalid endpoint settings:{lines}")
    endpoint_options.check(attachment.driver_opts or {})
