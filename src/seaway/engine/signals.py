"""Signals by name or number, the time between two of them, and the exit status of a failed start."""

import signal

from seaway.errors import InvalidInput
from seaway.model import Container

GRACE = 10
"""Seconds between the stop signal and SIGKILL when nothing else is said."""

FAILED_TO_START = 128
COMMAND_NOT_FOUND, COMMAND_REFUSED = 127, 126


def signal_number(text: str) -> int:
    """A signal by number or name, with or without SIG. InvalidInput for anything else."""
    if text.isdigit() and 0 < int(text) < signal.NSIG:
        return int(text)
    name = text.upper()
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        raise InvalidInput(f"Invalid signal: {text}") from None


def exit_code_of(text: str) -> int:
    """The exit status Docker gives a container whose start failed with this text."""
    if "executable file not found" in text or "no such file or directory" in text:
        return COMMAND_NOT_FOUND
    if "permission denied" in text or "is a directory" in text:
        return COMMAND_REFUSED
    return FAILED_TO_START


def grace(container: Container, timeout: int | None) -> int:
    """Seconds a container has to end by itself: what was asked for, or its own, or GRACE; -1 is for ever."""
    if timeout is not None:
        return timeout
    own = container.config.stop_timeout
    return GRACE if own is None else own
