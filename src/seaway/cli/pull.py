"""``pull``: an image from a registry, with its progress."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from seaway.cli.client import Client, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, switch, text

if TYPE_CHECKING:
    from requests import Response


def messages(response: "Response") -> Iterator[dict[str, Any]]:
    """The JSON objects of a progress stream. An error in it becomes a failure."""
    decoder, waiting = json.JSONDecoder(), ""
    for chunk in response.iter_content(None):
        waiting += chunk.decode("utf-8", "replace")
        while waiting := waiting.lstrip():
            try:
                found, end = decoder.raw_decode(waiting)
            except ValueError:
                break
            waiting = waiting[end:]
            if found.get("error"):
                raise Failed(str(found["error"]))
            yield found


def split_reference(name: str) -> tuple[str, str]:
    """An image name as name and tag (or digest); the tag is empty when there is none."""
    if "@" in name:
        name, _, digest = name.partition("@")
        return name, digest
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "")


def pull_image(
    client: Client,
    image: str,
    platform: str = "",
    quiet: bool = False,
    err: bool = False,
    every: bool = False,
) -> None:
    """Pull, and show progress on standard output (or error)."""
    name, tag = split_reference(image)
    if not tag and not every:
        tag = "latest"
        if not quiet:
            click.echo("Using default tag: latest", err=err)
    response = client.request(
        "POST",
        "/images/create",
        query={"fromImage": name, "tag": tag, "platform": platform},
        headers=client.registry_auth(name),
        stream=True,
    )
    show(messages(response), quiet, err)


def show(progress: Iterator[dict[str, Any]], quiet: bool, err: bool) -> None:
    """Layers' progress: live on a terminal, one line for each change elsewhere."""
    stream = sys.stderr if err else sys.stdout
    if quiet:
        for _ in progress:
            pass
    elif stream.isatty():
        _live(progress, err)
    else:
        for message in progress:
            if "progressDetail" not in message or not message["progressDetail"]:
                click.echo(_line(message), err=err)


def _line(message: dict[str, Any]) -> str:
    status = message.get("status") or message.get("stream") or ""
    bar = message.get("progress", "")
    head = f"{message['id']}: " if message.get("id") else ""
    return f"{head}{status}{' ' + bar if bar else ''}".rstrip("\n")


def _live(progress: Iterator[dict[str, Any]], err: bool) -> None:
    """Lines that change in place; what has no ID is printed below them."""
    # Imported here: only a pull on a terminal needs it, and it is slow to load.
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    layers: dict[str, str] = {}
    with Live(console=Console(stderr=err), refresh_per_second=8) as live:
        for message in progress:
            key = message.get("id")
            if key:
                layers[key] = _line(message)
                live.update(Text("\n".join(layers.values())))
            else:
                live.console.print(Text(_line(message)))


@command("pull")
@switch("-a", "--all-tags", help="Download all tagged images in the repository")
@switch("--disable-content-trust", help="Skip image verification (always so)")
@text("--platform", help="Set platform if server is multi-platform capable")
@switch("-q", "--quiet", help="Suppress verbose output")
@click.argument("image")
@pass_client
def pull(
    client: Client, image: str, all_tags: bool, disable_content_trust: bool, platform: str, quiet: bool
) -> None:
    """Download an image from a registry."""
    pull_image(client, image, platform, quiet, every=all_tags)
    click.echo(image if split_reference(image)[1] or all_tags else f"{image}:latest")
