"""The processes of a container as ps(1) shows them, the way Docker's ``top`` does."""

import asyncio
import os
from collections.abc import Collection
from typing import Any

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.runtime import cgroups

DEFAULT = "-ef"
"""Arguments of ps when the user gives none."""

WIDTH = "32767"
"""Columns of ps's imaginary terminal, so that it cuts no command short."""


async def top(container_pid: int, ps_args: str = "") -> dict[str, Any]:
    """``{"Titles": […], "Processes": [[…], …]}`` of the container whose first process is ``container_pid``.

    ps runs on the host, with the user's arguments, and what is not the container's is left out. Raises
    InvalidInput with ps's own words.
    """
    members = await asyncio.to_thread(cgroups.members, container_pid)
    try:
        process = await asyncio.create_subprocess_exec(
            "ps",
            *(ps_args or DEFAULT).split(),
            env=os.environ | {"COLUMNS": WIDTH},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise RuntimeFailed(f"cannot run ps: {error.strerror}") from error
    said, complaint = await process.communicate()
    if process.returncode != 0:
        raise InvalidInput(f"error running ps: {complaint.decode(errors='replace').strip()}")
    return select(said.decode(errors="replace"), members)


def select(listing: str, members: Collection[int]) -> dict[str, Any]:
    """What ps printed, as Docker's object, with the lines of ``members`` only. Raises InvalidInput."""
    head, _, body = listing.partition("\n")
    titles = head.split()
    if "PID" not in titles:
        raise InvalidInput("Couldn't find PID field in ps output")
    column = titles.index("PID")
    found: list[list[str]] = []
    ours = False
    for line in body.splitlines():
        fields = line.split(None, len(titles) - 1)
        if len(fields) > column and fields[column].isdigit():
            ours = int(fields[column]) in members
        # A line with "-" for its number (threads) belongs to the process above it.
        if ours and len(fields) == len(titles):
            found.append(fields)
    return {"Titles": titles, "Processes": found}
