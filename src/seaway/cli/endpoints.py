"""``--network`` in both forms, and the flags that say how to stand on it."""

import csv
from typing import Any

from seaway.cli.failures import Failed
from seaway.cli.pairs import mapping

_KEYS = {
    "name": "a network's name",
    "alias": "a name on this network",
    "ip": "an IPv4 address",
    "ip6": "an IPv6 address",
    "mac-address": "a MAC address",
    "link-local-ip": "a link-local address",
    "driver-opt": "key=value",
    "gw-priority": "a number",
}


def networking(flags: dict[str, Any]) -> tuple[str, list[str], dict[str, dict[str, Any]]]:
    """NetworkMode, HostConfig.Links, and EndpointsConfig."""
    asked = [_asked(text) for text in flags["network"]] or [{"name": "default"}]
    names = [network["name"] for network in asked]
    if len(asked) > 1 and any(not _user_defined(name) for name in names):
        raise Failed(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
            leave=125,
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Failed(f'network "{twice}" is specified multiple times', leave=125)
    links = _add_flags(asked[0], flags)
    mode = names[0]
    alone = mode in ("host", "none") or mode.startswith("container:")
    endpoints = {network["name"]: _endpoint(network) for network in asked}
    return mode, links, {} if alone and not any(endpoints.values()) else endpoints


def _user_defined(name: str) -> bool:
    return name not in ("default", "bridge", "host", "none") and not name.startswith("container:")


def _asked(text: str) -> dict[str, Any]:
    """``name``, or ``name=…,alias=…,…``."""
    if "=" not in text.split(",")[0] or text.startswith("container:"):
        return {"name": text}
    found: dict[str, Any] = {}
    for part in next(csv.reader([text])):
        key, equals, value = part.partition("=")
        key = key.strip().lower()
        if key not in _KEYS or not equals:
            known = ", ".join(_KEYS)
            raise Failed(
                f"invalid field {part!r} in --network {text!r}; known: {known}".replace("'", '"'), leave=125
            )
        if key in ("alias", "link-local-ip", "driver-opt"):
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    if not found.get("name"):
        raise Failed("network name must be specified", leave=125)
    return found


def _add_flags(first: dict[str, Any], flags: dict[str, Any]) -> list[str]:
    """Put ``--ip`` and the like on the first network; gives the links that are the container's own."""
    given = {
        "alias": list(flags["network_alias"]),
        "ip": flags["ip"],
        "ip6": flags["ip6"],
        "mac-address": flags["mac_address"],
        "link-local-ip": list(flags["link_local_ip"]),
    }
    for key, value in given.items():
        if value and first.get(key):
            raise Failed(f"conflicting options: cannot specify both --{key} and per-network {key}", leave=125)
        if value:
            first[key] = value
    links = list(flags["link"])
    if links and first["name"].startswith("container:"):
        raise Failed("links are only supported for user-defined networks", leave=125)
    if links and _user_defined(first["name"]):
        first["link"] = links
        return []
    return links


def _endpoint(network: dict[str, Any]) -> dict[str, Any]:
    addresses = {
        "IPv4Address": network.get("ip"),
        "IPv6Address": network.get("ip6"),
        "LinkLocalIPs": network.get("link-local-ip"),
    }
    found: dict[str, Any] = {
        "IPAMConfig": {key: value for key, value in addresses.items() if value},
        "Links": network.get("link"),
        "Aliases": network.get("alias"),
        "MacAddress": network.get("mac-address"),
        "DriverOpts": mapping(network.get("driver-opt", ())),
        "GwPriority": _priority(network.get("gw-priority", "0")),
    }
    return {key: value for key, value in found.items() if value}


def _priority(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Failed(f'invalid gw-priority "{text}": must be a number', leave=125) from None
