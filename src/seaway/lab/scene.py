"""What a story is made of: steps, chapters, and what it needs of a lab."""

import re
from dataclasses import dataclass

OUTSIDE = "outside"
"""Where ``seaway lab`` is typed: not on a host."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command. ``where`` is a machine of the lab; ``shows`` is a pattern its output must contain.

    ``patience`` is how many seconds the command is tried again for. ``fails`` is for commands that must be
    refused. ``docker`` at the start of a word is Seaway's own command line when there is no docker CLI.
    """

    where: str
    command: str
    shows: str = ""
    fails: bool = False
    patience: float = 0.0

    def shown_by(self, text: str, code: int) -> bool:
        """Whether an output and an exit status are what must come back."""
        return self.fails == bool(code) and re.search(self.shows, text, re.M) is not None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A headline, a sentence, and its steps."""

    title: str
    words: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One line about it, what it needs, and its chapters."""

    words: str
    hosts: int
    store: bool
    image: str
    chapters: tuple[Chapter, ...]
