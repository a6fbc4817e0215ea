"""A container's log: conmon's lines read back exactly, followed, and rotated.

A line of the file is ``time stream F|P text``. F: the text ends with the newline that ends the line in
the file. P: the output had none yet, the newline is conmon's own. So what the container wrote comes
back byte for byte. Older files stand beside the newest as ``name.1``, ``name.2``, …
"""

import asyncio
import mmap
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from seaway.runtime import conmon
from seaway.runtime.bundle import Bundle
from seaway.runtime.changed import Changed

BLOCK = 1 << 16
"""Bytes read at a time."""

LONGEST = 1 << 14
"""Bytes of an unfinished line that are held back (Docker's number)."""

STREAMS = {b"stdout": 1, b"stderr": 2}

LOOK_AGAIN = 0.1
"""Seconds between two looks whether the container still runs while its log is followed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One line of the file: ``at`` is the time as written, ``whole`` that it ends a line of output."""

    at: bytes
    stream: int
    whole: bool
    data: bytes


def parse(line: bytes) -> Piece | None:
    """A line of the file without its newline; None when it is not one of conmon's."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[1] not in STREAMS or parts[2] not in (b"F", b"P"):
        return None
    whole = parts[2] == b"F"
    return Piece(parts[0], STREAMS[parts[1]], whole, parts[3] + b"\n" if whole else parts[3])


def nanoseconds(at: bytes) -> int:
    """The time of a piece in nanoseconds since 1970; conmon writes nine decimals and a zone."""
    text = at.decode()
    stamp = datetime.fromisoformat(text[:19] + text[29:])
    return int(stamp.timestamp()) * 1_000_000_000 + int(text[20:29])


def rfc3339(at: bytes) -> bytes:
    """The time of a piece as Docker prints it."""
    return at.removesuffix(b"+00:00") + b"Z" if at.endswith(b"+00:00") else at


@dataclass(slots=True)
class _Wish:
    """What a reader wants of the pieces, and what it has sent so far."""

    streams: frozenset[int]
    since: int
    until: int
    timestamps: bool
    lines: dict[int, bytes] = field(default_factory=dict)
    ended: bool = False

    def wants(self, piece: Piece) -> bool:
        if piece.stream not in self.streams:
            return False
        return not self.since or nanoseconds(piece.at) >= self.since

    def over(self, piece: Piece) -> bool:
        return bool(self.until) and nanoseconds(piece.at) > self.until

    def told(self, pieces: Sequence[Piece]) -> Iterator[tuple[int, bytes]]:
        """The lines that these pieces end."""
        for piece in pieces:
            if self.over(piece):
                self.ended = True
                return
            if self.wants(piece):
                yield from self.joined(piece)

    def joined(self, piece: Piece) -> Iterator[tuple[int, bytes]]:
        """The line that the piece ends, if it does, or a line that has become too long to be held back."""
        line = self.lines.pop(piece.stream, None)
        if line is None:
            line = rfc3339(piece.at) + b" " if self.timestamps else b""
        line += piece.data
        if piece.whole or len(line) >= LONGEST:
            yield piece.stream, line
            line = b""
        if not piece.whole:
            self.lines[piece.stream] = line

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """Lines that nothing has ended."""
        lines, self.lines = self.lines, {}
        yield from ((stream, line) for stream, line in lines.items() if line)


async def read_logs(
    path: Path,
    *,
    follow: bool = False,
    stdout: bool = True,
    stderr: bool = True,
    since: int = 0,
    until: int = 0,
    tail: int | None = None,
    timestamps: bool = False,
    running: Callable[[], bool] = lambda: False,
) -> AsyncIterator[tuple[int, bytes]]:
    """The log as (1 stdout | 2 stderr, bytes), oldest first, line by line as Docker tells it: an unfinished
    one comes when it is ended, has become long, or nothing more can follow.

    ``since`` and ``until`` are nanoseconds since 1970, 0 for no bound; ``tail`` counts lines, None for
    all. With ``follow`` it goes on, across rotations, until ``running()`` is false and all is read.
    """
    streams = frozenset(number for number, on in ((1, stdout), (2, stderr)) if on)
    wish = _Wish(streams, since, until, timestamps)
    with Changed(path.parent if follow else None) as changed, _Reader(path) as reader:
        if tail is not None:
            reader.skip_to_tail(tail, streams)
        while True:
            going = follow and running()
            while not wish.ended and (pieces := reader.pieces()):
                for line in wish.told(pieces):
                    yield line
                await asyncio.sleep(0)
            if wish.ended or not going or (until and time.time_ns() > until):
                for line in wish.rest():
                    yield line
                return
            await changed.wait(LOOK_AGAIN)


def chain(path: Path) -> list[Path]:
    """The files of a log that exist, oldest first."""
    older: dict[int, Path] = {}
    with suppress(OSError):
        for file in path.parent.iterdir():
            number = file.name.removeprefix(f"{path.name}.")
            if number != file.name and number.isdigit():
                older[int(number)] = file
    return [*(older[number] for number in sorted(older, reverse=True)), *([path] if path.exists() else [])]


class _Reader:
    """Reads the files of a log in turn. Holds the one it is in open, so that a rotation loses nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._rest = b""

    def __enter__(self) -> "_Reader":
        self._enter_next()
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def pieces(self) -> list[Piece]:
        """Some more, at least one; empty when there is nothing now."""
        while True:
            if self._fd < 0 and not self._enter_next():
                return []
            # Look for a newer file before reading: once there is one, this one does not grow any more.
            newer = self._newer()
            block = os.read(self._fd, BLOCK)
            if block:
                *lines, self._rest = (self._rest + block).split(b"\n")
                found = [piece for line in lines if (piece := parse(line)) is not None]
                if found:
                    return found
            elif newer is None or not self._enter(newer):
                return []

    def skip_to_tail(self, count: int, streams: frozenset[int]) -> None:
        """Begin ``count`` lines before the end."""
        found = _tail(chain(self._path), count, streams)
        if found is not None and self._enter(found[0]):
            os.lseek(self._fd, found[1], os.SEEK_SET)

    def _enter_next(self) -> bool:
        files = chain(self._path)
        return bool(files) and self._enter(files[0])

    def _enter(self, file: Path) -> bool:
        try:
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._rest = fd, b""
        return True

    def _newer(self) -> Path | None:
        """The file after the one we are in; the oldest there is when ours was deleted."""
        ours = os.fstat(self._fd)
        with suppress(OSError):
            newest = self._path.stat()
            if (newest.st_dev, newest.st_ino) == (ours.st_dev, ours.st_ino):
                return None
        files = chain(self._path)
        for index, file in enumerate(files):
            with suppress(OSError):
                if file.stat().st_ino == ours.st_ino:
                    return files[index + 1] if index + 1 < len(files) else None
        return files[0] if files else None


