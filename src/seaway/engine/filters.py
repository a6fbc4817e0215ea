"""Docker's list filters, as tables: filter key → test of one fact."""

import re
from collections.abc import Callable, Mapping, Sequence

from seaway.engine.clock import seconds
from seaway.errors import InvalidInput
from seaway.model import Container, Network

Filters = Mapping[str, list[str]]


def labels_pass(labels: Mapping[str, str], filters: Filters) -> bool:
    """``label`` must all match, ``label!`` none; each is ``key`` or ``key=value``."""
    if not all(_label(labels, w) for w in filters.get("label", ())):
        return False
    return not any(_label(labels, w) for w in filters.get("label!", ()))


def _label(labels: Mapping[str, str], wanted: str) -> bool:
    key, eq, value = wanted.partition("=")
    return key in labels and (not eq or labels[key] == value)


def boolean(filters: Filters, key: str) -> bool | None:
    """A filter with one true-or-false value; None when it is not given. InvalidInput otherwise."""
    values = filters.get(key)
    if not values:
        return None
    if len(values) > 1:
        raise InvalidInput(f'got more than one value for filter key "{key}"')
    value = values[0].lower()
    if value in ("1", "true", "t"):
        return True
    if value in ("0", "false", "f"):
        return False
    raise InvalidInput(f"invalid filter '{key}={values}': it is one of true, false, 1, 0")


def known(filters: Filters, allowed: Sequence[str]) -> None:
    """Refuse keys that are not in ``allowed``."""
    for key in filters:
        if key not in allowed:
            raise InvalidInput(f"invalid filter '{key}'")


NETWORK_KEYS = ("dangling", "driver", "id", "label", "name", "scope", "type")
PRUNE_KEYS = ("label", "label!", "until")


def networks(found: Sequence[Network], filters: Filters, in_use: Callable[[str], bool]) -> list[Network]:
    """The networks that pass ``GET /networks`` filters."""
    known(filters, NETWORK_KEYS)
    for value in filters.get("type", ()):
        if value not in ("custom", "builtin"):
            raise InvalidInput(f"invalid filter: 'type'='{value}'")
    dangling = boolean(filters, "dangling")
    tests: Mapping[str, Callable[[Network, str], bool]] = {
        "driver": lambda n, v: n.driver == v,
        "id": lambda n, v: v in n.id,
        "name": lambda n, v: _matches(v, n.name),
        "scope": lambda n, v: n.scope == v,
        "type": lambda n, v: n.predefined == (v == "builtin"),
    }
    return [
        n
        for n in found
        if labels_pass(n.labels, filters)
        and all(any(tests[k](n, v) for v in vs) for k, vs in filters.items() if k in tests and vs)
        and (dangling is None or (not n.predefined and in_use(n.id) != dangling))
    ]


CONTAINER_KEYS = (
    "ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "name",
    "network", "publish", "since", "status", "volume",
)  # fmt: skip
STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")


def containers(
    found: Sequence[Container],
    filters: Filters,
    networks_of: Callable[[Container], set[str]],
    ports_of: Callable[[Container], set[str]],
    find: Callable[[str], Container],
) -> list[Container]:
    """The containers that pass ``GET /containers/json`` filters."""
    known(filters, CONTAINER_KEYS)
    for value in filters.get("status", ()):
        if value not in STATES:
            raise InvalidInput(f"invalid filter 'status={value}': it is one of {', '.join(STATES)}")
    tests: Mapping[str, Callable[[Container, str], bool]] = {
        "ancestor": _ancestor,
        "exited": lambda c, v: c.state.status == "exited" and str(c.state.exit_code) == v,
        "expose": lambda c, v: _port(v) in (c.config.exposed_ports or {}),
        "health": lambda c, v: (c.state.health or "none") == v,
        "id": lambda c, v: c.id.startswith(v),
        "is-task": lambda _c, v: v.lower() in ("0", "false"),
        "isolation": lambda _c, v: v == "default",
        "name": lambda c, v: _matches(v, c.name) or _matches(v, "/" + c.name),
        "network": lambda c, v: v in networks_of(c),
        "publish": lambda c, v: _port(v) in ports_of(c),
        "status": lambda c, v: c.state.status == v,
        "volume": lambda c, v: any(v in (m.get("Name"), m.get("Destination")) for m in c.mounts),
    }
    order = {
        "before": lambda c, ref: seconds(c.created) < seconds(ref.created),
        "since": lambda c, ref: seconds(c.created) > seconds(ref.created),
    }
    anchors = {k: [find(v) for v in filters[k]] for k in order if k in filters}
    return [
        c
        for c in found
        if labels_pass(c.config.labels or {}, filters)
        and all(any(tests[k](c, v) for v in vs) for k, vs in filters.items() if k in tests and vs)
        and all(order[k](c, ref) for k, refs in anchors.items() for ref in refs)
    ]


def _matches(pattern: str, name: str) -> bool:
    """Docker's name filters are regular expressions found anywhere; a broken one matches as text."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern in name


def _port(text: str) -> str:
    return text if "/" in text else f"{text}/tcp"


def _ancestor(container: Container, wanted: str) -> bool:
    digits = container.image.removeprefix("sha256:")
    names = {container.image_name, container.image, container.image_name.removesuffix(":latest")}
    return wanted in names or (len(wanted) >= 4 and digits.startswith(wanted.removeprefix("sha256:")))


def until(filters: Filters, now: float) -> float | None:
    """The ``until`` of a prune as seconds since 1970: a timestamp, RFC 3339 text, or a duration ago."""
    values = filters.get("until")
    if not values:
        return None
    if len(values) > 1:
        raise InvalidInput('got more than one value for filter key "until"')
    return moment(values[0], now)


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def moment(text: str, now: float) -> float:
    """A time as Docker takes it: seconds since 1970, RFC 3339, or a Go duration before now (``10m``)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return seconds(text if "T" in text else text + "T00:00:00Z")
    except ValueError:
        pass
    total, rest = 0.0, text
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = next((u for u in ("ns", "us", "µs", "ms", "s", "m", "h") if rest.startswith(u)), "")
        if not digits or not unit:
            raise InvalidInput(f"invalid time {text!r}: give a Unix time, RFC 3339, or a duration like 10m")
        total += float(digits) * _UNITS[unit]
        rest = rest[len(unit) :]
    return now - total
