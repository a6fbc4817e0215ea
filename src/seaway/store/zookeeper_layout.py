"""How the store's facts lie in ZooKeeper: names of znodes, what stands in them, what a commit tells. Pure.

    /<prefix>/log                 the guard: every commit sets it; it holds the last commit's entry
    /<prefix>/log/e0000000041     that entry again, one for each of the last commits (guard's version - 1)
    /<prefix>/keys/=<directory>   one for all keys of a directory: a prefix is read by few listings
    /<prefix>/keys/=<dir>/=<name> one key: its lease (a length and so many characters), then its value
    /<prefix>/graves/0b           its version counts removals: keys that come again do not pass for old ones
    /<prefix>/leases/<lease>      which keys a lease has, perhaps; it outlives the lease until these are gone
    /<prefix>/alive/<lease>       ephemeral: it is there as long as the lease runs

A revision is the zxid of the commit's transaction, so each znode knows that of its last write by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote
from zlib import crc32

import msgspec

from seaway.store.contract import Put, Write

GRAVES = 16
"""Counters of removals. More of them let more commits with checks pass at once."""

INLINE = 16 << 10
"""Bytes of values that an entry carries; watchers fetch what is larger."""

Told = tuple[str, bytes | None, bool]
"""One line of an entry: key, value (None: removed, or not carried), whether the key is there."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of all znodes below ``root``."""

    root: str

    @classmethod
    def below(cls, prefix: str) -> "Layout":
        """The layout for a prefix of any text."""
        return cls("".join(f"/{_quoted(part, mark='')}" for part in prefix.split("/") if part))

    @property
    def log(self) -> str:
        """The guard and parent of all entries."""
        return f"{self.root}/log"

    @property
    def keys(self) -> str:
        """The parent of all directories."""
        return f"{self.root}/keys"

    @property
    def leases(self) -> str:
        """The parent of the leases' lists of keys."""
        return f"{self.root}/leases"

    @property
    def alive(self) -> str:
        """The parent of the leases' ephemeral marks."""
        return f"{self.root}/alive"

    def entry(self, version: int) -> str:
        """The entry of the commit that brought the guard to ``version``."""
        return f"{self.log}/e{version - 1:010d}"

    def lease(self, lease: str) -> str:
        """A lease's list of keys."""
        return f"{self.leases}/{lease}"

    def mark(self, lease: str) -> str:
        """A lease's sign of life."""
        return f"{self.alive}/{lease}"

    def directory(self, key: str) -> str:
        """The parent of a key."""
        return f"{self.keys}/{_quoted(key.rpartition('/')[0])}"

    def key(self, key: str) -> str:
        """A key's own znode."""
        return f"{self.directory(key)}/{_quoted(key.rpartition('/')[2])}"

    def grave(self, key: str) -> str:
        """The counter of removals that a key's removal moves on."""
        return f"{self.root}/graves/{crc32(key.encode('utf-8', 'surrogatepass')) % GRAVES:02x}"

    def skeleton(self) -> list[str]:
        """Every znode that must be there before the first commit, parents first."""
        parts = self.root.split("/")[1:]
        parents = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
        graves = [f"{self.root}/graves", *(f"{self.root}/graves/{number:02x}" for number in range(GRAVES))]
        return [*parents, self.log, self.keys, self.leases, self.alive, *graves]


def stem(directory: str) -> str:
    """What all keys of a listed directory begin with."""
    text = unquote(directory[1:], errors="surrogatepass")
    return f"{text}/" if text else ""


def may_hold(begin: str, prefix: str) -> bool:
    """Whether a directory whose keys begin so can have keys below a prefix."""
    return begin.startswith(prefix) or prefix.startswith(begin)


def name(child: str) -> str:
    """A listed child's part of its key."""
    return unquote(child[1:], errors="surrogatepass")


def pack(value: bytes, lease: str) -> bytes:
    """What a key's znode holds."""
    return bytes([len(lease)]) + lease.encode("ascii") + value


def unpack(data: bytes) -> tuple[bytes, str]:
    """Value and lease of a key's znode."""
    start = data[0] + 1
    return data[start:], data[1:start].decode("ascii")


def pack_keys(keys: Iterable[str]) -> bytes:
    """A lease's list of keys."""
    return msgspec.msgpack.encode([key.encode("utf-8", "surrogatepass") for key in keys])


def unpack_keys(data: bytes) -> list[str]:
    """The keys that a lease has had."""
    listed = msgspec.msgpack.decode(data, type=list[bytes])
    return [key.decode("utf-8", "surrogatepass") for key in listed]


def pack_entry(writes: Mapping[str, Write]) -> bytes:
    """What a commit tells the watchers: its keys, with their values as far as there is room."""
    room, lines = INLINE, []
    for key, write in writes.items():
        value = write.value if isinstance(write, Put) and len(write.value) <= room else None
        room -= len(value or b"")
        lines.append((key.encode("utf-8", "surrogatepass"), value, isinstance(write, Put)))
    return msgspec.msgpack.encode(lines)


def unpack_entry(data: bytes) -> Sequence[Told]:
    """The lines of an entry. The guard's is empty before the first commit."""
    if not data:
        return ()
    lines = msgspec.msgpack.decode(data, type=list[tuple[bytes, bytes | None, bool]])
    return [(key.decode("utf-8", "surrogatepass"), value, there) for key, value, there in lines]


def _quoted(text: str, mark: str = "=") -> str:
    """Text as a znode's name: no slash, no dots alone, no control characters; never empty with a mark."""
    plain = quote(text, safe=":@,+ ", errors="surrogatepass")
    return mark + (plain.replace(".", "%2E") if not mark and not plain.strip(".") else plain)