def _tail(files: Sequence[Path], count: int, streams: frozenset[int]) -> tuple[Path, int] | None:
    """File and offset where the last ``count`` lines begin; None when there are no more than that.

    What ends a line is counted, and what a stream wrote last even when it does not end one.
    """
    seen: set[int] = set()
    for file in reversed(files):
        for end, piece in _backwards(file):
            if piece.stream not in streams:
                continue
            if piece.whole or piece.stream not in seen:
                if count == 0:
                    return file, end
                count -= 1
            seen.add(piece.stream)
    return None


def _backwards(file: Path) -> Iterator[tuple[int, Piece]]:
    """The pieces of a file, last first, each with the offset of its end."""
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if not size:
            return
        with mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as text:
            end = text.rfind(b"\n") + 1
            while end > 0:
                start = text.rfind(b"\n", 0, end - 1) + 1
                piece = parse(text[start : end - 1])
                if piece is not None:
                    yield end, piece
                end = start


async def rotate(bundle: Bundle, path: Path, max_size: int, max_file: int) -> bool:
    """Move a log that has grown to ``max_size`` bytes aside and let conmon begin a new one.

    At most ``max_file`` files stay. Finishes what a killed daemon left half done. True when it rotated.
    """
    size = _size(path)
    interrupted = size < 0 and path.with_name(f"{path.name}.1").exists()
    if size < max_size and not interrupted:
        return False
    if not interrupted:
        _shift(path, max(max_file, 1))
    if not await conmon.tell(bundle, conmon.REOPEN_LOG):
        return False
    for _ in range(100):
        if _size(path) >= 0:
            break
        await asyncio.sleep(0.01)
    _drop_beyond(path, max(max_file, 1))
    return True


def remove(path: Path) -> None:
    """Delete a log with all its files, and its directory when nothing else is in it. Idempotent."""
    for file in (*chain(path), path.with_name(path.name + ".tmp")):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def _shift(path: Path, keep: int) -> None:
    # One more than is kept, for a moment: followers are still in the one that goes.
    for number in range(keep, 0, -1):
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}.{number}").rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def _drop_beyond(path: Path, keep: int) -> None:
    for number in range(keep, keep + 3):
        path.with_name(f"{path.name}.{number}").unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
