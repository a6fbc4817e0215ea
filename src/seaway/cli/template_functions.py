"""The functions that templates of ``--format`` may call, and how values look in them."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any


def show(value: Any) -> str:
    """A value as Go prints it. None is printed as ``[]``: in docker's JSON it is nearly always a list."""
    if value is None:
        return "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(show(member) for member in value)}]"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{show(member)}' for key, member in sorted(value.items()))}]"
    return str(value)


def truth(value: Any) -> bool:
    """What ``if`` thinks of a value: empty things are false."""
    return bool(value)


def as_json(value: Any) -> str:
    """A value as compact JSON."""
    if isinstance(value, Mapping):
        value = {key: member for key, member in value.items() if not callable(member)}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def index(value: Any, *keys: Any) -> Any:
    """A member of a member of …; a missing key of a mapping gives the empty text, as in Go."""
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(str(key), "")
        elif isinstance(value, (list, tuple, str)):
            value = value[int(key)]
        else:
            raise TypeError(f"index of {show(value)}")
    return value


def _printed(*values: Any) -> str:
    """Go's Sprint: a space between two values when neither is a text."""
    text, before = "", "x"
    for value in values:
        text += (" " if text and not isinstance(value, str) and not isinstance(before, str) else "") + show(
            value
        )
        before = value
    return text


def _formatted(form: str, *values: Any) -> str:
    """Go's Sprintf for %s %d %v %q %x %f %t and widths."""
    shown = [value if isinstance(value, (int, float)) else show(value) for value in values]
    return form.replace("%v", "%s").replace("%t", "%s").replace("%q", '"%s"') % tuple(shown)


def _same(first: Any, *others: Any) -> bool:
    return any(first == other for other in others)


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": _and,
    "eq": _same,
    "ge": operator.ge,
    "gt": operator.gt,
    "index": index,
    "join": lambda values, separator="": separator.join(show(value) for value in values or ()),
    "json": as_json,
    "le": operator.le,
    "len": lambda value: len(value or ()),
    "lower": lambda text: show(text).lower(),
    "lt": operator.lt,
    "ne": operator.ne,
    "not": lambda value: not truth(value),
    "or": _or,
    "pad": _pad,
    "print": _printed,
    "printf": _formatted,
    "println": lambda *values: " ".join(show(value) for value in values) + "\n",
    "slice": lambda value, first=0, last=None: value[first:last],
    "split": lambda text, separator: show(text).split(separator),
    "title": lambda text: show(text).title(),
    "truncate": lambda text, length: show(text)[:length],
    "upper": lambda text: show(text).upper(),
}
"""Docker's and Go's, by name."""
