"""``seaway lab``: hosts on this machine, from the command line."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from seaway.cli.failures import Failed
from seaway.cli.words import columns
from seaway.errors import Forbidden, SeawayError
from seaway.lab import story
from seaway.lab.clearing import sweep
from seaway.lab.folder import all_labs
from seaway.lab.host import Host
from seaway.lab.lab import Lab
from seaway.lab.plan import KINDS


class Command(click.Command):
    """A command of the lab: needs root, and fails with one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; our errors become the command line's."""
        try:
            if os.geteuid() != 0:
                raise Forbidden("seaway lab needs root: it makes network namespaces, mounts and processes")
            return super().invoke(ctx)
        except SeawayError as error:
            raise Failed(str(error)) from error


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


Group.group_class = Group

named = click.option(
    "--name", default="lab", metavar="string", help="Which lab (default lab)", show_default=False
)
hosts_given = click.argument("hosts", nargs=-1, required=True, metavar="HOST...")


@click.group("lab", cls=Group, short_help="Many hosts on one machine")
def lab() -> None:
    """Many hosts on one machine, each with a daemon, wired by a virtual switch, and a store."""


@lab.command("up", short_help="Build a lab")
@named
@click.option("--hosts", default=2, metavar="int", help="How many hosts (default 2)")
@click.option("--store", default="none", metavar="|".join(KINDS), help="The cluster's store (default none)")
@click.option("--store-members", "members", default=1, metavar="int", help="Servers of the store (default 1)")
@click.option("--mtu", default=1500, metavar="int", help="MTU of the LAN (default 1500)")
@click.option("--no-daemons", is_flag=True, help="Do not start daemons on the hosts")
@click.option("--daemon-flag", "flags", multiple=True, metavar="flag", help="A further flag of every daemon")
@click.option(
    "--store-flag", "store_flags", multiple=True, metavar="flag", help="A further flag of the store"
)
@click.option("--image", "images", multiple=True, metavar="tar", help="Load an image archive into every host")
@click.option("--consul", default="", metavar="path", help="The consul program (or $SEAWAY_CONSUL)")
def up(no_daemons: bool, images: tuple[str, ...], **wanted: Any) -> None:
    """Build a lab. It goes on until `seaway lab down`."""
    signal.signal(signal.SIGTERM, _interrupted)
    made = Lab(daemons=not no_daemons, images=images, **wanted)
    made.up(click.echo)
    click.echo("up: " + _hint("exec h1 -- …", made) + ", " + _hint("ls", made) + ", " + _hint("down", made))


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _hint(verb: str, of: Lab) -> str:
    first, _, rest = verb.partition(" ")
    which = "" if of.name == "lab" else f" --name {of.name}"
    return f"seaway lab {first}{which}" + (f" {rest}" if rest else "")


@lab.command("down", short_help="End a lab")
@named
@click.option("--all", "every", is_flag=True, help="All labs of this machine")
def down(name: str, every: bool) -> None:
    """End a lab, or what is left of one. Nothing of it remains."""
    for each in [folder.name for folder in all_labs()] if every else [name]:
        Lab.clear(each)


_COLUMNS = ("name", "kind", "address", "address6", "power", "wire", "daemon")


@lab.command("ls", short_help="List hosts")
@click.option("--name", default="", metavar="string", help="Only this lab")
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
def ls(name: str, as_json: bool) -> None:
    """List the hosts and the store of every lab, or of one."""
    sweep()
    rows: list[dict[str, Any]] = []
    for each in [name] if name else [folder.name for folder in all_labs()]:
        try:
            rows += [{"lab": each, **row} for row in Lab.open(each).rows()]
        except SeawayError as error:
            click.echo(str(error), err=True)
    if as_json:
        click.echo(json.dumps(rows, indent=4))
        return
    titles = ["LAB", "NAME", "KIND", "ADDRESS", "IPV6 ADDRESS", "POWER", "WIRE", "DAEMON OR SERVER"]
    click.echo(columns([titles, *([row["lab"], *(row[key] for key in _COLUMNS)] for row in rows)], 3))


@lab.command("exec", short_help="Run a command on a host", context_settings={"ignore_unknown_options": True})
@named
@click.argument("host")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, host: str, command: tuple[str, ...]) -> None:
    """Run a command on a host, on the store's machine or on the switch.

    docker and seaway there speak to that host's daemon.
    """
    Lab.open(name).machine(host).become(command, os.environ.get("TERM", ""))


def _for_hosts(verb: str, line: str, do: Callable[..., None], *options: Callable[[Any], Any]) -> None:
    """A command that takes hosts and does one thing to them."""

    def run(name: str, hosts: tuple[str, ...], **how: Any) -> None:
        do(Lab.open(name), *hosts, **how)

    for wrap in (hosts_given, named, *options):
        run = wrap(run)
    lab.command(verb, short_help=line, help=f"{line}.")(run)


_for_hosts(
    "cut",
    "Cut hosts off from the others",
    Lab.cut,
    click.option("--silent", is_flag=True, help="Without their noticing: their network card stays up"),
)
_for_hosts("heal", "Connect hosts again", Lab.heal)
_for_hosts("kill", "Cut the power of hosts; their data stays", Lab.kill)
_for_hosts("start", "Boot hosts again, with the same data", Lab.start)
_for_hosts(
    "restart",
    "Restart the daemons of hosts",
    Lab.restart,
    click.option("--kill", is_flag=True, help="Kill them with signal 9 first, instead of stopping them"),
)


@lab.command("load", short_help="Load images into every host")
@named
@click.argument(
    "archives", nargs=-1, required=True, metavar="TAR...", type=click.Path(path_type=Path, exists=True)
)
def load(name: str, archives: tuple[Path, ...]) -> None:
    """Load image archives into every host that is on."""
    Lab.open(name).load(*archives)


@lab.command("logs", short_help="Show a daemon's log")
@named
@click.option("-n", "--tail", default=0, metavar="int", help="Only the last lines")
@click.argument("host")
def logs(name: str, tail: int, host: str) -> None:
    """Show the log of a host's daemon, or of a store's server."""
    machine = Lab.open(name).machine(host)
    service = "daemon" if isinstance(machine, Host) else "store"
    click.echo(machine.last(service, tail or 10**9))


@lab.group("store", short_help="Hurt the store")
def store() -> None:
    """Stop, kill and freeze the store's servers: all, or those on the machines named."""


def _for_store(verb: str, line: str) -> None:
    def run(name: str, machines: tuple[str, ...]) -> None:
        getattr(Lab.open(name).store, verb)(*machines)

    wrapped = named(click.argument("machines", nargs=-1, metavar="[MACHINE...]")(run))
    store.command(verb, short_help=line, help=f"{line}.")(wrapped)


_for_store("start", "Start servers and wait until they serve")
_for_store("stop", "Stop servers")
_for_store("kill", "Kill servers with signal 9; their data stays")
_for_store("freeze", "Freeze servers: connections stay, nothing answers")
_for_store("thaw", "Let frozen servers go on")


@lab.command("run", short_help="Play a story in a lab")
@named
@click.option("--seaway", "own", is_flag=True, help="Use seaway's own command line, not docker's")
@click.argument("what", default="", metavar="[STORY]")
def run(name: str, own: bool, what: str) -> int:
    """Play a story in a lab: every command is shown with its output. Without a name: which there are."""
    if not what:
        rows = [[title, told.words] for title, told in story.STORIES.items()]
        click.echo(columns([["STORY", "WHAT IT SHOWS"], *rows], 3))
        return 0
    return story.play(Lab.open(name), what, own, click.echo)
