"""Where a cluster's store is and how to get in: its URL and options, parsed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from seaway.errors import InvalidInput

PORTS: Mapping[str, int] = {"etcd": 2379, "consul": 8500, "zk": 2181}
"""The schemes there are, and the port of a server that names none."""

SPELLINGS: Mapping[str, str] = {"zookeeper": "zk"}
"""Other words for a scheme."""

PREFIX = "seaway"
"""What stands before every key, below the prefix that the URL names."""

TIMEOUT = 4.0
"""Seconds that one request to a store may take, over all its servers."""

_FILES = {"kv.cacertfile": "ca", "kv.certfile": "cert", "kv.keyfile": "key"}
_PATH = "kv.path"
_TEXTS = {"kv.user": "user", "kv.password": "password", "kv.token": "token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store: ``servers`` as (host, port), ``prefix`` of all keys without slashes at its ends.

    ``ca``, ``cert`` and ``key`` are paths of PEM files; with a ``ca`` or a ``cert``, TLS is spoken.
    ``timeout`` is in seconds.
    """

    scheme: str
    servers: tuple[tuple[str, int], ...]
    prefix: str = PREFIX
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    cert: str = ""
    key: str = ""
    timeout: float = TIMEOUT

    @property
    def tls(self) -> bool:
        """Whether the servers are spoken to over TLS."""
        return bool(self.ca or self.cert)

    @property
    def address(self) -> str:
        """The URL for messages: without user and password."""
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.servers)
        return f"{self.scheme}://{hosts}/{self.prefix}".removesuffix(f"/{PREFIX}")


def place(url: str, options: Mapping[str, str]) -> Place:
    """``etcd://[user:password@]host[:port][,host[:port]…][/prefix]`` and the ``kv.`` options, typed.

    Options that do not begin with ``kv.`` are somebody else's. Raises InvalidInput with what is allowed.
    """
    scheme, mark, there = url.partition("://")
    scheme = SPELLINGS.get(scheme, scheme)
    if not mark or scheme not in PORTS:
        raise InvalidInput(
            f"invalid cluster store {_hidden(url)!r}: write {', '.join(f'{s}://HOST:PORT' for s in PORTS)}, "
            "several servers separated by commas, and /PREFIX behind them if you like"
        )
    # By hand: to the library's eyes several servers are one, and some of its versions refuse [fd00::1] then.
    netloc, _, path = there.partition("/")
    credentials, _, rest = netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    fields: dict[str, str] = {"user": unquote(user), "password": unquote(password)}
    for name, value in options.items():
        if name in _FILES or name in _TEXTS:
            fields[(_FILES | _TEXTS)[name]] = value
        elif name.startswith("kv.") and name != _PATH:
            known = ", ".join(sorted({*_FILES, *_TEXTS, _PATH}))
            raise InvalidInput(f"unknown cluster store option {name}; known are {known}")
    if bool(fields.get("cert")) != bool(fields.get("key")):
        raise InvalidInput("kv.certfile and kv.keyfile go together: give both, or none")
    prefix = options.get(_PATH, path).strip("/")
    return Place(
        scheme=scheme,
        servers=tuple(_server(text, scheme) for text in rest.split(",")),
        prefix=f"{prefix}/{PREFIX}" if prefix else PREFIX,
        **fields,  # type: ignore[arg-type]
    )


def _server(text: str, scheme: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"invalid server {text!r} of the cluster store: {error}") from error
    if not host:
        raise InvalidInput(f"invalid server {text!r} of the cluster store: it has no host name")
    return host, port or PORTS[scheme]


def _hidden(url: str) -> str:
    """The URL without what stands before ``@``."""
    head, mark, tail = url.partition("://")
    return f"{head}{mark}{tail.rpartition('@')[2]}" if mark else url
