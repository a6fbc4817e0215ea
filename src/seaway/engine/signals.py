"""Signals by name or number, and the exit status that stands for a failed start."""

import signal

from seaway.errors import InvalidInput

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
