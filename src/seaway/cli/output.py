"""What a list command prints: a table, a template's lines, JSON, or bare IDs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from seaway.cli import words
from seaway.cli.flags import switch, text
from seaway.cli.template import Template


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its title, and how its text is made from the API's object."""

    title: str
    value: Callable[[dict[str, Any]], Any]


class Row(Mapping[str, Any]):
    """One object as a template sees it; a field is made when it is asked for."""

    def __init__(self, item: dict[str, Any], fields: Mapping[str, Field]) -> None:
        self._item = item
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name].value(self._item)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._fields))

    def __len__(self) -> int:
        return len(self._fields)


def listing(
    items: Sequence[dict[str, Any]],
    fields: Mapping[str, Field],
    shown: Sequence[str],
    form: str = "",
    as_json: bool = False,
    quiet: str = "",
) -> None:
    """Print objects. ``shown`` are the columns of the usual table; ``quiet`` the one field to print alone."""
    if as_json:
        click.echo(json.dumps(list(items), indent=4, ensure_ascii=False))
        return
    rows = [Row(item, fields) for item in items]
    if form == "json":
        form = "{{json .}}"
    if quiet and not form:
        for row in rows:
            click.echo(row[quiet])
        return
    if not form or form.split(" ", 1)[0] == "table":
        usual = "\t".join(f"{{{{.{name}}}}}" for name in shown)
        _table(rows, fields, form.removeprefix("table").strip() or usual)
        return
    template = Template(_unescaped(form))
    for row in rows:
        click.echo(template.render(row))


def _table(rows: Sequence[Row], fields: Mapping[str, Field], source: str) -> None:
    template = Template(_unescaped(source))
    titles: dict[str, Any] = {name: field.title for name, field in fields.items()}
    titles["Label"] = str
    lines = [template.render(titles), *(template.render(row) for row in rows)]
    click.echo(words.columns([line.split("\t") for line in lines]))


def _unescaped(source: str) -> str:
    """``\\t`` and ``\\n`` as people write them in a shell."""
    return source.replace("\\t", "\t").replace("\\n", "\n")


def inspected(items: Sequence[Any], form: str) -> None:
    """Print what ``inspect`` found: indented JSON, or a template's text for each."""
    if not form:
        click.echo(json.dumps(list(items), indent=4, ensure_ascii=False))
        return
    template = Template("{{json .}}" if form == "json" else form)
    for item in items:
        click.echo(template.render(item))


def format_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--format`` and ``--json`` of a list command."""
    both = switch("--json", "as_json", help="Print the daemon's own objects as JSON")
    form = text("--format", "form", help="table, table TEMPLATE, json, or a Go template")
    both(form(function))
    return function


inspect_format = text("-f", "--format", "form", help="json, or a Go template")
"""``--format`` of an inspect command."""
