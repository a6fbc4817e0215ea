"""Stories: what is typed on which host, and what must come back; played with every output shown."""

import re
import time
from collections.abc import Callable, Mapping

from seaway.errors import Conflict, NotFound
from seaway.lab.article import ARTICLE
from seaway.lab.host import DOCKER
from seaway.lab.lab import Lab
from seaway.lab.process import Result
from seaway.lab.scene import OUTSIDE, Step, Story

STORIES: Mapping[str, Story] = {"article": ARTICLE}
"""Every story by its name."""

_LIMIT = 60.0
"""Seconds for one command."""


class Stage:
    """Where a story is played. ``wrong`` says what did not come back as it must, ``played`` counts."""

    def __init__(self, lab: Lab, client: str, say: Callable[[str], None]) -> None:
        self.lab = lab
        self.client = client
        self.say = say
        self.wrong: list[str] = []
        self.played = 0

    def play(self, step: Step) -> Result:
        """Type one command, show what comes back, and compare it with what must come back."""
        command = re.sub(r"\bdocker (?=[a-z])", f"{self.client} ", step.command)
        self.say(f"\n{'#' if step.where == OUTSIDE else f'root@{step.where}:~#'} {command}")
        deadline = time.monotonic() + step.patience
        result = self._type(step, command)
        while not step.shown_by(result.text, result.code) and time.monotonic() < deadline:
            time.sleep(0.2)
            result = self._type(step, command)
        shown = [result.text.rstrip(), f"[exit status {result.code}]" if result.code else ""]
        if any(shown):
            self.say("\n".join(line for line in shown if line))
        self.played += 1
        if not step.shown_by(result.text, result.code):
            self.wrong.append(
                f"{step.where}: {command}\n    expected {step.shows!r}, saw {result.text.strip()!r}"
            )
            self.say("!! not what was expected")
        return result

    def _type(self, step: Step, command: str) -> Result:
        if step.where != OUTSIDE:
            return self.lab.machine(step.where).sh(command, check=False, timeout=_LIMIT)
        _, _, verb, *hosts = command.split()
        {"kill": self.lab.kill, "start": self.lab.start, "cut": self.lab.cut, "heal": self.lab.heal}[verb](
            *hosts
        )
        return Result(0, "", "")


def play(lab: Lab, name: str, own: bool, say: Callable[[str], None]) -> int:
    """Play a story in a lab that is up; 0 when all was as it must be. ``own``: no docker CLI."""
    if name not in STORIES:
        raise NotFound(f"there is no story {name!r}; there are {', '.join(STORIES)}")
    story = STORIES[name]
    _fits(lab, story)
    started = time.monotonic()
    stage = Stage(lab, "seaway" if own or not DOCKER else "docker", say)
    for chapter in story.chapters:
        say(f"\n──── {chapter.title} ────\n{chapter.words}")
        for step in chapter.steps:
            stage.play(step)
    took = time.monotonic() - started
    counted = f"{stage.played} commands by {stage.client}, {len(stage.wrong)} not as expected, {took:.0f} s."
    say(f"\n──── summary ────\n{counted}")
    for line in stage.wrong:
        say("wrong: " + line)
    return 1 if stage.wrong else 0


def _fits(lab: Lab, story: Story) -> None:
    """Conflict with what to do when the lab lacks something that the story needs."""
    if len(lab.hosts) < story.hosts or (story.store and not lab.store.nodes):
        raise Conflict(
            f"this story needs a lab with {story.hosts} hosts{' and a store' if story.store else ''}: "
            f"seaway lab up --hosts {story.hosts}{' --store etcd' if story.store else ''}"
        )
    for host in lab.hosts[: story.hosts]:
        if host.daemon_state() != "running":
            raise Conflict(
                f"the daemon on {host.name} is {host.daemon_state()}: seaway lab restart {host.name}"
            )
        if host.http("GET", f"/images/{story.image}/json")[0] != 200:
            raise Conflict(
                f"{host.name} has no image {story.image}: make images && "
                "seaway lab load build/training-webapp.tar"
            )
