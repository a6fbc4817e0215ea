"""Output of a container without a terminal: frames that say which stream they belong to."""

import os
import struct
from dataclasses import dataclass, field

HEAD = struct.Struct(">BxxxL")
"""Stream (1 output, 2 error), then the length of what follows."""


def write_all(handle: int, data: bytes) -> None:
    """Write everything to a file descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


@dataclass(slots=True)
class Writer:
    """Writes raw output to one file descriptor."""

    output: int

    def write(self, data: bytes) -> None:
        """Pass bytes on."""
        write_all(self.output, data)


@dataclass(slots=True)
class Frames(Writer):
    """Splits frames over two file descriptors; frames may come in any pieces."""

    error: int = 2
    _waiting: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        """Take bytes of frames, and pass the whole frames' contents on."""
        self._waiting += data
        place = 0
        while len(self._waiting) - place >= HEAD.size:
            stream, length = HEAD.unpack_from(self._waiting, place)
            end = place + HEAD.size + length
            if len(self._waiting) < end:
                break
            content = bytes(self._waiting[place + HEAD.size : end])
            write_all(self.error if stream == 2 else self.output, content)
            place = end
        del self._waiting[:place]
