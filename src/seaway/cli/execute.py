"""``exec``: run a command in a running container."""

from typing import Any

import click

from seaway.cli import complete, terminal
from seaway.cli.attach import keys_option
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.failures import Failed, run_status
from seaway.cli.flags import command, many, switch, text
from seaway.cli.pairs import environment
from seaway.cli.session import Session


@command("exec", rest=True)
@switch("-d", "--detach", help="Run the command in the background")
@keys_option
@many("-e", "--env", help="Set environment variables")
@many("--env-file", help="Read in a file of environment variables")
@switch("-i", "--interactive", help="Keep STDIN open even if not attached")
@switch("--privileged", help="Give extended privileges to the command")
@switch("-t", "--tty", help="Allocate a pseudo-TTY")
@text("-u", "--user", help="Username or UID (format: <name|uid>[:<group|gid>])")
@text("-w", "--workdir", help="Working directory inside the container")
@click.argument("container", shell_complete=complete.running)
@click.argument("words", metavar="COMMAND [ARG...]", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
@pass_client
def execute(
    client: Client, ctx: click.Context, /, container: str, words: tuple[str, ...], **flags: Any
) -> None:
    """Execute a command in a running container."""
    body = creation(words, **flags)
    made = client.post(f"/containers/{name_in_path(container)}/exec", body)["Id"]
    if flags["detach"]:
        client.post(f"/exec/{made}/start", {"Detach": True, "Tty": flags["tty"]})
        return
    session = Session(
        client, flags["tty"], flags["interactive"], f"/exec/{made}/resize", keys=flags["detach_keys"]
    )
    session.check_terminal()
    start: dict[str, Any] = {"Detach": False, "Tty": flags["tty"]}
    height, width = terminal.size()
    if flags["tty"] and height:
        start["ConsoleSize"] = [height, width]
    try:
        stream = client.hijack(f"/exec/{made}/start", start)
    except Failed as error:
        status = run_status(error.message)
        raise Failed(error.message, status if status != 125 else 1, error.status) from error
    session.fit()
    if session.talk(stream):
        ctx.exit(int(client.get(f"/exec/{made}/json").get("ExitCode") or 0))
    click.echo("read escape sequence", err=True)


def creation(words: tuple[str, ...], **flags: Any) -> dict[str, Any]:
    """The body of an exec request."""
    attached = not flags["detach"]
    return {
        "User": flags["user"],
        "Privileged": flags["privileged"],
        "Tty": flags["tty"],
        "AttachStdin": flags["interactive"] and attached,
        "AttachStderr": attached,
        "AttachStdout": attached,
        "Detach": flags["detach"],
        "DetachKeys": flags["detach_keys"],
        "Env": environment(flags["env_file"], flags["env"]) or None,
        "WorkingDir": flags["workdir"],
        "Cmd": list(words),
    }
