"""The room's one door to processes: run and wait, start and go on, or become one."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from seaway.errors import Failure

Process = subprocess.Popen[bytes]
"""A process that was started and is not waited for yet."""

KILL_AFTER = 5.0
"""Seconds that a command may go on after its time is over."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left: exit status, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both outputs, as a person would have seen them."""
        return self.out + self.err


class CommandFailed(Failure):
    """A command that had to succeed did not; the message has all it said."""


def run(argv: Sequence[str], env: Mapping[str, str], input: str = "", timeout: float = 60) -> Result:
    """Run to the end; a command that takes longer than ``timeout`` is killed and has status 124."""
    try:
        done = subprocess.run(
            argv,
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout + KILL_AFTER,
            env=env,
        )
    except subprocess.TimeoutExpired as late:
        said = [part.decode(errors="replace") if part else "" for part in (late.stdout, late.stderr)]
        return Result(124, said[0], said[1] + f"[ended after {timeout:g} s]\n")
    return Result(done.returncode, done.stdout, done.stderr)


def checked(who: str, argv: Sequence[str], result: Result) -> Result:
    """The result of a command that had to succeed; CommandFailed with its words when it did not."""
    if result.code:
        raise CommandFailed(f"{who}$ {shlex.join(argv)}\n{result.text}[exit status {result.code}]")
    return result


def spawn(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Start in a session of its own, all output into ``log``, and go on: it outlives us unless it says so."""
    with log.open("ab") as said:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=env, start_new_session=True
        )


def popen(argv: Sequence[str], env: Mapping[str, str], **how: object) -> Process:
    """Start and go on; standard input is empty unless ``how`` (as of subprocess.Popen) says otherwise."""
    options = {"stdin": subprocess.DEVNULL, "env": env, **how}
    return subprocess.Popen(argv, **options)  # type: ignore[call-overload, no-any-return]


def become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Be replaced by a command that waits for another in the foreground.

    The keyboard's signals go to that other alone: ``nsenter`` would end by them and leave it behind.
    """
    for sign in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(sign, signal.SIG_IGN)
    os.execvpe(argv[0], list(argv), dict(env))
