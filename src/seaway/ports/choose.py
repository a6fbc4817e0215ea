"""Host ports: what was asked for, parsed; and the ports to give, or the refusal. Pure.

All ports of a container are chosen together: fixed ones first, then ranges, then ephemeral ones, so
that a free choice never takes what somebody else of the same container needs. All or nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeAlias

import msgspec

from seaway.errors import Failure, InvalidInput
from seaway.model.container import HostBinding
from seaway.model.publish import ANY, PROTOCOLS, Binding, PortRequest

Holders: TypeAlias = Mapping[Binding, str]


def parse_requests(
    exposed: Mapping[str, Any],
    bindings: Mapping[str, Sequence[HostBinding] | None],
    publish_all: bool,
    default_ip: str = "",
) -> tuple[PortRequest, ...]:
    """Docker's ExposedPorts, PortBindings and PublishAllPorts as requests, in the order of the ports.

    ``default_ip`` stands where no host address was given; empty means all of both families.
    Raises InvalidInput in Docker's words.
    """
    found: list[PortRequest] = []
    for text, hosts in bindings.items():
        ports = list(_container_ports(text))
        for host in hosts or (HostBinding(),):
            found.extend(_bound(ports, host, default_ip))
    if publish_all:
        bound = {(r.proto, r.port) for r in found}
        for text in exposed:
            for proto, port in _container_ports(text):
                if (proto, port) not in bound:
                    found.append(PortRequest(proto=proto, port=port, host_ip=_host_ip(default_ip)))
    else:
        for text in exposed:
            list(_container_ports(text))
    return tuple(sorted(_distinct(found), key=lambda r: (r.port, r.proto, r.low, r.host_ip)))


def choose(
    requests: Sequence[PortRequest],
    taken: "PortTable | Iterable[Binding]",
    ephemeral: range,
    reserved: Collection[int] = (),
    families: Collection[int] = (4, 6),
    busy: Collection[tuple[str, int]] = (),
    after: int = 0,
    default_ip: str = "",
) -> tuple[Binding, ...]:
    """Bindings for every request, or Failure in Docker's words with the holder's name behind them.

    ``taken`` are the bindings of others; a table or mapping names their holders. ``reserved`` ports are
    never chosen out of ``ephemeral``; ``busy`` (protocol, port) are held by other processes, and passed over
    wherever there is a choice. ``after`` starts the search for ephemeral ports behind that port.
    ``default_ip`` is the host address of requests that name none (a network's ``host_binding_ipv4``);
    empty or 0.0.0.0 means all addresses of the families.
    """
    others = taken if isinstance(taken, PortTable) else PortTable.of(taken)
    table = _Tables(families, others, PortTable())
    if default_ip not in ("", ANY[4]):
        requests = [r if r.host_ip else msgspec.structs.replace(r, host_ip=default_ip) for r in requests]
    given: dict[int, tuple[Binding, ...]] = {}
    for number in sorted(range(len(requests)), key=lambda n: _freedom(requests[n])):
        found = _give(requests[number], table, ephemeral, frozenset(reserved), frozenset(busy), after)
        given[number] = found
        for binding in found:
            table.own.enter(binding, "this container")
    return tuple(binding for number in range(len(requests)) for binding in given[number])


def _distinct(requests: Iterable[PortRequest]) -> Iterator[PortRequest]:
    """A fixed port asked for twice is one; two ephemeral ports for one container port are two."""
    seen: set[PortRequest] = set()
    for request in requests:
        if not request.low or request.low != request.high:
            yield request
        elif request not in seen:
            seen.add(request)
            yield request


@dataclass(slots=True)
class PortTable:
    """Who holds which port: protocol and port to the bindings there, each with its holder's name."""

    rows: dict[tuple[str, int], list[tuple[Binding, str]]] = field(default_factory=lambda: defaultdict(list))

    @staticmethod
    def of(taken: Iterable[Binding]) -> "PortTable":
        """A table of these bindings; a mapping names their holders."""
        holders: Holders = taken if isinstance(taken, Mapping) else dict.fromkeys(taken, "")
        table = PortTable()
        for binding, name in holders.items():
            table.enter(binding, name)
        return table

    def enter(self, binding: Binding, holder: str) -> None:
        """Note that somebody holds a binding."""
        self.rows[binding.proto, binding.host_port].append((binding, holder))

    def leave(self, binding: Binding, holder: str) -> None:
        """Note that they no longer do."""
        row = self.rows[binding.proto, binding.host_port]
        row.remove((binding, holder))
        if not row:
            del self.rows[binding.proto, binding.host_port]

    def rival(self, binding: Binding) -> tuple[Binding, str] | None:
        """A binding that excludes this one: the same address, or either of them is every address."""
        for other, holder in self.rows.get((binding.proto, binding.host_port), ()):
            every = ANY[binding.family]
            if other.family == binding.family and (
                other.host_ip == binding.host_ip or every in (other.host_ip, binding.host_ip)
            ):
                return other, holder
        return None


@dataclass(frozen=True, slots=True)
class _Tables:
    """What others hold, what this container has been given so far, and the families to publish in."""

    families: Collection[int]
    others: PortTable
    own: PortTable

    def rival(self, binding: Binding) -> tuple[Binding, str] | None:
        return self.others.rival(binding) or self.own.rival(binding)


def _give(
    request: PortRequest,
    table: _Tables,
    ephemeral: range,
    reserved: frozenset[int],
    busy: frozenset[tuple[str, int]],
    after: int,
) -> tuple[Binding, ...]:
    refusal = ""
    free_choice = request.low != request.high or not request.low
    for port in _candidates(request, ephemeral, reserved, after):
        if free_choice and (request.proto, port) in busy:
            continue
        wanted = _bindings(request, port, table.families)
        rivals = [(b, r) for b in wanted if (r := table.rival(b)) is not None]
        if not rivals:
            return wanted
        refusal = refusal or _taken(*rivals[0])
    if not request.low:
        raise Failure(f"no free ephemeral port: all of {ephemeral.start}-{ephemeral.stop - 1} are allocated")
    if free_choice:
        refusal = refusal or f"Bind for {_show(request.host_ip or ANY[4], request.low)} failed: in use"
        raise Failure(f"{refusal}; all ports of the range {request.low}-{request.high} are allocated")
    raise Failure(refusal)


def _candidates(
    request: PortRequest, ephemeral: range, reserved: frozenset[int], after: int
) -> Iterator[int]:
    if request.low:
        yield from range(request.low, request.high + 1)
        return
    start = after + 1 if after in ephemeral else ephemeral.start
    for port in (*range(start, ephemeral.stop), *range(ephemeral.start, start)):
        if port not in reserved:
            yield port


def _bindings(request: PortRequest, port: int, families: Collection[int]) -> tuple[Binding, ...]:
    addresses = (request.host_ip,) if request.host_ip else tuple(ANY[f] for f in sorted(families))
    return tuple(
        Binding(proto=request.proto, host_ip=a, host_port=port, port=request.port) for a in addresses
    )


def _freedom(request: PortRequest) -> tuple[int, int]:
    """Fixed ports first, then ranges (small ones before big ones), then ephemeral ports."""
    if not request.low:
        return 2, 0
    return (1, request.high - request.low) if request.high > request.low else (0, 0)


def _taken(binding: Binding, rival: tuple[Binding, str]) -> str:
    other, holder = rival
    text = f"Bind for {_show(binding.host_ip, binding.host_port)} failed: port is already allocated"
    if not holder:
        return text
    where = "" if other.host_ip == binding.host_ip else f", on {_show(other.host_ip, other.host_port)}"
    return f"{text} (by {holder if ' ' in holder else f'container {holder}'}{where})"


def _show(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _container_ports(text: str) -> Iterator[tuple[str, int]]:
    """``80``, ``80/tcp``, ``8000-8005/udp``: protocol and port, one after the other."""
    ports, _, proto = text.partition("/")
    proto = proto.lower() or "tcp"
    if not ports:
        raise InvalidInput(f"no port specified: {text}<empty>")
    if proto not in PROTOCOLS:
        raise InvalidInput(f"invalid proto: {proto}; allowed are {', '.join(PROTOCOLS)}")
    low, high = _span(ports, "containerPort")
    if not low:
        raise InvalidInput(f"invalid containerPort: {ports}; allowed are 1 to 65535")
    for port in range(low, high + 1):
        yield proto, port


def _bound(ports: Sequence[tuple[str, int]], host: HostBinding, default_ip: str) -> Iterator[PortRequest]:
    """One container port with its host port or range; or two ranges of equal size, port by port."""
    low, high = _span(host.host_port, "hostPort") if host.host_port else (0, 0)
    address = _host_ip(host.host_ip or default_ip)
    size = len(ports)
    if size > 1 and low and high - low + 1 != size:
        raise InvalidInput(
            "invalid ranges specified for container and host Ports: "
            f"{ports[0][1]}-{ports[-1][1]} and {host.host_port}"
        )
    for offset, (proto, port) in enumerate(ports):
        first, last = (low + offset, low + offset) if size > 1 and low else (low, high)
        yield PortRequest(proto=proto, port=port, host_ip=address, low=first, high=last)


def _span(text: str, what: str) -> tuple[int, int]:
    """One port or a range ``8000-8005``. Host port 0 means ephemeral, as in Docker."""
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise InvalidInput(f"invalid {what}: {text}; allowed are 0 to 65535, or a range such as 8000-8005")
    low, high = int(first), int(last or first)
    if high > 65535 or low > high:
        raise InvalidInput(f"invalid {what}: {text}; allowed are 0 to 65535, or a range such as 8000-8005")
    return low, high


def _host_ip(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise InvalidInput(f"invalid IP address: {text}") from None
