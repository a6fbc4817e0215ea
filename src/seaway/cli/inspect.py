"""``inspect``: everything the daemon knows of an object."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from seaway.cli import complete
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, switch, text
from seaway.cli.output import inspect_format, inspected

PATHS: Mapping[str, str] = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}
"""Where objects are asked for, in the order in which a bare name is tried."""


def _found(client: Client, kind: str, name: str, **query: Any) -> Any:
    return client.get(PATHS[kind].format(name_in_path(name)), **query)


def _all(names: tuple[str, ...], form: str, look: Callable[[str], Any]) -> None:
    """Print what was found of all names, then the failures; any failure makes the command fail."""
    found, failures = [], []
    for name in names:
        try:
            found.append(look(name))
        except Failed as error:
            if not error.status:
                raise
            failures.append(error.message)
    if found or not form:
        inspected(found, form)
    if failures:
        raise Failed("\n".join(failures))


def _anything(client: Client, name: str, size: bool) -> Any:
    for kind in PATHS:
        try:
            return _found(client, kind, name, **({"size": size} if kind == "container" else {}))
        except Failed as error:
            if error.status != 404:
                raise
    raise Failed(f"Error: No such object: {name}", status=404)


@command("inspect")
@inspect_format
@switch("-s", "--size", help="Show file sizes of containers")
@text("--type", help="Only inspect objects of this type: " + ", ".join(PATHS))
@click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=complete.containers)
@pass_client
def inspect(client: Client, names: tuple[str, ...], form: str, size: bool, type: str) -> None:
    """Show everything about containers, images, networks or volumes."""
    if type and type not in PATHS:
        raise Failed(f'"{type}" is not a valid value for --type; known: {", ".join(PATHS)}')
    query = {"size": size} if type == "container" else {}
    _all(names, form, lambda n: _found(client, type, n, **query) if type else _anything(client, n, size))


@command("inspect")
@inspect_format
@switch("-s", "--size", help="Show file sizes")
@click.argument("names", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=complete.containers)
@pass_client
def container_inspect(client: Client, names: tuple[str, ...], form: str, size: bool) -> None:
    """Show everything about one or more containers."""
    _all(names, form, lambda name: _found(client, "container", name, size=size))


@command("inspect")
@inspect_format
@switch("-v", "--verbose", help="Verbose output for diagnostics")
@click.argument("names", metavar="NETWORK...", nargs=-1, required=True, shell_complete=complete.networks)
@pass_client
def network_inspect(client: Client, names: tuple[str, ...], form: str, verbose: bool) -> None:
    """Show everything about one or more networks."""
    query = {"verbose": "true"} if verbose else {}
    _all(names, form, lambda name: _found(client, "network", name, **query))


@command("inspect")
@inspect_format
@click.argument("names", metavar="IMAGE...", nargs=-1, required=True, shell_complete=complete.images)
@pass_client
def image_inspect(client: Client, names: tuple[str, ...], form: str) -> None:
    """Show everything about one or more images."""
    _all(names, form, lambda name: _found(client, "image", name))


@command("inspect")
@inspect_format
@click.argument("names", metavar="VOLUME...", nargs=-1, required=True)
@pass_client
def volume_inspect(client: Client, names: tuple[str, ...], form: str) -> None:
    """Show everything about one or more volumes."""
    _all(names, form, lambda name: _found(client, "volume", name))


@command("inspect")
@inspect_format
@click.argument("names", metavar="NODE...", nargs=-1, required=True, shell_complete=complete.nodes)
@pass_client
def node_inspect(client: Client, names: tuple[str, ...], form: str) -> None:
    """Show everything about one or more hosts of the cluster."""
    _all(names, form, lambda name: client.get(f"/seaway/nodes/{name_in_path(name)}"))
