"""Commands on networks."""

from ipaddress import ip_interface, ip_network
from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, filters, name_in_path, pass_client
from seaway.cli.each import confirmed, each
from seaway.cli.failures import Failed
from seaway.cli.flags import command, many, switch, text
from seaway.cli.output import Field, format_option, listing
from seaway.cli.pairs import mapping

network_argument = click.argument("network", shell_complete=complete.networks)
container_argument = click.argument("container", shell_complete=complete.containers)


@command("create")
@switch("--attachable", help="Enable manual container attachment")
@many("--aux-address", help="Auxiliary IPv4 or IPv6 addresses used by the network driver: name=address")
@text("--config-from", help="The network from which to copy the configuration")
@switch("--config-only", help="Create a configuration only network")
@text("-d", "--driver", default="bridge", help="Driver to manage the network")
@many("--gateway", help="IPv4 or IPv6 gateway for the subnet")
@switch("--ingress", help="Create swarm routing-mesh network")
@switch("--internal", help="Restrict external access to the network")
@many("--ip-range", help="Allocate container IPs from a sub-range")
@text("--ipam-driver", default="default", help="IP address management driver")
@many("--ipam-opt", help="IPAM driver specific options: key=value")
@switch("--ipv4", default=None, help="Enable or disable IPv4 address assignment (default true)")
@switch("--ipv6", default=None, help="Enable or disable IPv6 address assignment")
@many("--label", help="Set metadata on the network")
@many("-o", "--opt", help="Driver specific options: key=value")
@text("--scope", help="Control the network's scope")
@many("--subnet", help="Subnet in CIDR format that represents a network segment")
@click.argument("network")
@pass_client
def create(client: Client, /, network: str, **flags: Any) -> None:
    """Create a network."""
    answer = client.post("/networks/create", creation(network, **flags))
    if answer.get("Warning"):
        click.echo(f"WARNING: {answer['Warning']}", err=True)
    click.echo(answer["Id"])


def creation(name: str, **flags: Any) -> dict[str, Any]:
    """The body of a create request."""
    body: dict[str, Any] = {
        "Name": name,
        "Driver": flags["driver"],
        "Scope": flags["scope"],
        "IPAM": {
            "Driver": flags["ipam_driver"],
            "Options": mapping(flags["ipam_opt"]),
            "Config": pools(
                flags["subnet"], flags["ip_range"], flags["gateway"], mapping(flags["aux_address"])
            ),
        },
        "Internal": flags["internal"],
        "Attachable": flags["attachable"],
        "Ingress": flags["ingress"],
        "ConfigOnly": flags["config_only"],
        "ConfigFrom": {"Network": flags["config_from"]} if flags["config_from"] else None,
        "Options": mapping(flags["opt"]),
        "Labels": mapping(flags["label"]),
    }
    asked = {"EnableIPv4": flags["ipv4"], "EnableIPv6": flags["ipv6"]}
    return body | {key: value for key, value in asked.items() if value is not None}


def pools(
    subnets: tuple[str, ...], ranges: tuple[str, ...], gateways: tuple[str, ...], aux: dict[str, str]
) -> list[dict[str, Any]]:
    """IPAM.Config: every range, gateway and address goes to the subnet that holds it."""
    split = tuple(part for given in subnets for part in given.split(","))
    if not split and (ranges or gateways or aux):
        raise Failed("every ip-range or gateway must have a corresponding subnet")
    found: dict[str, dict[str, Any]] = {subnet: {"Subnet": subnet} for subnet in split}
    for key, values in (("IPRange", ranges), ("Gateway", gateways)):
        for value in (part for given in values for part in given.split(",")):
            pool = found[_home(value, split)]
            if key in pool:
                raise Failed(
                    f"cannot configure multiple {'ranges' if key == 'IPRange' else 'gateways'} "
                    f"({value}, {pool[key]}) on the same subnet ({pool['Subnet']})"
                )
            pool[key] = value
    for name, address in aux.items():
        found[_home(address, split)].setdefault("AuxiliaryAddresses", {})[name] = address
    return list(found.values())


def _home(value: str, subnets: tuple[str, ...]) -> str:
    """The subnet that an address or range lies in."""
    try:
        address = ip_interface(value).ip
    except ValueError:
        raise Failed(f"invalid address: {value}") from None
    for subnet in subnets:
        try:
            if address in ip_network(subnet, strict=False):
                return subnet
        except ValueError:
            raise Failed(f"invalid subnet: {subnet}") from None
    raise Failed(f"no matching subnet for {value}")


