"""The texts of /etc/hosts, /etc/resolv.conf and /etc/hostname, as Docker writes them. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from seaway.model.names import RESOLVER_ADDRESS

FALLBACK = ("8.8.8.8", "8.8.4.4")
FALLBACK_V6 = ("2001:4860:4860::8888", "2001:4860:4860::8844")

HOST = "%host"
"""Suffix of an upstream that must be asked from the host's namespace: the host's own loopback."""

MAX_UPSTREAMS = 3

_HOSTS_V4 = "127.0.0.1\tlocalhost\n"
_HOSTS_V6 = (
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)


def hosts(entries: Iterable[tuple[str, str]], extra_hosts: Iterable[str] = (), *, ipv6: bool = True) -> str:
    """A container's /etc/hosts.

    ``entries`` are (address, names) pairs, one line each, an address with or without its prefix;
    ``extra_hosts`` are ``name:address`` as ``--add-host`` has them (``name=address`` too), and stand before.
    """
    lines = [_HOSTS_V4, _HOSTS_V6 if ipv6 else ""]
    for extra in extra_hosts:
        name, address = split_host(extra)
        lines.append(f"{address}\t{name}\n")
    lines += [f"{address.partition('/')[0]}\t{names}\n" for address, names in entries]
    return "".join(lines)


def host_mode_hosts(host_text: str, extra_hosts: Iterable[str] = ()) -> str:
    """/etc/hosts of a container in host mode: the host's own, and ``--add-host`` lines."""
    added = "".join(f"{address}\t{name}\n" for name, address in map(split_host, extra_hosts))
    gap = "" if not added or not host_text or host_text.endswith("\n") else "\n"
    return host_text + gap + added


def split_host(extra: str) -> tuple[str, str]:
    """``name:address`` or ``name=address`` as (name, address); brackets of an IPv6 address are dropped."""
    cut = "=" if "=" in extra else ":"
    name, _, address = extra.partition(cut)
    return name, address.removeprefix("[").removesuffix("]")


def hostname(name: str) -> str:
    """A container's /etc/hostname."""
    return f"{name}\n"


def resolv_conf(
    host_text: str,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    embedded: bool = False,
    ipv6: bool = True,
    host: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """A container's /etc/resolv.conf, and the servers its embedded resolver forwards to.

    ``dns``, ``search`` and ``options`` are the user's (``--dns``, ``--dns-search``, ``--dns-option``); each
    one given replaces the host's, and a search of ``.`` means none. ``embedded``: the container asks
    127.0.0.11. ``host``: it shares the host's network, and the host's file stays as it is. Otherwise the
    host's file is copied without servers on loopback, and with public ones when none is left.
    """
    chosen = bool(dns or search or options)
    wanted = tuple(search) or _words(host_text, "search", "domain")
    wanted = () if wanted == (".",) else wanted
    flags = tuple(options) or _words(host_text, "options")
    if embedded:
        if ndots(flags) < 0:
            flags = (*flags, "ndots:0")
        return _text((RESOLVER_ADDRESS,), wanted, flags), upstreams(host_text, dns)
    if not chosen:
        return (host_text if host else _copy(host_text, ipv6)), ()
    if dns:
        servers = tuple(dns)
    elif host:
        servers = _servers(host_text)
    else:
        servers = _reachable(host_text, ipv6) or _fallback(ipv6)
    return _text(servers, wanted, flags), ()


def upstreams(host_text: str, dns: Sequence[str] = ()) -> tuple[str, ...]:
    """The servers to forward to, three at most: the user's, or the host's.

    One on the host's loopback is marked (``127.0.0.53%host``), for it answers in the host's namespace
    only; a loopback address given by ``--dns`` means the container's own.
    """
    if dns:
        return tuple(dict.fromkeys(dns))[:MAX_UPSTREAMS]
    marked = (s + HOST if _loopback(s) else s for s in _servers(host_text))
    return tuple(dict.fromkeys(marked))[:MAX_UPSTREAMS]


def ndots(options: Iterable[str]) -> int:
    """The number in the last ``ndots:N`` of resolver options; -1 when there is none that can be read."""
    found = -1
    for option in options:
        name, _, value = option.partition(":")
        if name == "ndots" and value.isdecimal():
            found = int(value)
    return found


def _text(servers: Iterable[str], search: Sequence[str], options: Sequence[str]) -> str:
    lines = [f"search {' '.join(search)}\n"] if search else []
    lines += [f"nameserver {server}\n" for server in servers]
    lines += [f"options {' '.join(options)}\n"] if options else []
    return "".join(lines)


def _copy(host_text: str, ipv6: bool) -> str:
    """The host's file without unreachable servers; the line end before public ones is Docker's."""
    kept = set(_reachable(host_text, ipv6))
    text = "".join(line for line in _lines(host_text) if (server := _server(line)) is None or server in kept)
    if kept:
        return text
    return text + "\n" + "".join(f"nameserver {server}\n" for server in _fallback(ipv6=False))


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.splitlines()]


def _server(line: str) -> str | None:
    """The server a line names; None for lines of other kinds."""
    words = line.split()
    if not words or words[0] != "nameserver":
        return None
    return words[1] if len(words) > 1 and _address(words[1]) else ""


def _servers(text: str) -> tuple[str, ...]:
    return tuple(server for line in text.splitlines() if (server := _server(line)))


def _reachable(text: str, ipv6: bool) -> tuple[str, ...]:
    return tuple(s for s in _servers(text) if not _loopback(s) and (ipv6 or ":" not in s))


def _fallback(ipv6: bool) -> tuple[str, ...]:
    return FALLBACK + FALLBACK_V6 if ipv6 else FALLBACK


def _words(text: str, *kinds: str) -> tuple[str, ...]:
    """The words of the last line of one of these kinds: that is the one which resolvers heed."""
    found: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in kinds:
            found = tuple(words[1:])
    return found


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _loopback(server: str) -> bool:
    return ip_address(server).is_loopback
