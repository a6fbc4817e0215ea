"""Commands on volumes."""

import click

from seaway.cli import words
from seaway.cli.client import Client, filters, name_in_path, pass_client
from seaway.cli.each import confirmed, each
from seaway.cli.failures import Failed
from seaway.cli.flags import command, many, switch, text
from seaway.cli.output import Field, format_option, listing
from seaway.cli.pairs import mapping

FIELDS = {
    "Driver": Field("DRIVER", lambda v: v["Driver"]),
    "Name": Field("VOLUME NAME", lambda v: v["Name"]),
    "Scope": Field("SCOPE", lambda v: v.get("Scope", "local")),
    "Mountpoint": Field("MOUNTPOINT", lambda v: v.get("Mountpoint", "")),
    "Labels": Field("LABELS", lambda v: words.labels(v.get("Labels"))),
    "Label": Field("", lambda v: lambda key: (v.get("Labels") or {}).get(key, "")),
}


@command("ls")
@many("-f", "--filter", help='Such as "dangling=true"')
@format_option
@switch("-q", "--quiet", help="Show names only")
@pass_client
def ls(client: Client, filter: tuple[str, ...], form: str, as_json: bool, quiet: bool) -> None:
    """List volumes."""
    found = client.get("/volumes", filters=filters(filter))["Volumes"] or []
    found.sort(key=lambda volume: words.natural(volume["Name"]))
    listing(found, FIELDS, ("Driver", "Name"), form, as_json, "Name" if quiet else "")


@command("create")
@text("-d", "--driver", default="local", help="Specify volume driver name")
@many("--label", help="Set metadata for a volume")
@many("-o", "--opt", help="Set driver specific options: key=value")
@click.argument("volume", default="")
@pass_client
def create(client: Client, volume: str, driver: str, label: tuple[str, ...], opt: tuple[str, ...]) -> None:
    """Create a volume."""
    body = {"Name": volume, "Driver": driver, "Labels": mapping(label), "DriverOpts": mapping(opt)}
    answer = client.post("/volumes/create", {key: value for key, value in body.items() if value})
    click.echo(answer["Name"])


@command("rm")
@switch("-f", "--force", help="Do not fail if a volume does not exist")
@click.argument("volumes", metavar="VOLUME...", nargs=-1, required=True)
@pass_client
def rm(client: Client, volumes: tuple[str, ...], force: bool) -> None:
    """Remove one or more volumes."""

    def work(name: str) -> str | None:
        try:
            client.delete(f"/volumes/{name_in_path(name)}", force=force)
        except Failed as error:
            if force and error.status == 404:
                return None
            raise
        return name

    each(volumes, work)


@command("prune")
@switch("-a", "--all", help="Remove all unused volumes, not just nameless ones")
@many("--filter", help='Such as "label=a"')
@switch("-f", "--force", help="Do not ask")
@pass_client
def prune(client: Client, all: bool, filter: tuple[str, ...], force: bool) -> None:
    """Remove unused volumes."""
    if not confirmed(force, "all volumes not used by at least one container"):
        return
    wanted = ({"all": {"true": True}} if all else {}) | filters(filter)
    report = client.post("/volumes/prune", filters=wanted)
    deleted = report.get("VolumesDeleted") or []
    if deleted:
        click.echo("Deleted Volumes:\n" + "\n".join(deleted) + "\n")
    click.echo(f"Total reclaimed space: {words.size(report.get('SpaceReclaimed', 0))}")
