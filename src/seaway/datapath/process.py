"""Other people's programs: run one with arguments, a time limit and its output kept. No shell."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from seaway.datapath import netns

TIMEOUT = 10.0
"""Seconds a program may take when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended: exit status (negative: a signal), what it printed, what it complained."""

    code: int
    output: str
    errors: str


def run(arguments: Sequence[str], *, text: str = "", timeout: float = TIMEOUT, ns: str = "") -> Done:
    """Run a program to its end in the namespace at ``ns`` (empty: the daemon's), ``text`` as its input.

    Raises FileNotFoundError when there is no such program, TimeoutError after ``timeout`` seconds (it
    has been ended then), OSError when there is no such namespace.
    """
    return netns.in_namespace(ns, partial(_run, tuple(arguments), text, timeout))


def _run(arguments: tuple[str, ...], text: str, timeout: float) -> Done:
    try:
        done = subprocess.run(
            arguments,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{arguments[0]} took more than {timeout:g} seconds") from error
    return Done(done.returncode, done.stdout, done.stderr)
