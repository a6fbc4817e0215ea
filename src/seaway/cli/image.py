"""Commands on images that are here."""

from collections.abc import Iterator
from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, filters, name_in_path, pass_client
from seaway.cli.each import confirmed, each
from seaway.cli.flags import command, many, switch
from seaway.cli.output import Field, format_option, listing
from seaway.cli.pull import split_reference

NONE = "<none>"


def _named(images: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One item for each name of each image, newest image first; nameless images once."""
    for image in sorted(images, key=lambda i: -int(i["Created"])):
        digests = {
            split_reference(text)[0]: text.rpartition("@")[2] for text in image.get("RepoDigests") or ()
        }
        tags = [tag for tag in image.get("RepoTags") or () if tag != f"{NONE}:{NONE}"]
        pairs = [split_reference(tag) for tag in tags] or [(next(iter(digests), NONE), NONE)]
        for name, tag in pairs:
            yield image | {"Repository": name, "Tag": tag, "Digest": digests.get(name, NONE)}


def _fields(full: bool) -> dict[str, Field]:
    return {
        "Repository": Field("REPOSITORY", lambda i: i["Repository"]),
        "Tag": Field("TAG", lambda i: i["Tag"]),
        "Digest": Field("DIGEST", lambda i: i["Digest"]),
        "ID": Field("IMAGE ID", lambda i: i["Id"] if full else words.short(i["Id"])),
        "CreatedSince": Field("CREATED", lambda i: words.ago(i["Created"])),
        "CreatedAt": Field("CREATED AT", lambda i: words.local_time(i["Created"])),
        "Size": Field("SIZE", lambda i: words.size(i["Size"])),
        "Containers": Field(
            "CONTAINERS", lambda i: "N/A" if i.get("Containers", -1) < 0 else str(i["Containers"])
        ),
    }


@command("ls")
@switch("-a", "--all", help="Show intermediate images too")
@switch("--digests", help="Show digests")
@many("-f", "--filter", help='Such as "reference=web*" or "dangling=true"')
@format_option
@switch("--no-trunc", help="Cut nothing")
@switch("-q", "--quiet", help="Show IDs only")
@click.argument("repository", metavar="[REPOSITORY[:TAG]]", default="")
@pass_client
def ls(
    client: Client,
    repository: str,
    all: bool,
    digests: bool,
    filter: tuple[str, ...],
    form: str,
    as_json: bool,
    no_trunc: bool,
    quiet: bool,
) -> None:
    """List images."""
    wanted = (*filter, f"reference={repository}") if repository else filter
    found = client.get("/images/json", all=all, filters=filters(wanted))
    if quiet:
        found = sorted(found, key=lambda i: -int(i["Created"]))
    shown = ["Repository", "Tag", *(["Digest"] if digests else []), "ID", "CreatedSince", "Size"]
    items = found if quiet or as_json else list(_named(found))
    listing(items, _fields(no_trunc), shown, form, as_json, "ID" if quiet else "")


@command("rm")
@switch("-f", "--force", help="Remove it even when it is used")
@switch("--no-prune", help="Do not delete untagged parents")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, shell_complete=complete.images)
@pass_client
def rm(client: Client, images: tuple[str, ...], force: bool, no_prune: bool) -> None:
    """Remove one or more images."""

    def work(name: str) -> str:
        report = client.delete(f"/images/{name_in_path(name)}", force=force, noprune=no_prune)
        return "\n".join(f"{what}: {which}" for entry in report for what, which in entry.items())

    each(images, work)


@command("tag")
@click.argument("source", metavar="SOURCE_IMAGE[:TAG]", shell_complete=complete.images)
@click.argument("target", metavar="TARGET_IMAGE[:TAG]")
@pass_client
def tag(client: Client, source: str, target: str) -> None:
    """Give an image another name."""
    repository, name = split_reference(target)
    client.post(f"/images/{name_in_path(source)}/tag", repo=repository, tag=name or "latest")


HISTORY = {
    "CreatedSince": Field("CREATED", lambda h: words.ago(h["Created"])),
    "CreatedAt": Field("CREATED AT", lambda h: words.local_time(h["Created"])),
    "Comment": Field("COMMENT", lambda h: h["Comment"]),
}


def _history_fields(full: bool, human: bool) -> dict[str, Field]:
    return HISTORY | {
        "ID": Field("IMAGE", lambda h: h["Id"] if full else words.short(h["Id"])),
        "CreatedBy": Field(
            "CREATED BY",
            lambda h: (
                " ".join(h["CreatedBy"].split())
                if full
                else words.ellipsis(" ".join(h["CreatedBy"].split()), 45)
            ),
        ),
        "Size": Field("SIZE", lambda h: words.size(h["Size"]) if human else str(h["Size"])),
    }


@command("history")
@format_option
@switch("-H", "--human", default=True, help="Print sizes for people (default true)")
@switch("--no-trunc", help="Cut nothing")
@switch("-q", "--quiet", help="Show IDs only")
@click.argument("image", shell_complete=complete.images)
@pass_client
def history(
    client: Client, image: str, form: str, as_json: bool, human: bool, no_trunc: bool, quiet: bool
) -> None:
    """Show the history of an image."""
    found = client.get(f"/images/{name_in_path(image)}/history")
    shown = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")
    listing(found, _history_fields(no_trunc, human), shown, form, as_json, "ID" if quiet else "")


@command("prune")
@switch("-a", "--all", help="Remove all unused images, not just nameless ones")
@many("--filter", help='Such as "until=24h"')
@switch("-f", "--force", help="Do not ask")
@pass_client
def prune(client: Client, all: bool, filter: tuple[str, ...], force: bool) -> None:
    """Remove unused images."""
    if not confirmed(force, "all images without a container" if all else "all dangling images"):
        return
    wanted = {"dangling": {str(not all).lower(): True}} | filters(filter)
    report = client.post("/images/prune", filters=wanted)
    for entry in report.get("ImagesDeleted") or ():
        for what, which in entry.items():
            click.echo(f"{what.lower()}: {which}")
    click.echo(f"Total reclaimed space: {words.size(report.get('SpaceReclaimed', 0))}")
