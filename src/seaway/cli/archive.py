"""Images from files and to files: ``import``, ``load``, ``save``."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from seaway.cli import complete
from seaway.cli.client import Client, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, many, switch, text
from seaway.cli.pull import messages, show
from seaway.cli.stream import CHUNK

PIECE = 1 << 20


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file to read, or standard input for an empty path or ``-``."""
    if path in ("", "-"):
        if sys.stdin.isatty():
            raise Failed("requested load from stdin, but stdin is empty")
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise Failed(f"open {path}: {(error.strerror or str(error)).lower()}") from error
        yield handle


def _pieces(handle: BinaryIO) -> Iterator[bytes]:
    while piece := handle.read(PIECE):
        yield piece


@command("import")
@many("-c", "--change", help="Apply Dockerfile instruction to the created image")
@text("-m", "--message", help="Set commit message for imported image")
@text("--platform", help="Set platform if server is multi-platform capable")
@click.argument("source", metavar="file|URL|-")
@click.argument("repository", metavar="[REPOSITORY[:TAG]]", default="")
@pass_client
def import_(
    client: Client, source: str, repository: str, change: tuple[str, ...], message: str, platform: str
) -> None:
    """Import the contents from a tarball to create a filesystem image."""
    query = {"repo": repository, "message": message, "platform": platform, "changes": change}
    if source.startswith(("http://", "https://")):
        query["fromSrc"] = source
        response = client.request("POST", "/images/create", query=query, stream=True)
    else:
        with opened(source) as handle:
            response = client.request(
                "POST",
                "/images/create",
                query=query | {"fromSrc": "-"},
                data=_pieces(handle),
                headers={"Content-Type": "application/x-tar"},
                stream=True,
            )
    for found in messages(response):
        click.echo(found.get("status", ""))


@command("load")
@text("-i", "--input", help="Read from tar archive file, instead of STDIN")
@text("--platform", help="Load only the given platform variant")
@switch("-q", "--quiet", help="Suppress the load output")
@pass_client
def load(client: Client, input: str, platform: str, quiet: bool) -> None:
    """Load an image from a tar archive or STDIN."""
    with opened(input) as handle:
        response = client.request(
            "POST",
            "/images/load",
            query={"quiet": quiet or not sys.stdout.isatty(), "platform": platform},
            data=_pieces(handle),
            headers={"Content-Type": "application/x-tar"},
            stream=True,
        )
    show(messages(response), quiet=False, err=False)


@command("save")
@text("-o", "--output", help="Write to a file, instead of STDOUT")
@text("--platform", help="Save only the given platform variant")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, shell_complete=complete.images)
@pass_client
def save(client: Client, images: tuple[str, ...], output: str, platform: str) -> None:
    """Save one or more images to a tar archive (streamed to STDOUT by default)."""
    if not output and sys.stdout.isatty():
        raise Failed("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    response = client.request(
        "GET", "/images/get", query={"names": images, "platform": platform}, stream=True
    )
    if not output:
        for piece in response.iter_content(CHUNK):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    # Written beside its place and moved there at the end: a broken save leaves no half archive.
    partial = Path(f"{output}.partial")
    try:
        with partial.open("wb") as handle:
            for piece in response.iter_content(PIECE):
                handle.write(piece)
        partial.replace(output)
    except OSError as error:
        raise Failed(f"save to {output}: {(error.strerror or str(error)).lower()}") from error
    finally:
        partial.unlink(missing_ok=True)
