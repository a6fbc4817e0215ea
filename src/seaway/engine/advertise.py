"""Which address of this host the others are told: --cluster-advertise, read and held against what is here."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from seaway.errors import InvalidInput

Local = tuple[str, str, int]
"""An address of this host: device, address, MTU of the device."""

Lookup = Callable[[str], Sequence[str]]
"""From a host name to addresses; raises OSError."""

PATIENCE = 3.0
"""Seconds that looking a host name up may take."""

SHOWN = 6
"""Local addresses that a message names."""

FORMS = "write an address, an interface or a host name of this host, such as 192.168.1.21, eth0 or eth0:2376"


@dataclass(frozen=True, slots=True)
class Advertise:
    """What this host advertises. ``port`` is 0 when none was given; nothing listens there.

    ``mtu`` is the device's. ``text`` is what was written.
    """

    address: str
    port: int
    device: str
    mtu: int
    text: str

    @property
    def shown(self) -> str:
        """``address:port`` as Docker shows it; the address alone when no port was given."""
        if not self.port:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def look_up(name: str) -> list[str]:
    """The addresses that a host name has here, in the resolver's order."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return list(dict.fromkeys(str(place[0]).partition("%")[0] for *_, place in found))


async def resolve(
    text: str, addresses: Sequence[Local], lookup: Lookup = look_up, patience: float = PATIENCE
) -> Advertise:
    """What ``text`` advertises: an address, an interface's first one, or what a host name leads to.

    ``addresses`` are those of this host (engine/host.py reads them). Raises InvalidInput with what was
    wrong, what is here, and what to write.
    """
    name, port = split(text)
    literal = _literal(name)
    if literal is not None:
        found = _of_literal(name, literal, addresses)
    elif any(device == name for device, *_ in addresses):
        found = _of_device(name, addresses)
    else:
        found = _of_name(name, await _looked_up(name, lookup, patience, addresses), addresses)
    device, address, mtu = found
    return Advertise(address, port, device, mtu, text)


def split(text: str) -> tuple[str, int]:
    """``name[:port]``, ``[v6]:port``, or a bare IPv6 address: the name, and the port or 0."""
    if _literal(text) is not None:
        return text, 0
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:\s/]+))(?::(\d+))?", text)
    if not match or (match[1] and not isinstance(_literal(match[1]), IPv6Address)):
        raise InvalidInput(
            f"invalid --cluster-advertise {text!r}: {FORMS}; an IPv6 address as [fd00::21]:2376"
        )
    port = int(match[3]) if match[3] is not None else 0
    if match[3] is not None and not 1 <= port <= 65535:
        raise InvalidInput(f"invalid --cluster-advertise {text!r}: the port must be from 1 to 65535")
    return match[1] or match[2], port


def _literal(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def unfit(address: IPv4Address | IPv6Address) -> str:
    """Why other hosts cannot reach one host at such an address; empty when they may."""
    mapped = getattr(address, "ipv4_mapped", None)
    kinds = (
        (mapped is not None, f"an IPv4 address in IPv6's clothes; write {mapped}"),
        (address.is_loopback, "a loopback address, which means another host on each host"),
        (address.is_unspecified, "no address of one host: it stands for all of them"),
        (address.is_multicast, "a multicast address: no single host has it"),
        (address.is_link_local, "a link-local address, which is not one host's alone"),
        (address == IPv4Address("255.255.255.255"), "the broadcast address: no single host has it"),
    )
    return next((why for is_so, why in kinds if is_so), "")


def _of_literal(name: str, literal: IPv4Address | IPv6Address, addresses: Sequence[Local]) -> Local:
    if why := unfit(literal):
        raise InvalidInput(f"{name} is {why}. {_here(addresses)}")
    for local in addresses:
        if ip_address(local[1]) == literal:
            return local
    raise InvalidInput(
        f"{literal} is not an address of this host ({has(addresses)}): each host advertises its own"
    )


def _of_device(name: str, addresses: Sequence[Local]) -> Local:
    good = _good([local for local in addresses if local[0] == name])
    if not good:
        raise InvalidInput(
            f"interface {name} has no address that other hosts could reach this one at. {_here(addresses)}"
        )
    return min(good, key=lambda local: ":" in local[1])


def _of_name(name: str, found: Sequence[str], addresses: Sequence[Local]) -> Local:
    good = {ip_address(local[1]): local for local in reversed(_good(addresses))}
    for text in found:
        if (local := good.get(ip_address(text))) is not None:
            return local
    reasons = [f"{text}, {unfit(ip_address(text)) or 'not an address of this host'}" for text in found]
    hint = " Look into /etc/hosts." if any(ip_address(text).is_loopback for text in found) else ""
    raise InvalidInput(
        f"{name} resolves to {'; '.join(reasons)} ({has(addresses)}): each host advertises its own.{hint}"
    )


async def _looked_up(name: str, lookup: Lookup, patience: float, addresses: Sequence[Local]) -> Sequence[str]:
    problem = "it has no address"
    try:
        async with asyncio.timeout(patience):
            if found := await _aside(lookup, name):
                return found
    except TimeoutError:
        problem = f"its name servers did not answer within {patience:g} seconds"
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
    except UnicodeError:
        problem = "it cannot be a host name"
    raise InvalidInput(
        f"{name} is neither an address nor an interface with one on this host, and as a host name "
        f"it does not resolve: {problem}. {_here(addresses)}"
    )


async def _aside(lookup: Lookup, name: str) -> Sequence[str]:
    """Look up in a thread that nobody waits for at exit: a resolver may take half a minute to give up."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def tell(found: Sequence[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def work() -> None:
        found: Sequence[str] = ()
        failed: Exception | None = None
        try:
            found = lookup(name)
        except (OSError, UnicodeError) as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, found, failed)

    threading.Thread(target=work, name=f"look up {name}", daemon=True).start()
    return await answer


def _good(addresses: Sequence[Local]) -> list[Local]:
    return [local for local in addresses if not unfit(ip_address(local[1]))]


def has(addresses: Sequence[Local]) -> str:
    """``it has 192.168.1.21 on eth0``: the addresses that could be advertised."""
    good = _good(addresses)
    shown = [f"{address} on {device}" for device, address, _ in good[:SHOWN]]
    more = f" and {len(good) - SHOWN} more" if len(good) > SHOWN else ""
    return f"it has {', '.join(shown)}{more}" if shown else "it has no address that others could reach"


def _here(addresses: Sequence[Local]) -> str:
    """What to write instead."""
    if not _good(addresses):
        return "This host has no address that others could reach: give it one first."
    return f"This host: {has(addresses)}; advertise one of these."
