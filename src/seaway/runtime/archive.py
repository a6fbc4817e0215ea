"""Files into and out of a container's root as tar streams, without leaving it by any symbolic link.

Every path is opened inside the root (openat2) and every entry by its directory's descriptor, so that a
process in the container that exchanges a directory for a link meanwhile gains nothing.
"""

import os
import posixpath
import stat as kinds
import tarfile
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seaway.errors import NotFound
from seaway.runtime.inroot import open_in_root, rooted
from seaway.runtime.threads import to_the_end
from seaway.runtime.unpacking import unpack_file

BLOCK = 1 << 18
"""Bytes in one piece of a tar, about."""

SPOOL = 8 << 20
"""Bytes of an incoming tar that are kept in memory; a larger one goes to a file."""

GO_TYPES = (
    (kinds.S_ISDIR, 1 << 31),
    (kinds.S_ISLNK, 1 << 27),
    (kinds.S_ISBLK, 1 << 26),
    (kinds.S_ISCHR, 1 << 26 | 1 << 21),
    (kinds.S_ISFIFO, 1 << 25),
    (kinds.S_ISSOCK, 1 << 24),
)
"""File types as the bits of Go's FileMode, in which Docker's clients read them."""

GO_BITS = ((kinds.S_ISUID, 1 << 23), (kinds.S_ISGID, 1 << 22), (kinds.S_ISVTX, 1 << 20))


def stat_path(root: str | Path, path: str, *, name: str = "") -> dict[str, Any]:
    """Docker's stat of a path: name (the path's own, unless given), size, mode (Go's), mtime, linkTarget.

    Raises NotFound.
    """
    with _place(root, path) as (folder, entry, status):
        link = ""
        if kinds.S_ISLNK(status.st_mode):
            link = posixpath.normpath(
                posixpath.join(posixpath.dirname(_absolute(path)), _link(folder, entry))
            )
        return {
            "name": name or posixpath.basename(_absolute(path)) or "/",
            "size": status.st_size,
            "mode": _go_mode(status.st_mode),
            "mtime": datetime.fromtimestamp(status.st_mtime, UTC).isoformat().replace("+00:00", "Z"),
            "linkTarget": link,
        }


async def pack(
    root: str | Path, path: str, *, bare: bool = False, name: str = ""
) -> AsyncGenerator[bytes, None]:
    """A path as a tar in pieces. Entries begin with ``name`` or the path's last part; ``bare``: with nothing.

    Raises NotFound instead of the first piece.
    """
    pieces = _Packer(root, path, bare, name).pieces()
    try:
        while (piece := await to_the_end(next, pieces, None)) is not None:
            yield piece
    finally:
        await to_the_end(pieces.close)


async def unpack(
    root: str | Path, path: str, pieces: AsyncIterator[bytes], *, no_overwrite: bool = False
) -> None:
    """Unpack a tar (plain or gzip, bzip2, xz) in the directory ``path``, owners and times as in the tar.

    ``no_overwrite`` refuses to replace a directory by another kind of file, and the other way round.
    Raises NotFound, or InvalidInput for a path that is no directory and a tar that is none. The tar is
    taken in whole first.
    """
    with tempfile.SpooledTemporaryFile(max_size=SPOOL) as file:
        async for piece in pieces:
            file.write(piece)
        file.seek(0)
        await to_the_end(unpack_file, root, path, file, no_overwrite)


def _absolute(path: str) -> str:
    return posixpath.normpath("/" + path.lstrip("/"))


@contextmanager
def _place(root: str | Path, path: str) -> Iterator[tuple[int, str, os.stat_result]]:
    """``(descriptor of the directory, name in it, status)`` of a path; the name is "." for a directory
    that is named as such ("/", "/tmp/", "/tmp/."), which follows a link in the last part too."""
    as_folder = path.endswith(("/", "/.")) or _absolute(path) == "/"
    where = path if as_folder else posixpath.dirname(_absolute(path))
    try:
        with rooted(root) as top:
            folder = open_in_root(top, where, os.O_RDONLY | os.O_DIRECTORY)
            try:
                name = "." if as_folder else posixpath.basename(_absolute(path))
                yield folder, name, os.stat(name, dir_fd=folder, follow_symlinks=False)
            finally:
                os.close(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"Could not find the file {path} in the container") from error


