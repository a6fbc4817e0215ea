"""``run`` and ``create``."""

from pathlib import Path
from typing import Any

import click

from seaway.cli import complete, terminal
from seaway.cli.attach import exit_status
from seaway.cli.client import Client
from seaway.cli.creation import creation
from seaway.cli.failures import Failed, run_status
from seaway.cli.flags import Command
from seaway.cli.pull import pull_image
from seaway.cli.run_options import FLAGS, option, wrong
from seaway.cli.session import Session

STREAMS = ("stdin", "stdout", "stderr")
PULLS = ("always", "missing", "never")


def _attached(flags: dict[str, Any], detach: bool) -> tuple[str, ...]:
    """The streams that the command line joins."""
    given = tuple(name.lower() for name in flags["attach"])
    for name in given:
        if name not in STREAMS:
            raise wrong("--attach", name, "one of " + ", ".join(STREAMS))
    if detach:
        if given:
            raise Failed("conflicting options: cannot specify both --attach and --detach", leave=125)
        return ()
    return given or (STREAMS if flags["interactive"] else STREAMS[1:])


def _create(client: Client, image: str, body: dict[str, Any], flags: dict[str, Any]) -> str:
    """Create the container, pulling its image if need be; gives its ID."""
    policy = flags["pull"] or "missing"
    if policy not in PULLS:
        raise wrong("--pull", policy, "one of " + ", ".join(PULLS))
    cidfile = Path(flags["cidfile"]) if flags["cidfile"] else None
    if cidfile is not None and cidfile.exists():
        raise Failed(
            f"container ID file found, make sure the other container isn't running or delete {cidfile}",
            leave=125,
        )

    def post() -> Any:
        return client.post("/containers/create", body, name=flags["name"], platform=flags["platform"])

    def pull() -> None:
        pull_image(client, image, platform=flags["platform"] or "", quiet=bool(flags["quiet"]), err=True)

    if policy == "always":
        pull()
    try:
        answer = post()
    except Failed as error:
        if error.status != 404 or "no such image" not in error.message.lower() or policy == "never":
            raise
        click.echo(f"Unable to find image '{image if ':' in image else image + ':latest'}' locally", err=True)
        pull()
        answer = post()
    for warning in answer.get("Warnings") or ():
        click.echo(f"WARNING: {warning}", err=True)
    if cidfile is not None:
        cidfile.write_text(answer["Id"])
    return str(answer["Id"])


@click.pass_context
def _create_entry(ctx: click.Context, /, image: str, words: tuple[str, ...], **flags: Any) -> None:
    client = ctx.ensure_object(Client)
    click.echo(_create(client, image, creation(image, words, flags, _attached(flags, False)), flags))


@click.pass_context
def _run_entry(ctx: click.Context, /, image: str, words: tuple[str, ...], **flags: Any) -> None:
    client = ctx.ensure_object(Client)
    try:
        ctx.exit(_run(client, image, words, flags))
    except Failed as error:
        status = error.leave if error.leave != 1 else run_status(error.message) if error.status else 125
        raise Failed(f"seaway: {error.message}", status, error.status) from error


def _run(client: Client, image: str, words: tuple[str, ...], flags: dict[str, Any]) -> int:
    detach = bool(flags["detach"])
    attached = _attached(flags, detach)
    body = creation(image, words, flags, attached)
    if flags["tty"]:
        body["HostConfig"]["ConsoleSize"] = list(terminal.size())
    if detach:
        made = _create(client, image, body, flags)
        client.post(f"/containers/{made}/start")
        click.echo(made)
        return 0
    proxy = flags["sig_proxy"] and not flags["tty"]
    input = "stdin" in attached and bool(flags["interactive"])
    session = Session(client, bool(flags["tty"]), input, "", keys=flags["detach_keys"])
    session.check_terminal()
    made = _create(client, image, body, flags)
    path = f"/containers/{made}"
    session = Session(
        client, session.tty, input, f"{path}/resize", f"{path}/kill" if proxy else "", flags["detach_keys"]
    )
    return _foreground(client, session, path, flags, attached)


def _foreground(
    client: Client, session: Session, path: str, flags: dict[str, Any], attached: tuple[str, ...]
) -> int:
    """Attach, then wait, then start: so that no output and no ending can be missed."""
    stream = client.hijack(
        f"{path}/attach",
        stream=True,
        stdin=session.input,
        stdout="stdout" in attached,
        stderr="stderr" in attached,
        detachKeys=flags["detach_keys"],
    )
    condition = "removed" if flags["rm"] else "next-exit"
    ending = client.request("POST", f"{path}/wait", query={"condition": condition}, stream=True)
    try:
        client.post(f"{path}/start")
    except Failed:
        stream.close()
        raise
    session.fit()
    if not session.talk(stream):
        click.echo("read escape sequence", err=True)
        return 0
    return exit_status(ending)


def _parameters() -> list[click.Parameter]:
    return [
        *(option(flag) for flag in FLAGS),
        click.Argument(["image"], shell_complete=complete.images),
        click.Argument(["words"], metavar="[COMMAND] [ARG...]", nargs=-1, type=click.UNPROCESSED),
    ]


create = Command(
    "create",
    callback=_create_entry,
    params=_parameters(),
    rest=True,
    help="Create a new container.",
)
"""``create``: everything of ``run`` up to the start."""

run = Command(
    "run",
    callback=_run_entry,
    params=[
        click.Option(["-d", "--detach"], is_flag=True, help="Run in background and print container ID"),
        click.Option(["--detach-keys"], default="", metavar="string", help="Key sequence for detaching"),
        click.Option(
            ["--sig-proxy"], is_flag=True, flag_value=True, default=True, help="Proxy signals (default true)"
        ),
        *_parameters(),
    ],
    rest=True,
    help="Create and run a new container from an image.",
)
"""``run``."""
