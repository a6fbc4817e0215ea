"""Who a process runs as: ``user[:group]`` resolved by the container's own passwd and group files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import InvalidInput
from seaway.runtime.inroot import read_text

LARGEST = 0x7FFFFFFF
"""The largest user or group number Docker accepts."""


@dataclass(frozen=True, slots=True)
class User:
    """Numbers for the OCI runtime; ``groups`` are the additional ones; ``home`` is empty when unknown."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = ""


def resolve(root: str | Path, user: str, group_add: Sequence[str] | None = None) -> User:
    """The user in the root file system ``root``. Raises InvalidInput, in Docker's words."""
    return find(read_text(root, "/etc/passwd"), read_text(root, "/etc/group"), user, group_add)


def find(passwd: str, group: str, user: str, group_add: Sequence[str] | None = None) -> User:
    """As ``resolve``, from the files' texts.

    A name wins over a number, as in Docker; a number needs no entry.
    """
    name, _, group_name = user.partition(":")
    entry = next((f for f in _fields(passwd, 7) if name and f[0] == name), None)
    if entry is None:
        uid = _number(name or "0")
        if uid is None:
            raise InvalidInput(f"unable to find user {name}: no matching entries in passwd file")
        entry = next((f for f in _fields(passwd, 7) if f[2] == str(uid)), None)
    else:
        uid = int(entry[2])
    gid = _gid(group, group_name) if group_name else int(entry[3]) if entry else 0
    # The primary group stands among the additional ones too: a process that drops it by setgid(2) would
    # otherwise pass tests that deny its group (negative group permissions).
    groups = [gid] + ([] if group_name or entry is None else _memberships(group, entry[0]))
    groups += [_gid(group, extra) for extra in group_add or ()]
    return User(uid, gid, tuple(dict.fromkeys(groups)), entry[5] if entry else "")


def _fields(text: str, count: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        numbers = (2, 3) if count == 7 else (2,)
        if len(fields) >= count and all(fields[i].isdigit() for i in numbers):
            yield fields


def _gid(group: str, name: str) -> int:
    for fields in _fields(group, 4):
        if fields[0] == name:
            return int(fields[2])
    number = _number(name)
    if number is None:
        raise InvalidInput(f"unable to find group {name}: no matching entries in group file")
    return number


def _memberships(group: str, user: str) -> list[int]:
    return [int(f[2]) for f in _fields(group, 4) if user in f[3].split(",")]


def _number(text: str) -> int | None:
    if not text.isdigit():
        return None
    number = int(text)
    if number > LARGEST:
        raise InvalidInput(f"uids and gids must be in range 0-{LARGEST}")
    return number
