"""What containers there are, and what they look like from here: ``ps``, ``port``, ``top``."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, filters, name_in_path, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, many, switch
from seaway.cli.output import Field, format_option, listing

COMMAND_LENGTH = 20


def _names(item: dict[str, Any], full: bool) -> str:
    """Names without the slash; links' names (``/c8/db``) only when nothing is cut."""
    found = [name.removeprefix("/") for name in item["Names"]]
    return ",".join(name for name in found if full or "/" not in name)


def _size(item: dict[str, Any]) -> str:
    writable, whole = item.get("SizeRw", 0), item.get("SizeRootFs", 0)
    return words.size(writable) + (f" (virtual {words.size(whole)})" if whole else "")


def _image(item: dict[str, Any], full: bool) -> str:
    name = item["Image"] or "<no image>"
    return words.short(name) if name.startswith("sha256:") and not full else name


def fields(full: bool) -> Mapping[str, Field]:
    """The columns; ``full`` cuts nothing."""
    cut: Callable[[str], str] = (lambda text: text) if full else words.short
    return {
        "ID": Field("CONTAINER ID", lambda c: cut(c["Id"])),
        "Image": Field("IMAGE", lambda c: _image(c, full)),
        "Command": Field(
            "COMMAND",
            lambda c: words.quoted(c["Command"] if full else words.ellipsis(c["Command"], COMMAND_LENGTH)),
        ),
        "CreatedAt": Field("CREATED AT", lambda c: words.local_time(c["Created"])),
        "RunningFor": Field("CREATED", lambda c: words.ago(c["Created"])),
        "Status": Field("STATUS", lambda c: c["Status"]),
        "State": Field("STATE", lambda c: c["State"]),
        "Ports": Field("PORTS", lambda c: words.ports(c.get("Ports") or ())),
        "Names": Field("NAMES", lambda c: _names(c, full)),
        "Size": Field("SIZE", _size),
        "Labels": Field("LABELS", lambda c: words.labels(c.get("Labels"))),
        "Label": Field("", lambda c: lambda key: (c.get("Labels") or {}).get(key, "")),
        "Mounts": Field(
            "MOUNTS", lambda c: ",".join(m.get("Name") or m["Source"] for m in c.get("Mounts") or ())
        ),
        "Networks": Field("NETWORKS", lambda c: ",".join(sorted(c["NetworkSettings"]["Networks"] or ()))),
        "LocalVolumes": Field(
            "LOCAL VOLUMES", lambda c: str(sum(m.get("Driver") == "local" for m in c.get("Mounts") or ()))
        ),
    }


@command("ps")
@switch("-a", "--all", help="Show all containers (default shows just running)")
@many("-f", "--filter", help='Such as "name=web" or "status=exited"')
@format_option
@click.option("-n", "--last", type=int, default=-1, metavar="int", help="Show n last created containers")
@switch("-l", "--latest", help="Show the latest created container")
@switch("--no-trunc", help="Cut nothing")
@switch("-q", "--quiet", help="Show IDs only")
@switch("-s", "--size", help="Show sizes of files")
@pass_client
def ps(
    client: Client,
    all: bool,
    filter: tuple[str, ...],
    form: str,
    as_json: bool,
    last: int,
    latest: bool,
    no_trunc: bool,
    quiet: bool,
    size: bool,
) -> None:
    """List containers."""
    limit = 1 if latest else last if last > 0 else None
    found = client.get(
        "/containers/json",
        all=all,
        filters=filters(filter),
        limit=limit,
        size=size or "{{.Size}}" in form.replace(" ", ""),
    )
    shown = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", *(["Size"] if size else [])]
    listing(found, fields(no_trunc), shown, form, as_json, "ID" if quiet else "")


@command("port")
@click.argument("container", shell_complete=complete.running)
@click.argument("private", metavar="[PRIVATE_PORT[/PROTO]]", default="")
@pass_client
def port(client: Client, container: str, private: str) -> None:
    """List a container's published ports, or where one of them is."""
    found = client.get(f"/containers/{name_in_path(container)}/json")["NetworkSettings"]["Ports"] or {}
    if private:
        number, _, proto = private.partition("/")
        bindings = found.get(f"{number}/{proto or 'tcp'}")
        if not bindings:
            raise Failed(f"no public port '{private}' published for {container}")
        lines = [words.joined(b["HostIp"], b["HostPort"]) for b in bindings]
    else:
        lines = [
            f"{inside} -> {words.joined(b['HostIp'], b['HostPort'])}"
            for inside in sorted(found, key=words.natural)
            for b in found[inside] or ()
        ]
    if lines:
        click.echo("\n".join(lines))


@command("top", rest=True)
@click.argument("container", shell_complete=complete.running)
@click.argument("options", metavar="[ps OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@pass_client
def top(client: Client, container: str, options: tuple[str, ...]) -> None:
    """Show the running processes of a container."""
    found = client.get(f"/containers/{name_in_path(container)}/top", ps_args=" ".join(options))
    click.echo(words.columns([found["Titles"], *found["Processes"]], narrowest=20, gap=4))
