"""Commands on the hosts of a cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.each import each
from seaway.cli.flags import command, switch
from seaway.cli.output import Field, format_option, listing

TABLE = "table {{.ID}}{{if .Self}} *{{end}}\t{{.Name}}\t{{.Address}}\t{{.Status}}\t{{.Endpoints}}"
"""The usual table; the star marks the host that is asked."""


def _fields(full: bool) -> dict[str, Field]:
    return {
        "ID": Field("ID", lambda n: n["ID"] if full else words.short(n["ID"])),
        "Self": Field("", lambda n: n["Self"]),
        "Name": Field("NAME", lambda n: n["Name"]),
        "Address": Field("ADDRESS", lambda n: n["Address"]),
        "Status": Field("STATUS", lambda n: str(n["Status"]).capitalize()),
        "Endpoints": Field("ENDPOINTS", lambda n: str(n["EndpointCount"])),
        "Version": Field("VERSION", lambda n: n["Version"]),
    }


@command("ls")
@format_option
@switch("--no-trunc", help="Do not shorten IDs")
@switch("-q", "--quiet", help="Show IDs only")
@pass_client
def ls(client: Client, form: str, as_json: bool, no_trunc: bool, quiet: bool) -> None:
    """List the hosts of the cluster; this daemon's own has a *."""
    found = sorted(client.get("/seaway/nodes"), key=lambda node: words.natural(node["Name"]))
    usual = not quiet and form in ("", "table")
    listing(found, _fields(no_trunc), (), TABLE if usual else form, as_json, "ID" if quiet else "")


@command("rm")
@switch("-f", "--force", help="Remove a host that is alive, too")
@click.argument("nodes", metavar="NODE...", nargs=-1, required=True, shell_complete=complete.nodes)
@pass_client
def rm(client: Client, nodes: tuple[str, ...], force: bool) -> None:
    """Forget hosts that are gone, and free what they held: endpoints, addresses, names."""

    def work(name: str) -> str:
        gone = client.delete(f"/seaway/nodes/{name_in_path(name)}", force=force)
        return "\n".join([name, *freed(gone)])

    each(nodes, work)


def freed(node: Mapping[str, Any]) -> Iterator[str]:
    """What a removed host had held, a line for each endpoint."""
    for one in node.get("Endpoints") or ():
        addresses = ", ".join(address.partition("/")[0] for address in one["Addresses"])
        yield f"  freed {addresses or 'no address'} of {one['Name']} on {one['Network']}"
