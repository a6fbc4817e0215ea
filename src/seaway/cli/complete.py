"""Names for the shell's completion; silent when no daemon answers."""

from collections.abc import Callable
from typing import Any

import click

from seaway.cli.client import Client
from seaway.cli.failures import Failed
from seaway.cli.target import target_from

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _names(path: str, pick: Callable[[Any], list[str]], **query: Any) -> Completer:
    def complete(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
        try:
            found = _client(ctx).get(path, **query)
        except Failed:
            return []
        given = {
            word for value in ctx.params.values() for word in (value if isinstance(value, tuple) else ())
        }
        return [name for item in found for name in pick(item) if name.startswith(typed) and name not in given]

    return complete


def _client(ctx: click.Context) -> Client:
    """The client of the words typed so far; the group's own function has not run while completing."""
    params = ctx.find_root().params
    files = (str(params.get(key) or "") for key in ("tlscacert", "tlscert", "tlskey"))
    host, tls, verify = str(params.get("host") or ""), bool(params.get("tls")), bool(params.get("tlsverify"))
    return Client(target_from(host, tls, verify, *files))


def _first(item: dict[str, Any]) -> list[str]:
    return [name.lstrip("/") for name in item["Names"][:1]]


containers = _names("/containers/json", _first, all=True)
"""Names of all containers."""

running = _names("/containers/json", _first)
"""Names of running containers."""

networks = _names("/networks", lambda item: [item["Name"]])
"""Names of networks."""

images = _names(
    "/images/json", lambda item: [tag for tag in item["RepoTags"] or () if tag != "<none>:<none>"]
)
"""Names of images."""

nodes = _names("/seaway/nodes", lambda item: [item["Name"]])
"""Names of the cluster's hosts."""
