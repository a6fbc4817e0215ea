"""``completion``: the script that teaches a shell our commands, flags and names."""

import click
from click.shell_completion import get_completion_class

from seaway.cli.failures import Failed
from seaway.cli.flags import command

SHELLS = ("bash", "fish", "zsh")


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    For bash: seaway completion bash > /etc/bash_completion.d/seaway
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Failed(f"no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "seaway", "_SEAWAY_COMPLETE").source())
