"""How a command fails: one sentence on standard error, and docker's exit status."""

import json

import click


class Failed(click.ClickException):
    """A command that did not succeed. ``leave`` is the exit status; ``status`` the daemon's, or 0."""

    def __init__(self, message: str, leave: int = 1, status: int = 0) -> None:
        super().__init__(message)
        self.leave = leave
        self.status = status


class Unreachable(Failed):
    """The daemon does not answer."""


def refused(message: str, status: int) -> Failed:
    """The daemon said no: docker's words around the daemon's."""
    return Failed(f"Error response from daemon: {message}", status=status)


def message_of(content: bytes) -> str:
    """The daemon's words in an error's body."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip() or "no reason given"


def run_status(message: str) -> int:
    """The exit status of ``run`` and ``start`` when a container cannot start, told from the words."""
    table = (
        (127, ("executable file not found", "no such file or directory", "system cannot find the file")),
        (126, ("permission denied", "is a directory", "syscall.EACCES")),
    )
    for status, words in table:
        if any(word in message.lower() for word in words):
            return status
    return 125
