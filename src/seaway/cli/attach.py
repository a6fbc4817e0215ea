"""``attach`` and ``start``: join a container's input and output."""

from typing import Any

import click

from seaway.cli import complete
from seaway.cli.client import Client, name_in_path, pass_client
from seaway.cli.each import each
from seaway.cli.failures import Failed, run_status
from seaway.cli.flags import command, switch, text
from seaway.cli.session import Session

keys_option = text("--detach-keys", help="Key sequence for detaching (default ctrl-p,ctrl-q)")


def session_with(client: Client, found: dict[str, Any], input: bool, proxy: bool, keys: str) -> Session:
    """The session that fits a container's inspect answer."""
    path = f"/containers/{found['Id']}"
    config = found["Config"]
    return Session(
        client,
        tty=config["Tty"],
        input=input and config["OpenStdin"],
        resize=f"{path}/resize",
        kill=f"{path}/kill" if proxy else "",
        keys=keys,
    )


@command("attach")
@keys_option
@switch("--no-stdin", help="Do not attach STDIN")
@switch("--sig-proxy", default=True, help="Pass received signals on to the process (default true)")
@click.argument("container", shell_complete=complete.running)
@click.pass_context
@pass_client
def attach(
    client: Client, ctx: click.Context, container: str, detach_keys: str, no_stdin: bool, sig_proxy: bool
) -> None:
    """Attach local standard input, output, and error streams to a running container."""
    name = name_in_path(container)
    found = client.get(f"/containers/{name}/json")
    state = found["State"]
    for flag, advice in (
        ("Paused", "unpause it first"),
        ("Restarting", "wait until the container is running"),
    ):
        if state.get(flag):
            raise Failed(f"You cannot attach to a {flag.lower()} container, {advice}")
    if not state["Running"]:
        raise Failed("You cannot attach to a stopped container, start it first")
    session = session_with(client, found, not no_stdin, sig_proxy, detach_keys)
    session.check_terminal()
    path = f"/containers/{found['Id']}"
    ending = client.request("POST", f"{path}/wait", stream=True)
    stream = client.hijack(f"{path}/attach", stream=True, stdin=session.input, stdout=True, stderr=True)
    session.fit()
    if not session.talk(stream):
        click.echo("read escape sequence", err=True)
        return
    ctx.exit(exit_status(ending))


def exit_status(ending: Any) -> int:
    """The exit status in a wait answer, which is read now; its error becomes a failure."""
    answer = ending.json()
    if (answer.get("Error") or {}).get("Message"):
        raise Failed(answer["Error"]["Message"], leave=125)
    return int(answer["StatusCode"])


@command("start")
@switch("-a", "--attach", help="Attach STDOUT/STDERR and forward signals")
@switch("-i", "--interactive", help="Attach container's STDIN")
@keys_option
@click.argument(
    "containers", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=complete.containers
)
@click.pass_context
@pass_client
def start(
    client: Client,
    ctx: click.Context,
    containers: tuple[str, ...],
    attach: bool,
    interactive: bool,
    detach_keys: str,
) -> None:
    """Start one or more stopped containers."""
    if not (attach or interactive):
        each(containers, lambda name: _started(client, name))
        return
    if len(containers) > 1:
        raise Failed("you cannot start and attach multiple containers at once")
    found = client.get(f"/containers/{name_in_path(containers[0])}/json")
    session = session_with(client, found, interactive, True, detach_keys)
    session.check_terminal()
    path = f"/containers/{found['Id']}"
    stream = client.hijack(f"{path}/attach", stream=True, stdin=session.input, stdout=True, stderr=True)
    condition = "removed" if found["HostConfig"].get("AutoRemove") else "next-exit"
    ending = client.request("POST", f"{path}/wait", query={"condition": condition}, stream=True)
    try:
        client.post(f"{path}/start")
    except Failed as error:
        stream.close()
        raise Failed(error.message, run_status(error.message), error.status) from error
    session.fit()
    ctx.exit(exit_status(ending) if session.talk(stream) else 0)


def _started(client: Client, name: str) -> str:
    client.post(f"/containers/{name_in_path(name)}/start")
    return name
