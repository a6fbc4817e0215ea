"""The far end of an endpoint's device, inside the sandbox: kernel parameters and addresses. Pure."""

from collections.abc import Iterator

from seaway.datapath.resources import Address, Resource, Sysctl
from seaway.drivers.endpoint_options import sysctls
from seaway.drivers.parts import sysctl_device
from seaway.model import Endpoint, Sandbox


def far_end(endpoint: Endpoint, box: Sandbox) -> Iterator[Resource]:
    """What every driver that gives a device wants inside the sandbox."""
    addresses = (*endpoint.addresses, *map(_link_local, endpoint.link_local))
    six = "0" if any(":" in a for a in addresses) else "1"
    inside = f"net.ipv6.conf.{sysctl_device(endpoint.ifname)}"
    asked = {f"{inside}.disable_ipv6": six, **dict(sysctls(endpoint.options, endpoint.ifname))}
    for name, value in asked.items():
        yield Sysctl(ns=box.path, name=name, value=value)
    for cidr in addresses:
        yield Address(ns=box.path, device=endpoint.ifname, cidr=cidr)


def _link_local(address: str) -> str:
    """An extra address with its prefix: Docker's are 169.254.0.0/16 and fe80::/64."""
    return address if "/" in address else f"{address}/{64 if ':' in address else 16}"