def _link(folder: int, name: str) -> str:
    return os.readlink(name, dir_fd=folder)


def _go_mode(mode: int) -> int:
    found = mode & 0o777
    found |= next((bits for check, bits in GO_TYPES if check(mode)), 0)
    return found | sum(bit for flag, bit in GO_BITS if mode & flag)


@dataclass(slots=True)
class _Packer:
    """Makes the pieces of one tar."""

    root: str | Path
    path: str
    bare: bool
    name: str = ""
    buffer: bytearray = field(default_factory=bytearray)
    first_names: dict[tuple[int, int], str] = field(default_factory=dict)

    def pieces(self) -> Generator[bytes, None, None]:
        with _place(self.root, self.path) as (folder, name, status):
            base = self.name or posixpath.basename(self.path) or posixpath.basename(_absolute(self.path))
            yield from self._entry(folder, name, "" if self.bare else base or ".", status)
        self.buffer += bytes(2 * tarfile.BLOCKSIZE)
        yield bytes(self.buffer)

    def _entry(self, folder: int, name: str, shown: str, status: os.stat_result) -> Iterator[bytes]:
        """One entry and all below it. What has gone meanwhile is left out."""
        info = self._info(folder, name, shown, status)
        if info is None:
            return
        if info.isreg():
            yield from self._file(folder, name, info)
            return
        if shown:
            self._head(info)
        if info.isdir():
            try:
                inner = os.open(
                    name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
            except OSError:
                return
            try:
                yield from self._below(inner, shown)
            finally:
                os.close(inner)

    def _below(self, folder: int, shown: str) -> Iterator[bytes]:
        for name in sorted(os.listdir(folder)):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                continue
            yield from self._entry(folder, name, posixpath.join(shown, name), status)
            if len(self.buffer) >= BLOCK:
                yield self._taken()

    def _info(self, folder: int, name: str, shown: str, status: os.stat_result) -> tarfile.TarInfo | None:
        info = tarfile.TarInfo(shown)
        info.mode = kinds.S_IMODE(status.st_mode)
        info.uid, info.gid, info.mtime = status.st_uid, status.st_gid, int(status.st_mtime)
        identity = (status.st_dev, status.st_ino)
        if kinds.S_ISREG(status.st_mode):
            if identity in self.first_names:
                info.type, info.linkname = tarfile.LNKTYPE, self.first_names[identity]
                return info
            if status.st_nlink > 1:
                self.first_names[identity] = shown
            info.size = status.st_size
        elif kinds.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
        elif kinds.S_ISLNK(status.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, _link(folder, name)
        elif kinds.S_ISFIFO(status.st_mode):
            info.type = tarfile.FIFOTYPE
        elif kinds.S_ISCHR(status.st_mode) or kinds.S_ISBLK(status.st_mode):
            info.type = tarfile.CHRTYPE if kinds.S_ISCHR(status.st_mode) else tarfile.BLKTYPE
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        else:
            return None
        return info

    def _file(self, folder: int, name: str, info: tarfile.TarInfo) -> Iterator[bytes]:
        """A file with exactly the size its head says, whatever happens to it meanwhile."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=folder)
        except OSError:
            return
        try:
            self._head(info)
            left = info.size
            while left:
                block = os.read(fd, min(left, BLOCK)) or bytes(min(left, BLOCK))
                self.buffer += block
                left -= len(block)
                if len(self.buffer) >= BLOCK:
                    yield self._taken()
        finally:
            os.close(fd)
        self.buffer += bytes(-info.size % tarfile.BLOCKSIZE)

    def _head(self, info: tarfile.TarInfo) -> None:
        self.buffer += info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

    def _taken(self) -> bytes:
        piece = bytes(self.buffer)
        self.buffer.clear()
        return piece
