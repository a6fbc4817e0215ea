"""Commands that read their flags as docker's do: ``--rm=false``, clusters, status 125 for a wrong one."""

from collections.abc import Callable, Iterator
from typing import Any

import click


class Command(click.Command):
    """A click command with the manners of docker's flags.

    ``rest`` stops the flags at the first argument, for commands that run a command.
    """

    def __init__(self, *args: Any, rest: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {})
        kwargs["context_settings"] |= {"help_option_names": ["--help"]}
        super().__init__(*args, **kwargs)
        self.allow_interspersed_args = not rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse. A switch with ``=true`` or ``=false`` is taken out first: click knows only bare ones."""
        switches: dict[str, bool] = {}
        kept = list(self._without_switches(args, switches))
        ctx.default_map = {**(ctx.default_map or {}), **switches}
        return super().parse_args(ctx, kept)

    def _without_switches(self, args: list[str], found: dict[str, bool]) -> Iterator[str]:
        options = {
            name: param for param in self.params if isinstance(param, click.Option) for name in param.opts
        }
        waiting = iter(args)
        for arg in waiting:
            name, equals, text = arg.partition("=")
            option = options.get(name)
            if option is not None and option.is_flag and equals:
                found[str(option.name)] = _truth(name, text)
                continue
            yield arg
            if arg == "--" or (not arg.startswith("-") and not self.allow_interspersed_args):
                yield from waiting
            elif arg.startswith("-") and _wants_value(arg, options):
                yield from (value for value in [next(waiting, None)] if value is not None)


def _truth(name: str, text: str) -> bool:
    table = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    found = table.get(text.lower())
    if found is None:
        raise click.BadParameter(f'invalid argument "{text}" for "{name}" flag: must be true or false')
    return found


def _wants_value(arg: str, options: dict[str, click.Option]) -> bool:
    """Whether the next word belongs to this one."""
    if arg.startswith("--"):
        option = options.get(arg)
        return option is not None and not option.is_flag
    for place, letter in enumerate(arg[1:], start=2):
        option = options.get(f"-{letter}")
        if option is None:
            return False
        if not option.is_flag:
            return place == len(arg)
    return False


def command(
    name: str, *, rest: bool = False, **attributes: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Decorator: a function as a command of this kind."""
    return click.command(name, cls=Command, rest=rest, **attributes)


def switch(*names: str, help: str, default: bool | None = False, **more: Any) -> Callable[[Any], Any]:
    """A flag without a value."""
    return click.option(*names, is_flag=True, flag_value=True, default=default, help=help, **more)


def text(*names: str, help: str, default: str = "", **more: Any) -> Callable[[Any], Any]:
    """A flag with one value."""
    return click.option(*names, default=default, metavar="string", help=help, **more)


def many(*names: str, help: str, **more: Any) -> Callable[[Any], Any]:
    """A flag that may be repeated."""
    return click.option(*names, multiple=True, metavar="list", help=help, **more)
