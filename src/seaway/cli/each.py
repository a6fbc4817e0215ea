"""Do a thing to several objects as docker does: go on after a failure, and fail at the end."""

from collections.abc import Callable, Iterable

import click

from seaway.cli.failures import Failed, Unreachable


def each(names: Iterable[str], work: Callable[[str], str | None], leave: int = 1) -> None:
    """Call ``work`` for every name and print what it gives; a failure is printed and remembered."""
    failures = []
    for name in names:
        try:
            said = work(name)
        except Unreachable:
            raise
        except Failed as error:
            failures.append(error.message)
            click.echo(error.message, err=True)
            continue
        if said is not None:
            click.echo(said)
    if failures:
        raise click.exceptions.Exit(leave)


def confirmed(force: bool, what: str) -> bool:
    """Ask before something is removed, unless told not to."""
    return force or click.confirm(f"WARNING! This will remove {what}.\nAre you sure you want to continue?")
