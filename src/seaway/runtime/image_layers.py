"""Layers of images: plain tar archives, known by the digest of their bytes (the diff ID)."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from seaway.errors import InvalidInput
from seaway.runtime.image_config import digest_of

_CHUNK = 1 << 18
_OPENERS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
"""First bytes of a compressed archive, and what opens it; all else must be plain tar."""
_ZSTD = b"\x28\xb5\x2f\xfd"
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it will be kept: diff ID, size of its files in bytes, the plain archive's place."""

    diff_id: str
    size: int
    path: Path


class _Tee(io.RawIOBase):
    """Reads a source, and hashes and keeps what passes."""

    def __init__(self, source: IO[bytes], copy: IO[bytes] | None) -> None:
        self._source, self._copy = source, copy
        self.hash = hashlib.sha256()
        self.length = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.hash.update(data)
        self.length += len(data)
        if self._copy is not None:
            self._copy.write(data)
        return data


def compression(path: Path) -> Any:
    """What opens this archive: ``gzip.open``, ``bz2.open``, ``lzma.open``, or None when it is plain."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_ZSTD):
        raise InvalidInput("archive is compressed with zstd: use gzip, bzip2, xz or none")
    return next((opener for magic, opener in _OPENERS if start.startswith(magic)), None)


def expand(path: Path) -> Path:
    """The plain form of an archive, beside it; ``path`` itself when it is plain. Blocks.

    Raises InvalidInput when the compressed data is damaged.
    """
    opener = compression(path)
    if opener is None:
        return path
    plain = path.with_name(path.name + ".plain")
    with _sound(), cast("IO[bytes]", opener(path, "rb")) as source, plain.open("wb") as copy:
        shutil.copyfileobj(source, copy, _CHUNK)
    path.unlink()
    return plain


@contextmanager
def _sound() -> Iterator[None]:
    """What a damaged archive raises becomes InvalidInput; the disk's own errors pass."""
    try:
        yield
    except _DAMAGE as error:
        raise InvalidInput(f"invalid tar archive: {error}") from error
    except OSError as error:
        if error.errno is None:  # bz2 says "Invalid data stream" in an OSError that no system call made
            raise InvalidInput(f"invalid tar archive: {error}") from error
        raise


def absorb(path: Path) -> Layer:
    """Make the archive at ``path`` a layer: unpack its compression beside it, hash and weigh it.

    Blocks. ``path`` is used up. Raises InvalidInput when it is no sound tar archive, OSError as the
    disk does.
    """
    opener = compression(path)
    with _sound():
        if opener is None:
            with path.open("rb") as source:
                tee = _Tee(source, None)
                size = _weigh(tee)
            return Layer(f"sha256:{tee.hash.hexdigest()}", size, path)
        plain = path.with_name(path.name + ".plain")
        with cast("IO[bytes]", opener(path, "rb")) as source, plain.open("wb") as copy:
            tee = _Tee(source, copy)
            size = _weigh(tee)
    path.unlink()
    return Layer(f"sha256:{tee.hash.hexdigest()}", size, plain)


def _weigh(tee: _Tee) -> int:
    """Read it all; the sum of its regular files' sizes."""
    size = 0
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", tee), mode="r|", bufsize=_CHUNK) as archive:
            for member in archive:
                size += member.size if member.isreg() else 0
                archive.members.clear()  # type: ignore[attr-defined]  # a stream never goes back
    except tarfile.ReadError:
        if tee.length:  # an archive of no bytes at all is an empty layer
            raise
    while tee.read(_CHUNK):
        pass
    return size


def chain_ids(diff_ids: Iterable[str]) -> list[str]:
    """The chain ID of each layer upon those below it, as the image specification defines it."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return chain


def sync_file(path: Path) -> None:
    """The file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
