"""The command ``seaway daemon``: dockerd's counterpart, its flags made from the table of options."""

import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from seaway import __version__
from seaway.daemon import logs
from seaway.daemon.configure import configure
from seaway.daemon.kinds import BOOL
from seaway.daemon.options import OPTIONS, Option
from seaway.daemon.settings import Settings
from seaway.errors import SeawayError

log = logging.getLogger("seaway.daemon")

RUN = "seaway.daemon.run"
"""Loaded only when the daemon really runs: its help must not pay for the engine and all its libraries."""


class DaemonCommand(click.Command):
    """A command whose wrong flags end as dockerd's do: one sentence and status 1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and turn click's complaint into dockerd's."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            give_up(f"unknown flag: {error.option_name}\nSee 'seaway daemon --help'.")
        except click.UsageError as error:
            give_up(f"{error.format_message()}\nSee 'seaway daemon --help'.")


def give_up(message: str) -> NoReturn:
    """Say why on standard error, and end with dockerd's status."""
    click.echo(message, err=True)
    raise click.exceptions.Exit(1)


def _parameter(option: Option) -> click.Option:
    names = [f"--{option.flag}", option.flag.replace("-", "_")]
    if option.short:
        names.insert(0, f"-{option.short}")
    # A switch may stand alone or carry "=false", as every flag of dockerd does.
    switch: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if option.kind is BOOL else {}
    return click.Option(
        names,
        type=str,
        multiple=option.kind.many,
        metavar=option.kind.word or "[=true|false]",
        help=option.help,
        hidden=not option.field,
        **switch,
    )


def _flags(ctx: click.Context) -> dict[Option, Any]:
    """What stands on the command line, by option."""
    given = {option: ctx.params[option.flag.replace("-", "_")] for option in OPTIONS}
    return {option: value for option, value in given.items() if value not in (None, ())}


def _run(ctx: click.Context, flags: Mapping[Option, Any], config_file: Path | None, validate: bool) -> None:
    try:
        settings, warnings = configure(flags, config_file)
    except SeawayError as error:
        give_up(str(error))
    if validate:
        click.echo("configuration OK")
        return
    logs.set_up(settings.log_level, settings.log_format)
    for warning in warnings:
        log.warning(warning)

    def reread() -> Settings:
        return configure(flags, config_file)[0]

    ctx.exit(import_module(RUN).run(settings, reread))


@click.pass_context
def _entry(ctx: click.Context, /, config_file: Path | None, validate: bool, **_flags_by_name: Any) -> None:
    _run(ctx, _flags(ctx), config_file, validate)


daemon = DaemonCommand(
    "daemon",
    callback=_entry,
    short_help="Run the daemon",
    help="The process that manages containers and their networks.\n\n"
    "Flags of dockerd that have no meaning here are accepted with a warning; "
    "--config-file takes the same names as JSON.",
    params=[
        click.Option(
            ["--config-file"],
            type=click.Path(path_type=Path),
            metavar="string",
            help="Configuration file, as daemon.json (default /etc/seaway/daemon.json when it exists)",
        ),
        click.Option(["--validate"], is_flag=True, help="Check the configuration and exit"),
        *(_parameter(option) for option in OPTIONS),
    ],
)
"""The command itself; ``__main__`` hangs it on the group."""

click.version_option(__version__, "-v", "--version", message="Seaway version %(version)s")(daemon)
