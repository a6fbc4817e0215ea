"""The nftables library, typed: a context that runs commands in the namespace it was made in.

One thread at a time may use a context: two at once end the process.
"""

import ctypes
import os
import re
from dataclasses import dataclass
from functools import cache

from seaway.datapath import netns

_LIBRARY = "libnftables.so.1"
_STATELESS, _JSON, _TERSE = 1 << 2, 1 << 4, 1 << 11
_PLACE = re.compile(r"^[^\s:]+:(\d+):\d+(?:-\d+)?: (?:Error: )?(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint about a command: the line it stands on, counted from 1 (0: unknown), and the words."""

    line: int
    words: str


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    context, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in (
        ("nft_ctx_new", context, ctypes.c_uint32),
        ("nft_ctx_free", None, context),
        ("nft_ctx_buffer_output", ctypes.c_int, context),
        ("nft_ctx_buffer_error", ctypes.c_int, context),
        ("nft_ctx_get_output_buffer", text, context),
        ("nft_ctx_get_error_buffer", text, context),
        ("nft_ctx_output_set_flags", None, context, ctypes.c_uint),
        ("nft_run_cmd_from_filename", ctypes.c_int, context, text),
    ):
        function = getattr(library, str(name))
        function.restype, function.argtypes = result, arguments
    return library


class Nft:
    """A libnftables context in one namespace."""

    def __init__(self, path: str) -> None:
        """Make it in the namespace at ``path`` (empty: the daemon's). Raises OSError."""
        self._library = _library()
        self._context = netns.in_namespace(path, lambda: self._library.nft_ctx_new(0))
        if not self._context:
            raise OSError("libnftables gives no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str) -> list[Fault]:
        """Run commands as one transaction: all or none. Returns why none; nothing when all."""
        return self._run(commands, 0)[1]

    def listing(self, what: str, *, elements: bool) -> bytes | None:
        """JSON of a ``list`` command (``table inet x``), None when there is no such thing."""
        flags = _JSON | _STATELESS | (0 if elements else _TERSE)
        output, faults = self._run(f"list {what}", flags)
        return None if faults else output

    def close(self) -> None:
        """Free the context."""
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def _run(self, commands: str, flags: int) -> tuple[bytes, list[Fault]]:
        """By a file in memory, because only then are complaints told with their line."""
        handle = os.memfd_create("nft", os.MFD_CLOEXEC)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(commands.encode() + b"\n")
            self._library.nft_ctx_output_set_flags(self._context, flags)
            name = f"/proc/self/fd/{handle}".encode()
            result = self._library.nft_run_cmd_from_filename(self._context, name)
        finally:
            os.close(handle)
        output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
        errors = self._library.nft_ctx_get_error_buffer(self._context).decode(errors="replace")
        return output, _faults(errors) if result else []


def _faults(errors: str) -> list[Fault]:
    found = [Fault(int(m.group(1)), _plain(m.group(2))) for m in _PLACE.finditer(errors)]
    return found or [Fault(0, _plain(errors.strip() or "nft gave no reason"))]


def _plain(words: str) -> str:
    return words.removeprefix("Error: ").removeprefix("Could not process rule: ").strip()
