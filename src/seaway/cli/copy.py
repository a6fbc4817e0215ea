"""``cp``: files between a container and here, as tar streams."""

import base64
import io
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import click

from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, switch

PIECE = 1 << 20
MODE_DIRECTORY = 1 << 31
"""Go's bit for directories in a file mode."""

IN_MEMORY = 8 << 20


@command("cp")
@switch("-a", "--archive", help="Copy user and group IDs too")
@switch("-L", "--follow-link", help="Follow symbol links in SRC_PATH")
@switch("-q", "--quiet", help="Suppress progress output")
@click.argument("source", metavar="CONTAINER:SRC_PATH|SRC_PATH|-")
@click.argument("target", metavar="CONTAINER:DEST_PATH|DEST_PATH|-")
@pass_client
def cp(client: Client, source: str, target: str, archive: bool, follow_link: bool, quiet: bool) -> None:
    """Copy files between a container and here."""
    there, here = _split(source), _split(target)
    if there[0] and here[0]:
        raise Failed("copying between containers is not supported")
    if there[0]:
        _from_container(client, *there, target)
    elif here[0]:
        _to_container(client, source, *here, archive, follow_link)
    else:
        raise Failed("must specify at least one container source")


def _split(text: str) -> tuple[str, str]:
    """Container and path; no container for a path of this machine."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith((".", "/", "-")):
        return "", text
    return name, path


def _stat(client: Client, name: str, path: str) -> dict[str, Any] | None:
    try:
        answer = client.request("HEAD", f"/containers/{name_in_path(name)}/archive", query={"path": path})
    except Failed as error:
        if error.status == 404:
            return None
        raise
    found: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
    return found


def _from_container(client: Client, name: str, path: str, target: str) -> None:
    response = client.request(
        "GET", f"/containers/{name_in_path(name)}/archive", query={"path": path}, stream=True
    )
    if target == "-":
        for piece in response.iter_content(PIECE):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    place = Path(target)
    base = PurePosixPath(path.rstrip("/")).name
    into = place if place.is_dir() else place.parent
    if not into.is_dir():
        raise Failed(f"invalid output path: directory {str(into)!r} does not exist")
    rename = None if place.is_dir() else place.name
    content = path.endswith("/.")
    with tarfile.open(fileobj=io.BufferedReader(_Reader(response.iter_content(PIECE))), mode="r|") as tar:
        for member in tar:
            member.name = _renamed(member.name, base, rename, content and place.is_dir())
            if member.name:
                _extract(tar, member, into)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Write one file, never outside ``into``. (Debian 12's Python has no filters for this.)"""
    for name in (member.name, *([member.linkname] if member.islnk() else [])):
        if not (into / name.lstrip("/")).resolve().is_relative_to(into.resolve()):
            if name == member.name and member.issym() and (into / name).is_symlink():
                continue  # the link itself is replaced, not what it leads to
            raise Failed(f"{name!r} would be written outside {str(into)!r}")
    member.mode &= 0o755
    tar.extraction_filter = lambda found, _path: found
    tar.extract(member, into)


def _renamed(member: str, base: str, rename: str | None, content: bool) -> str:
    first, slash, rest = member.lstrip("/").partition("/")
    if content:
        return rest
    return f"{rename if rename is not None else first}{slash}{rest}"


def _to_container(client: Client, source: str, name: str, path: str, archive: bool, follow: bool) -> None:
    known = _stat(client, name, path)
    is_directory = known is not None and bool(int(known["mode"]) & MODE_DIRECTORY)
    if source == "-":
        if not is_directory:
            raise Failed(f'destination "{name}:{path}" must be a directory')
        _put(client, name, path, sys.stdin.buffer, archive)
        return
    here = Path(source)
    if not here.exists() and not here.is_symlink():
        raise Failed(f"lstat {here.absolute()}: no such file or directory")
    if is_directory:
        into, as_name = (
            path,
            "." if source.endswith("/.") else here.resolve().name if source == "." else here.name,
        )
    else:
        into, as_name = str(PurePosixPath(path).parent), PurePosixPath(path).name
        if path.endswith("/"):
            raise Failed(f'destination directory "{name}:{path}" does not exist')
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as buffer:
        with tarfile.open(fileobj=buffer, mode="w", dereference=False) as tar:
            tar.add(os.path.realpath(here) if follow else here, arcname=as_name)
        buffer.seek(0)
        _put(client, name, into, buffer, archive)


def _put(client: Client, name: str, path: str, handle: Any, archive: bool) -> None:
    client.request(
        "PUT",
        f"/containers/{name_in_path(name)}/archive",
        query={"path": path, "noOverwriteDirNonDir": "true", "copyUIDGID": archive},
        data=iter(lambda: handle.read(PIECE), b""),
        headers={"Content-Type": "application/x-tar"},
    )


class _Reader(io.RawIOBase):
    """A stream of pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._waiting = b""

    def readable(self) -> bool:
        """It can only be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._waiting = piece
        count = min(len(buffer), len(self._waiting))
        buffer[:count], self._waiting = self._waiting[:count], self._waiting[count:]
        return count
