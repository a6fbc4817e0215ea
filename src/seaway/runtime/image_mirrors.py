"""Where registries are to be found: mirrors of the hub and registries without TLS, told to skopeo."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from seaway.errors import InvalidInput

HUB = "docker.io"
"""The registry of names without one, and the only one that mirrors stand for, as in Docker."""


def text(mirrors: Sequence[str], insecure: Sequence[str]) -> str:
    """A registries.conf: mirrors as URLs, asked in this order before the hub; insecure as ``host[:port]``.

    Raises InvalidInput for a mirror that is no URL, and for a network where a host is meant.
    """
    lines = [f'[[registry]]\nlocation = "{HUB}"']
    lines += [_mirror(mirror, insecure) for mirror in mirrors]
    lines += [f'[[registry]]\nlocation = "{_host(name)}"\ninsecure = true' for name in insecure]
    return "\n".join(lines) + "\n"


def write(path: Path, mirrors: Sequence[str], insecure: Sequence[str]) -> Path | None:
    """The file with that text; None (and no file) when there is nothing to say."""
    path.unlink(missing_ok=True)
    if not mirrors and not insecure:
        return None
    content = text(mirrors, insecure)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def places(mirrors: Sequence[str], insecure: Sequence[str]) -> list[tuple[str, bool]]:
    """The mirrors as ``(host[:port][/path], whether without TLS)``."""
    return [_place(mirror, insecure) for mirror in mirrors]


def _mirror(url: str, insecure: Sequence[str]) -> str:
    location, plain = _place(url, insecure)
    return f'[[registry.mirror]]\nlocation = "{location}"\ninsecure = {str(plain).lower()}'


def _place(url: str, insecure: Sequence[str]) -> tuple[str, bool]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise InvalidInput(f"invalid mirror: {url!r} is not of the form http[s]://host[:port][/path]")
    if "@" in parts.netloc or set(url) & set('"\\\n'):
        raise InvalidInput("invalid mirror: no user name, password or quote is allowed in its URL")
    plain = parts.scheme == "http" or parts.netloc in insecure
    return parts.netloc + parts.path.rstrip("/"), plain


def _host(name: str) -> str:
    try:
        ipaddress.ip_network(name)
        network = "/" in name
    except ValueError:
        network = False
    if network or "://" in name or set(name) & set('"\\\n '):
        raise InvalidInput(f"invalid insecure registry {name!r}: write host or host:port")
    return name
