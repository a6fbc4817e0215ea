"""``logs``: what a container has written."""

import re
from time import time

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.failures import Failed
from seaway.cli.flags import command, switch, text
from seaway.cli.stream import CHUNK, writer_for

_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_RELATIVE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")


def moment(given: str) -> str:
    """A time flag as the API takes it: seconds since 1970, from RFC 3339, from ``42m``, or as it was."""
    if _RELATIVE.fullmatch(given):
        ago = sum(float(number) * _SECONDS[unit] for number, unit in _STEP.findall(given))
        return f"{time() - ago:.9f}"
    if "-" not in given:
        return given
    known = words.unix_of(given if "T" in given else f"{given}T00:00:00Z")
    if not known:
        raise Failed(f"invalid value: failed to parse value as time or duration: {given!r}")
    return f"{known:.9f}"


@command("logs")
@switch("--details", help="Show extra details provided to logs")
@switch("-f", "--follow", help="Follow log output")
@text("--since", help='Since a time (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)')
@text("-n", "--tail", default="all", help="Number of lines to show from the end (default all)")
@switch("-t", "--timestamps", help="Show timestamps")
@text("--until", help="Until a time, given as for --since")
@click.argument("container", shell_complete=complete.containers)
@pass_client
def logs(
    client: Client,
    container: str,
    details: bool,
    follow: bool,
    since: str,
    tail: str,
    timestamps: bool,
    until: str,
) -> None:
    """Fetch the logs of a container."""
    query = {
        "details": details,
        "follow": follow,
        "since": moment(since),
        "stderr": True,
        "stdout": True,
        "tail": tail,
        "timestamps": timestamps,
        "until": moment(until),
    }
    path = f"/containers/{name_in_path(container)}"
    tty = client.get(f"{path}/json")["Config"]["Tty"]
    answer = client.request("GET", f"{path}/logs", query=query, stream=True)
    writer = writer_for(not tty)
    try:
        for chunk in answer.raw.stream(CHUNK):
            writer.write(chunk)
    except KeyboardInterrupt:
        answer.close()
        raise click.exceptions.Exit(130) from None
