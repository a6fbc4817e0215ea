"""Kinds of options: how a value looks on the command line, and how in the file; both become one shape."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from seaway.daemon.settings import Ulimit
from seaway.daemon.values import refuse, size, switch
from seaway.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Kind:
    """``flag`` reads the command line's text (all texts, when ``many``), ``file`` the file's JSON value."""

    word: str
    flag: Callable[[Any], Any]
    file: Callable[[Any], Any]
    many: bool = False


def _typed(kind: type | tuple[type, ...], words: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InvalidInput(f"must be {words}, got {json.dumps(value)}")
        return value

    return check


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise refuse(text, "a whole number") from None


def _texts(value: Any) -> tuple[str, ...]:
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise InvalidInput(f"must be a list of strings, got {json.dumps(value)}")
    return tuple(members)


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """``key=value`` texts as a mapping; a text without ``=`` has an empty value."""
    return {key: value for key, _, value in (text.partition("=") for text in texts)}


def _mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise InvalidInput(f"must be an object of strings, got {json.dumps(value)}")
    return dict(value)


def _pools(texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    found = []
    for text in texts:
        given = pairs(text.split(","))
        if set(given) != {"base", "size"} or not given["size"].isdigit():
            raise refuse(text, "base=<subnet>,size=<prefix length>, such as base=10.10.0.0/16,size=24")
        found.append((given["base"], int(given["size"])))
    return tuple(found)


def _pools_file(value: Any) -> tuple[tuple[str, int], ...]:
    found = []
    for member in value if isinstance(value, list) else [value]:
        pool = member if isinstance(member, dict) else {}
        base, size = pool.get("base"), pool.get("size")
        if set(pool) != {"base", "size"} or not isinstance(base, str) or not isinstance(size, int):
            raise InvalidInput(
                'must be a list of {"base": "10.10.0.0/16", "size": 24}, got ' + json.dumps(value)
            )
        found.append((base, size))
    return tuple(found)


def _runtimes_file(value: Any) -> dict[str, str]:
    _typed(dict, 'an object of {"name": {"path": "/path"}}')(value)
    for name, member in value.items():
        if not isinstance(member, dict) or not isinstance(member.get("path"), str):
            raise InvalidInput(
                f'runtime {json.dumps(name)} must be {{"path": "/path"}}, got {json.dumps(member)}'
            )
        if member.get("runtimeArgs") or set(member) - {"path", "runtimeArgs"}:
            raise InvalidInput(f"runtime {json.dumps(name)} may have a path only, got {json.dumps(member)}")
    return {name: member["path"] for name, member in value.items()}


def _runtimes(texts: Sequence[str]) -> dict[str, str]:
    for text in texts:
        if not re.fullmatch(r"[^=/]+=.+", text):
            raise refuse(text, "name=path")
    return pairs(texts)


def _ulimits(texts: Sequence[str]) -> tuple[Ulimit, ...]:
    found = []
    for text in texts:
        match = re.fullmatch(r"([a-z]+)=(-?\d+)(?::(-?\d+))?", text)
        if not match:
            raise refuse(text, "name=soft[:hard], such as nofile=1024:2048")
        found.append(Ulimit(name=match[1], soft=int(match[2]), hard=int(match[3] or match[2])))
    return tuple(found)


def _ulimits_file(value: Any) -> tuple[Ulimit, ...]:
    _typed(dict, 'an object of {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}')(value)
    found = []
    for name, member in value.items():
        limits = member if isinstance(member, dict) else {}
        soft, hard = limits.get("Soft"), limits.get("Hard")
        if not isinstance(soft, int) or not isinstance(hard, int):
            raise InvalidInput(
                f"ulimit {json.dumps(name)} must have the numbers Soft and Hard, got {json.dumps(member)}"
            )
        found.append(Ulimit(name=name, soft=soft, hard=hard))
    return tuple(found)


def _network_opts(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        match = re.fullmatch(r"([^=]+)=([^=]+)=(.*)", text)
        if not match:
            raise refuse(text, "driver=option=value")
        found.setdefault(match[1], {})[match[2]] = match[3]
    return found


def _network_opts_file(value: Any) -> dict[str, dict[str, str]]:
    _typed(dict, 'an object of {"driver": {"option": "value"}}')(value)
    return {driver: _mapping(options) for driver, options in value.items()}


BOOL = Kind("", switch, _typed(bool, "true or false"))
TEXT = Kind("string", str, _typed(str, "a string"))
NUMBER = Kind("int", _number, _typed(int, "a number"))
BYTES = Kind("bytes", size, lambda value: size(str(_typed((str, int), "a size")(value))))
LIST = Kind("list", tuple, _texts, many=True)
MAP = Kind("map", pairs, _mapping, many=True)
ANY = Kind("map", tuple, lambda value: value, many=True)
POOLS = Kind("pool-options", _pools, _pools_file, many=True)
RUNTIMES = Kind("runtime", _runtimes, _runtimes_file, many=True)
ULIMITS = Kind("ulimit", _ulimits, _ulimits_file, many=True)
NETWORK_OPTS = Kind("mapmap", _network_opts, _network_opts_file, many=True)
