"""Commands on containers that take names and print them back."""

from typing import Any

import click

from seaway.cli import complete, words
from seaway.cli.client import Client, filters, name_in_path, pass_client
from seaway.cli.each import confirmed, each
from seaway.cli.flags import command, many, switch, text

names = click.argument(
    "containers", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=complete.containers
)
running_names = click.argument(
    "containers", metavar="CONTAINER...", nargs=-1, required=True, shell_complete=complete.running
)
signal_option = text("-s", "--signal", help="Signal to send to the container")
timeout_option = click.option(
    "-t",
    "--timeout",
    "--time",
    "timeout",
    type=int,
    metavar="int",
    help="Seconds to wait before killing the container",
)


def _verb(client: Client, containers: tuple[str, ...], verb: str, **query: Any) -> None:
    def work(name: str) -> str:
        client.post(f"/containers/{name_in_path(name)}/{verb}", **query)
        return name

    each(containers, work)


@command("stop")
@signal_option
@timeout_option
@running_names
@pass_client
def stop(client: Client, containers: tuple[str, ...], signal: str, timeout: int | None) -> None:
    """Stop one or more running containers."""
    _verb(client, containers, "stop", signal=signal, t=timeout)


@command("restart")
@signal_option
@timeout_option
@names
@pass_client
def restart(client: Client, containers: tuple[str, ...], signal: str, timeout: int | None) -> None:
    """Restart one or more containers."""
    _verb(client, containers, "restart", signal=signal, t=timeout)


@command("kill")
@signal_option
@running_names
@pass_client
def kill(client: Client, containers: tuple[str, ...], signal: str) -> None:
    """Send a signal (KILL) to one or more running containers."""
    _verb(client, containers, "kill", signal=signal)


@command("pause")
@running_names
@pass_client
def pause(client: Client, containers: tuple[str, ...]) -> None:
    """Pause all processes within one or more containers."""
    _verb(client, containers, "pause")


@command("unpause")
@running_names
@pass_client
def unpause(client: Client, containers: tuple[str, ...]) -> None:
    """Unpause all processes within one or more containers."""
    _verb(client, containers, "unpause")


@command("wait")
@names
@pass_client
def wait(client: Client, containers: tuple[str, ...]) -> None:
    """Block until one or more containers stop, then print their exit codes."""
    each(containers, lambda name: str(client.post(f"/containers/{name_in_path(name)}/wait")["StatusCode"]))


@command("rename")
@click.argument("container", shell_complete=complete.containers)
@click.argument("new_name")
@pass_client
def rename(client: Client, container: str, new_name: str) -> None:
    """Rename a container."""
    client.post(f"/containers/{name_in_path(container)}/rename", name=new_name)


@command("rm")
@switch("-f", "--force", help="Remove a running container too (uses SIGKILL)")
@switch("-l", "--link", help="Remove the specified link")
@switch("-v", "--volumes", help="Remove anonymous volumes associated with the container")
@names
@pass_client
def rm(client: Client, containers: tuple[str, ...], force: bool, link: bool, volumes: bool) -> None:
    """Remove one or more containers."""

    def work(name: str) -> str:
        client.delete(f"/containers/{name_in_path(name)}", force=force, link=link, v=volumes)
        return name

    each(containers, work)


@command("prune")
@many("--filter", help='Such as "until=24h" or "label=a"')
@switch("-f", "--force", help="Do not ask")
@pass_client
def prune(client: Client, filter: tuple[str, ...], force: bool) -> None:
    """Remove all stopped containers."""
    if not confirmed(force, "all stopped containers"):
        return
    report = client.post("/containers/prune", filters=filters(filter))
    deleted = report.get("ContainersDeleted") or []
    if deleted:
        click.echo("Deleted Containers:\n" + "\n".join(deleted) + "\n")
    click.echo(f"Total reclaimed space: {words.size(report.get('SpaceReclaimed', 0))}")
