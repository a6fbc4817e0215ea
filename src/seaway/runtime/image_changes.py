"""``--change`` of import and commit: Dockerfile instructions that alter an image's configuration."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from seaway.errors import InvalidInput
from seaway.model.container import Config, Health

_VARIABLE = re.compile(r"'[^']*'|\\.|\$(?:\{(\w+)\}|(\w+))")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_LAST_PORT = 65535
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_SHELL = ("/bin/sh", "-c")
_HEALTH_FLAGS = {
    "interval": "interval",
    "timeout": "timeout",
    "start-period": "start_period",
    "start-interval": "start_interval",
}


def apply(config: Config, changes: Iterable[str]) -> Config:
    """The configuration after these instructions. Raises InvalidInput for one that cannot be."""
    commanded = False
    for word, rest in _instructions(changes):
        change = INSTRUCTIONS.get(word)
        if change is None:
            allowed = ", ".join(INSTRUCTIONS)
            raise InvalidInput(f"{word} is not a valid change command: use one of {allowed}")
        if not rest:
            raise InvalidInput(f"{word} requires at least one argument")
        text = rest if word in _LITERAL else _expand(rest, config)
        config = change(config, text)
        commanded = commanded or word == "CMD"
        if word == "ENTRYPOINT" and not commanded:
            config = replace(config, cmd=None)  # arguments of another program are of no use to this one
    return config


def _instructions(changes: Iterable[str]) -> Iterable[tuple[str, str]]:
    text = re.sub(r"\\[ \t]*\n", " ", "\n".join(changes))
    for line in text.splitlines():
        words = line.strip().split(maxsplit=1)
        if words and not words[0].startswith("#"):
            yield words[0].upper(), words[1].strip() if len(words) > 1 else ""


def _expand(text: str, config: Config) -> str:
    """``$NAME`` and ``${NAME}`` from the image's environment, not within single quotes."""
    known = dict(item.partition("=")[::2] for item in config.env or ())

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return known.get(name, "") if name else found[0]

    return _VARIABLE.sub(value, text)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidInput(f"cannot read {text!r}: {error}") from error


def _json_list(text: str) -> tuple[str, ...] | None:
    """A JSON list of strings, or None when the text is not one."""
    try:
        return msgspec.json.decode(text.encode(), type=tuple[str, ...])
    except msgspec.MsgspecError:
        return None


def _command(text: str, config: Config) -> tuple[str, ...]:
    """The exec form as it is, the shell form handed to the shell."""
    listed = _json_list(text)
    return listed if listed is not None else (*(config.shell or _SHELL), text)


def _pairs(text: str, word: str) -> dict[str, str]:
    """``A=1 B="two words"``, or the old form ``A the rest of the line``."""
    first = text.split(maxsplit=1)
    if "=" not in first[0]:
        if len(first) == 1:
            raise InvalidInput(f"{word} must have two arguments")
        return {first[0]: first[1]}
    found = {}
    for item in _words(text):
        name, equals, value = item.partition("=")
        if not equals:
            raise InvalidInput(f"Syntax error - can't find = in {item!r}. Must be of the form: name=value")
        if not name:
            raise InvalidInput(f"{word} names can not be blank")
        found[name] = value
    return found


def _cmd(config: Config, text: str) -> Config:
    return replace(config, cmd=_command(text, config))


def _entrypoint(config: Config, text: str) -> Config:
    return replace(config, entrypoint=_command(text, config) or None)


def _env(config: Config, text: str) -> Config:
    env = dict(item.partition("=")[::2] for item in config.env or ())
    env.update(_pairs(text, "ENV"))
    return replace(config, env=tuple(f"{name}={value}" for name, value in env.items()))


def _label(config: Config, text: str) -> Config:
    return replace(config, labels={**(config.labels or {}), **_pairs(text, "LABEL")})


def _expose(config: Config, text: str) -> Config:
    ports = dict(config.exposed_ports or {})
    for word in _words(text):
        found = _PORT.fullmatch(word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if found is None or not 0 < first <= last <= _LAST_PORT:
            raise InvalidInput(f"Invalid containerPort: {word}")
        ports.update({f"{port}/{(found[3] or 'tcp').lower()}": {} for port in range(first, last + 1)})
    return replace(config, exposed_ports=ports)


def _volume(config: Config, text: str) -> Config:
    listed = _json_list(text)
    places = listed if listed is not None else _words(text)
    if not all(place.strip() for place in places):
        raise InvalidInput("VOLUME specified can not be an empty string")
    return replace(config, volumes={**(config.volumes or {}), **{place.strip(): {} for place in places}})


def _workdir(config: Config, text: str) -> Config:
    """An absolute path replaces, a relative one goes below what was there."""
    joined = text if text.startswith("/") else f"{config.working_dir or '/'}/{text}"
    parts: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return replace(config, working_dir="/" + "/".join(parts))


def _user(config: Config, text: str) -> Config:
    return replace(config, user=text)


def _stop_signal(config: Config, text: str) -> Config:
    return replace(config, stop_signal=text)


def _shell(config: Config, text: str) -> Config:
    listed = _json_list(text)
    if not listed:
        raise InvalidInput('SHELL requires the arguments to be in JSON form, as ["/bin/sh", "-c"]')
    return replace(config, shell=listed)


def _on_build(config: Config, text: str) -> Config:
    word = text.split(maxsplit=1)[0].upper()
    if word in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidInput(f"{word} isn't allowed as an ONBUILD trigger")
    return replace(config, on_build=(*(config.on_build or ()), text))


def _healthcheck(config: Config, text: str) -> Config:
    fields: dict[str, Any] = {}
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        name, _, value = flag[2:].partition("=")
        if name == "retries" and value.isdigit():
            fields["retries"] = int(value)
        elif name in _HEALTH_FLAGS:
            fields[_HEALTH_FLAGS[name]] = _duration(value, name)
        else:
            raise InvalidInput(f"HEALTHCHECK does not know {flag!r}")
        text = text.strip()
    kind, _, rest = text.partition(" ")
    if kind.upper() == "NONE" and not rest and not fields:
        return replace(config, healthcheck=Health(test=("NONE",)))
    if kind.upper() != "CMD" or not rest.strip():
        raise InvalidInput(f"Unknown type {kind!r} in HEALTHCHECK (try CMD)")
    listed = _json_list(rest.strip())
    test = ("CMD", *listed) if listed is not None else ("CMD-SHELL", rest.strip())
    return replace(config, healthcheck=Health(test=test, **fields))


def _duration(text: str, name: str) -> int:
    found: Sequence[tuple[str, str]] = _DURATION.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        raise InvalidInput(f"--{name} is not a duration: {text!r} (30s, 1m30s)")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in found))


INSTRUCTIONS: dict[str, Callable[[Config, str], Config]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
"""Every instruction that may be a change, and what it does."""

_LITERAL = ("CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD", "SHELL")
"""Instructions whose variables are the container's business."""
