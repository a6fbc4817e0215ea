"""What ``--driver-opt`` asks of one endpoint: its interface's name, and kernel parameters. Pure."""

from collections.abc import Iterator, Mapping

from seaway.drivers.parts import INTERFACE, PREFIX, sysctl_device
from seaway.errors import InvalidInput

IFNAME = PREFIX + "endpoint.ifname"
SYSCTLS = PREFIX + "endpoint.sysctls"
PLACE = "IFNAME"
"""Stands in a parameter's name for the interface's."""


def check(options: Mapping[str, str]) -> None:
    """Refuse options that cannot be meant. Raises InvalidInput; keys nobody knows have no effect."""
    name = options.get(IFNAME, "eth0")
    if not INTERFACE.fullmatch(name) or name in (".", "..", "lo"):
        raise InvalidInput(
            f"invalid interface name {IFNAME}={name}: it has 1 to 15 characters, no blank, no '/' and no "
            "':', and is not lo"
        )
    for word in _words(options):
        parts = word.partition("=")[0].split(".")
        if "=" not in word or "/" in word or len(parts) != 5 or (parts[0], parts[3]) != ("net", PLACE):
            raise InvalidInput(
                f"invalid sysctl {word!r} in {SYSCTLS}: write net.ipv4.conf.{PLACE}.log_martians=1, and a "
                "comma before the next one"
            )


def sysctls(options: Mapping[str, str], ifname: str) -> Iterator[tuple[str, str]]:
    """Names and values of the parameters asked for, for this interface."""
    for word in _words(options):
        name, _, value = word.partition("=")
        parts = name.split(".")
        parts[3] = sysctl_device(ifname)
        yield ".".join(parts), value


def _words(options: Mapping[str, str]) -> list[str]:
    return [word.strip() for word in options.get(SYSCTLS, "").split(",") if word.strip()]
