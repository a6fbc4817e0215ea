"""The command ``seaway``: the group that all sub-commands hang on, each loaded when it is called."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from seaway.cli.client import Client
from seaway.cli.failures import Failed
from seaway.cli.target import target_from

Table = Mapping[str, tuple[str, str]]
"""Name of a command → where it is (``module:attribute``), and its one line of help."""

CONTAINER: Table = {
    "attach": ("seaway.cli.attach:attach", "Attach to a running container's input and output"),
    "cp": ("seaway.cli.copy:cp", "Copy files between a container and here"),
    "create": ("seaway.cli.run:create", "Create a new container"),
    "exec": ("seaway.cli.execute:execute", "Execute a command in a running container"),
    "inspect": ("seaway.cli.inspect:container_inspect", "Show everything about containers"),
    "kill": ("seaway.cli.container:kill", "Send a signal to running containers"),
    "logs": ("seaway.cli.logs:logs", "Show a container's log"),
    "ls": ("seaway.cli.ps:ps", "List containers"),
    "pause": ("seaway.cli.container:pause", "Pause all processes of containers"),
    "port": ("seaway.cli.ps:port", "List a container's published ports"),
    "prune": ("seaway.cli.container:prune", "Remove all stopped containers"),
    "ps": ("seaway.cli.ps:ps", "List containers"),
    "rename": ("seaway.cli.container:rename", "Rename a container"),
    "restart": ("seaway.cli.container:restart", "Restart containers"),
    "rm": ("seaway.cli.container:rm", "Remove containers"),
    "run": ("seaway.cli.run:run", "Create and run a new container from an image"),
    "start": ("seaway.cli.attach:start", "Start stopped containers"),
    "stats": ("seaway.cli.stats:stats", "Show what containers use"),
    "stop": ("seaway.cli.container:stop", "Stop running containers"),
    "top": ("seaway.cli.ps:top", "Show a container's processes"),
    "unpause": ("seaway.cli.container:unpause", "Let paused containers run on"),
    "wait": ("seaway.cli.container:wait", "Wait until containers stop, and print their exit codes"),
}

NETWORK: Table = {
    "connect": ("seaway.cli.network:connect", "Connect a container to a network"),
    "create": ("seaway.cli.network:create", "Create a network"),
    "disconnect": ("seaway.cli.network:disconnect", "Disconnect a container from a network"),
    "inspect": ("seaway.cli.inspect:network_inspect", "Show everything about networks"),
    "ls": ("seaway.cli.network:ls", "List networks"),
    "prune": ("seaway.cli.network:prune", "Remove all unused networks"),
    "rm": ("seaway.cli.network:rm", "Remove networks"),
}

IMAGE: Table = {
    "history": ("seaway.cli.image:history", "Show an image's history"),
    "import": ("seaway.cli.archive:import_", "Make an image from a tarball of files"),
    "inspect": ("seaway.cli.inspect:image_inspect", "Show everything about images"),
    "load": ("seaway.cli.archive:load", "Load images from an archive"),
    "ls": ("seaway.cli.image:ls", "List images"),
    "prune": ("seaway.cli.image:prune", "Remove unused images"),
    "pull": ("seaway.cli.pull:pull", "Pull an image from a registry"),
    "rm": ("seaway.cli.image:rm", "Remove images"),
    "save": ("seaway.cli.archive:save", "Save images to an archive"),
    "tag": ("seaway.cli.image:tag", "Give an image another name"),
}

VOLUME: Table = {
    "create": ("seaway.cli.volume:create", "Create a volume"),
    "inspect": ("seaway.cli.inspect:volume_inspect", "Show everything about volumes"),
    "ls": ("seaway.cli.volume:ls", "List volumes"),
    "prune": ("seaway.cli.volume:prune", "Remove unused volumes"),
    "rm": ("seaway.cli.volume:rm", "Remove volumes"),
}

NODE: Table = {
    "inspect": ("seaway.cli.inspect:node_inspect", "Show everything about hosts of the cluster"),
    "ls": ("seaway.cli.node:ls", "List the hosts of the cluster"),
    "rm": ("seaway.cli.node:rm", "Forget hosts that are gone, and free what they held"),
}

SYSTEM: Table = {
    "events": ("seaway.cli.system:events", "Show what happens, as it happens"),
    "info": ("seaway.cli.system:info", "Show what the daemon is and has"),
}

TOP: Table = {
    **{name: place for name, place in CONTAINER.items() if name not in ("ls", "prune", "inspect")},
    **SYSTEM,
    "completion": ("seaway.cli.completion:completion", "Print the completion script for a shell"),
    "history": IMAGE["history"],
    "images": IMAGE["ls"],
    "import": IMAGE["import"],
    "inspect": ("seaway.cli.inspect:inspect", "Show everything about any objects"),
    "load": IMAGE["load"],
    "pull": IMAGE["pull"],
    "rmi": IMAGE["rm"],
    "save": IMAGE["save"],
    "tag": IMAGE["tag"],
    "version": ("seaway.cli.system:version", "Show versions of client and daemon"),
}

ALIASES = {"list": "ls", "remove": "rm"}


class Lazy(click.Group):
    """A group that knows its commands by name and line, and loads one when it is called."""

    def __init__(self, *args: Any, table: Table, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = dict(table)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in order."""
        return sorted([*self.table, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; docker's other names for ``ls`` and ``rm`` work too."""
        name = cmd_name if cmd_name in self.table else ALIASES.get(cmd_name, cmd_name)
        if name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names for the shell, without loading the commands."""
        named = {name: self.table[name][1] for name in self.table}
        named |= {name: command.get_short_help_str() for name, command in self.commands.items()}
        found = [CompletionItem(name, help=line) for name, line in sorted(named.items())]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in found if item.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        rows = [(name, self.table[name][1]) for name in self.table]
        rows += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


class Root(Lazy):
    """The outermost group: it turns failures into docker's words and exit statuses."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run and leave with the right status."""
        name = prog_name or "seaway"
        if not standalone_mode:
            return super().main(args, name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, name, complete_var, standalone_mode=False, **extra)
            sys.exit(code if isinstance(code, int) else 0)
        except Failed as error:
            click.echo(error.message, err=True)
            sys.exit(error.leave)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.message)
        except click.UsageError as error:
            sys.exit(_misused(error))
        except click.Abort:
            sys.exit(130)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(141)


def _misused(error: click.UsageError) -> int:
    """Say what is wrong with the words of the command line; docker's statuses are 125 and 1."""
    path = error.ctx.command_path if error.ctx else "seaway"
    wrong_flag = isinstance(error, (click.NoSuchOption, click.BadOptionUsage))
    wrong_value = isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter)
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        message = f"unknown flag: {error.option_name}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        message = f"'{path}' requires {error.param.make_metavar(error.ctx or click.Context(main))}"
    usage = error.ctx.command.get_usage(error.ctx) if error.ctx else ""
    click.echo(f"{message}\n\n{usage}\n\nRun '{path} --help' for more information", err=True)
    return 125 if wrong_flag or wrong_value else 1


