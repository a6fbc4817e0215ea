"""The hand for kernel parameters: written only when they differ, never put back."""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

from seaway.datapath import netns
from seaway.datapath.hands import Refusal
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import Resource, Sysctl

_ROOT = Path("/proc/sys")
_DOTS = str.maketrans("./", "/.")


class SysctlHand:
    """The hand for Sysctl. ``host`` is the path that the host's ``ns`` means."""

    def __init__(self, host: str = "") -> None:
        self._host = host

    def read(self, namespaces: Sequence[str]) -> Iterable[Resource]:
        """Nothing: a parameter wears no mark. Ask for one with ``current``."""
        return ()

    def current(self, resource: Sysctl) -> Sysctl | None:
        """The parameter with the value it has now; None when there is no such parameter."""
        try:
            value = netns.in_namespace(resource.ns or self._host, partial(_get, resource))
        except OSError:
            return None
        same = value == _plain(resource.value)
        return resource if same else replace(resource, value=value)

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Set parameters, those of one namespace together."""
        refusals: list[Refusal] = []
        for ns, batch in groupby(operations, key=lambda o: str(o.resource.key[1])):
            wanted = [o for o in batch if not isinstance(o, Remove)]
            if not wanted:
                continue
            try:
                refusals += netns.in_namespace(ns or self._host, partial(_set_all, wanted))
            except OSError as error:
                refusals += [_refusal(o, error) for o in wanted]
        return refusals


def _set_all(operations: Sequence[Operation]) -> list[Refusal]:
    refusals = []
    for operation in operations:
        sysctl = operation.resource
        if not isinstance(sysctl, Sysctl):
            raise TypeError(f"no kernel parameter: {sysctl!r}")
        try:
            if _get(sysctl) != _plain(sysctl.value):
                _path(sysctl).write_text(sysctl.value)
        except OSError as error:
            refusals.append(_refusal(operation, error))
    return refusals


def _get(sysctl: Sysctl) -> str:
    try:
        return _plain(_path(sysctl).read_text())
    except FileNotFoundError:
        if _off_anyway(sysctl):
            return "1"
        if sysctl.optional:
            return _plain(sysctl.value)
        raise


def _off_anyway(sysctl: Sysctl) -> bool:
    """Whether there is nothing to switch off: no IPv6 in the kernel, or an MTU below 1280."""
    if not sysctl.name.endswith(".disable_ipv6"):
        return False
    if not (_ROOT / "net/ipv6").exists():
        return True
    try:
        socket.if_nametoindex(_path(sysctl).parent.name)
    except OSError:
        return False
    return True


def _plain(value: str) -> str:
    return " ".join(value.split())


def _path(sysctl: Sysctl) -> Path:
    return _ROOT / sysctl.name.translate(_DOTS)


def _refusal(operation: Operation, error: OSError) -> Refusal:
    resource = operation.resource
    value = getattr(resource, "value", "")
    return Refusal(operation, f"cannot set {resource.key[2]} to {value}: {error.strerror or error}")