@command("connect")
@many("--alias", help="Add network-scoped alias for the container")
@many("--driver-opt", help="Driver options for the network: key=value")
@click.option(
    "--gw-priority",
    type=int,
    default=0,
    metavar="int",
    help="Highest gw-priority provides the default gateway",
)
@text("--ip", help='IPv4 address (e.g., "172.30.100.104")')
@text("--ip6", help='IPv6 address (e.g., "2001:db8::33")')
@many("--link", help="Add link to another container")
@many("--link-local-ip", help="Add a link-local address for the container")
@network_argument
@container_argument
@pass_client
def connect(client: Client, /, network: str, container: str, **flags: Any) -> None:
    """Connect a container to a network."""
    client.post(f"/networks/{name_in_path(network)}/connect", connection(container, **flags))


def connection(container: str, **flags: Any) -> dict[str, Any]:
    """The body of a connect request."""
    addresses = {
        "IPv4Address": flags["ip"],
        "IPv6Address": flags["ip6"],
        "LinkLocalIPs": list(flags["link_local_ip"]),
    }
    return {
        "Container": container,
        "EndpointConfig": {
            "IPAMConfig": {key: value for key, value in addresses.items() if value},
            "Links": list(flags["link"]) or None,
            "Aliases": list(flags["alias"]),
            "DriverOpts": mapping(flags["driver_opt"]),
            "GwPriority": flags["gw_priority"],
        },
    }


@command("disconnect")
@switch("-f", "--force", help="Force the container to disconnect from the network")
@network_argument
@container_argument
@pass_client
def disconnect(client: Client, network: str, container: str, force: bool) -> None:
    """Disconnect a container from a network."""
    client.post(f"/networks/{name_in_path(network)}/disconnect", {"Container": container, "Force": force})


def _fields(full: bool) -> dict[str, Field]:
    return {
        "ID": Field("NETWORK ID", lambda n: n["Id"] if full else words.short(n["Id"])),
        "Name": Field("NAME", lambda n: n["Name"]),
        "Driver": Field("DRIVER", lambda n: n["Driver"]),
        "Scope": Field("SCOPE", lambda n: n["Scope"]),
        "IPv4": Field("IPV4", lambda n: str(n.get("EnableIPv4", True)).lower()),
        "IPv6": Field("IPV6", lambda n: str(n.get("EnableIPv6", False)).lower()),
        "Internal": Field("INTERNAL", lambda n: str(n.get("Internal", False)).lower()),
        "CreatedAt": Field("CREATED AT", lambda n: n.get("Created", "")),
        "Labels": Field("LABELS", lambda n: words.labels(n.get("Labels"))),
        "Label": Field("", lambda n: lambda key: (n.get("Labels") or {}).get(key, "")),
    }


@command("ls")
@many("-f", "--filter", help='Such as "driver=bridge"')
@format_option
@switch("--no-trunc", help="Do not shorten IDs")
@switch("-q", "--quiet", help="Show IDs only")
@pass_client
def ls(
    client: Client, filter: tuple[str, ...], form: str, as_json: bool, no_trunc: bool, quiet: bool
) -> None:
    """List networks."""
    found = sorted(client.get("/networks", filters=filters(filter)), key=lambda n: words.natural(n["Name"]))
    shown = ("ID", "Name", "Driver", "Scope")
    listing(found, _fields(no_trunc), shown, form, as_json, "ID" if quiet else "")


@command("rm")
@switch("-f", "--force", help="Do not fail if the network does not exist")
@click.argument("networks", metavar="NETWORK...", nargs=-1, required=True, shell_complete=complete.networks)
@pass_client
def rm(client: Client, networks: tuple[str, ...], force: bool) -> None:
    """Remove one or more networks."""

    def work(name: str) -> str | None:
        try:
            client.delete(f"/networks/{name_in_path(name)}")
        except Failed as error:
            if force and error.status == 404:
                return None
            raise
        return name

    each(networks, work)


@command("prune")
@many("--filter", help='Such as "until=24h" or "label=a"')
@switch("-f", "--force", help="Do not ask")
@pass_client
def prune(client: Client, filter: tuple[str, ...], force: bool) -> None:
    """Remove all unused networks."""
    if not confirmed(force, "all custom networks not used by at least one container"):
        return
    deleted = client.post("/networks/prune", filters=filters(filter)).get("NetworksDeleted") or []
    if deleted:
        click.echo("Deleted Networks:\n" + "\n".join(deleted) + "\n")
