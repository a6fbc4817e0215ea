"""Unpacking a tar in a container's root: entry by entry, each below a directory opened inside the root."""

import os
import posixpath
import shutil
import stat as kinds
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from seaway.errors import InvalidInput, NotFound
from seaway.runtime.inroot import open_in_root, rooted

BLOCK = 1 << 20

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def unpack_file(root: str | Path, path: str, file: IO[bytes], no_overwrite: bool) -> None:
    """Unpack; blocks. Raises NotFound, or InvalidInput for a path that is no directory and a bad tar."""
    with rooted(root) as top:
        try:
            os.close(open_in_root(top, path, _DIRECTORY))
        except FileNotFoundError as error:
            raise NotFound(f"Could not find the file {path} in the container") from error
        except NotADirectoryError as error:
            raise InvalidInput("extraction point is not a directory") from error
        unpacker = _Unpacker(top, path, no_overwrite)
        try:
            with tarfile.open(fileobj=file, mode="r:*") as tar:
                for member in tar:
                    unpacker.take(tar, member)
        except (tarfile.TarError, EOFError) as error:
            raise InvalidInput(f"the archive cannot be read: {error}") from error
        unpacker.finish()


class _Unpacker:
    def __init__(self, top: int, path: str, no_overwrite: bool) -> None:
        self._top = top
        self._path = path
        self._no_overwrite = no_overwrite
        self._folders: list[tarfile.TarInfo] = []

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Make one entry, with parents where they are missing."""
        place = _inside(member.name)
        if place == "/":
            return
        with self._parent(place) as folder:
            name = posixpath.basename(place)
            if self._make_room(folder, name, member):
                self._make(tar, member, folder, name)
            _settle(member, folder, name)
        if member.isdir():
            self._folders.append(member)

    def finish(self) -> None:
        """Set the times of directories, which filling them has changed."""
        for member in reversed(self._folders):
            place = _inside(member.name)
            with suppress(OSError), self._parent(place) as folder:
                os.utime(
                    posixpath.basename(place),
                    (member.mtime, member.mtime),
                    dir_fd=folder,
                    follow_symlinks=False,
                )

    @contextmanager
    def _parent(self, place: str) -> Iterator[int]:
        """The directory of an entry, inside the root; links on the way mean what they mean in there."""
        way = self._path.rstrip("/") + posixpath.dirname(place)
        fd = self._open_or_make(way)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_or_make(self, way: str) -> int:
        try:
            return open_in_root(self._top, way or "/", _DIRECTORY)
        except FileNotFoundError:
            above = self._open_or_make(posixpath.dirname(way))
        except NotADirectoryError as error:
            raise InvalidInput(f"not a directory: {way}") from error
        try:
            os.mkdir(posixpath.basename(way), 0o755, dir_fd=above)
            flags = _DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(posixpath.basename(way), flags, dir_fd=above)
        except FileExistsError as error:
            raise InvalidInput(f"a link that leads nowhere: {way}") from error
        finally:
            os.close(above)

    def _make_room(self, folder: int, name: str, member: tarfile.TarInfo) -> bool:
        """Take away what is in the way; False when a directory is there for a directory."""
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return True
        there, comes = kinds.S_ISDIR(mode), member.isdir()
        if there and comes:
            return False
        if self._no_overwrite and there != comes:
            words = ("directory", "non-directory") if there else ("non-directory", "directory")
            raise InvalidInput(f'cannot overwrite {words[0]} "{name}" with {words[1]} "{name}"')
        if there:
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
        return True

    def _make(self, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: int, name: str) -> None:
        if member.isdir():
            os.mkdir(name, 0o700, dir_fd=folder)
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=folder)
        elif member.islnk():
            place = _inside(member.linkname)
            with self._parent(place) as other:
                source = posixpath.basename(place)
                os.link(source, name, src_dir_fd=other, dst_dir_fd=folder, follow_symlinks=False)
        elif member.isfifo() or member.isdev():
            kind = kinds.S_IFIFO if member.isfifo() else kinds.S_IFCHR if member.ischr() else kinds.S_IFBLK
            number = 0 if member.isfifo() else os.makedev(member.devmajor, member.devminor)
            os.mknod(name, kind | 0o600, number, dir_fd=folder)
        else:
            _write(tar, member, folder, name)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: int, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    content = tar.extractfile(member)
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
        if content is not None:
            shutil.copyfileobj(content, file, BLOCK)


def _settle(member: tarfile.TarInfo, folder: int, name: str) -> None:
    """Owner first: changing it takes the set-user bits away."""
    if member.islnk():
        return
    os.chown(name, member.uid, member.gid, dir_fd=folder, follow_symlinks=False)
    if not member.issym():
        # There is no chmod that leaves links alone; open what was just made, and refuse a link.
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            if not kinds.S_ISLNK(os.fstat(fd).st_mode):
                os.chmod(f"/proc/self/fd/{fd}", member.mode & 0o7777)
        finally:
            os.close(fd)
    os.utime(name, (member.mtime, member.mtime), dir_fd=folder, follow_symlinks=False)


def _inside(name: str) -> str:
    """An entry's path below the place of unpacking: absolute, and without any way up."""
    return posixpath.normpath("/" + name.lstrip("/"))