@click.group(
    "seaway", cls=Root, table=TOP, context_settings={"help_option_names": ["--help"]}, no_args_is_help=True
)
@click.option("-H", "--host", default="", metavar="string", help="Daemon socket (or $SEAWAY_HOST)")
@click.option("--tls", is_flag=True, help="Use TLS; implied by --tlsverify")
@click.option("--tlsverify", is_flag=True, help="Use TLS and verify the daemon")
@click.option("--tlscacert", default="", metavar="file", help="Trust certificates signed by this CA")
@click.option("--tlscert", default="", metavar="file", help="The client's certificate")
@click.option("--tlskey", default="", metavar="file", help="The client's key")
@click.version_option(None, "-v", "--version", package_name="seaway", message="Seaway version %(version)s")
@click.pass_context
def _main(
    ctx: click.Context, host: str, tls: bool, tlsverify: bool, tlscacert: str, tlscert: str, tlskey: str
) -> None:
    """Container networking as Docker made it, for plain Linux hosts."""
    ctx.obj = Client(target_from(host, tls, tlsverify, tlscacert, tlscert, tlskey))


main: Root = _main
"""The group; whoever composes the program may add rows to its ``table``."""


def _group(name: str, table: Table, help: str) -> None:
    main.add_command(Lazy(name, table=table, help=help))


_group("container", CONTAINER, "Manage containers")
_group("image", IMAGE, "Manage images")
_group("network", NETWORK, "Manage networks")
_group("node", NODE, "Manage the hosts of a cluster")
_group("system", SYSTEM, "Look at the daemon")
_group("volume", VOLUME, "Manage volumes")
