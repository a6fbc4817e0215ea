"""The terminal that the user sits at: raw mode, size, and whether there is one."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager


def is_terminal(handle: int) -> bool:
    """Whether a file descriptor is a terminal."""
    return os.isatty(handle)


@contextmanager
def raw(handle: int) -> Iterator[None]:
    """Every key goes through as it is pressed, inside the block; the terminal is as before behind it."""
    if not os.isatty(handle):
        yield
        return
    before = termios.tcgetattr(handle)
    try:
        tty.setraw(handle)
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def size() -> tuple[int, int]:
    """Height and width of the terminal in characters; zeros when there is none."""
    for handle in (1, 0, 2):
        try:
            found = os.get_terminal_size(handle)
        except OSError:
            continue
        return found.lines, found.columns
    return 0, 0


def input_handle() -> int:
    """File descriptor of standard input; -1 when it is closed."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        return -1
