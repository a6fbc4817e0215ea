"""Stories as data: every one can be played, and nothing that must fail is shown as right."""

import re

import pytest

from seaway.errors import Failure, NotFound
from seaway.lab.article import ARTICLE
from seaway.lab.plan import Plan
from seaway.lab.scene import OUTSIDE, Step
from seaway.lab.story import STORIES
from seaway.lab.together import together


@pytest.mark.parametrize("name", STORIES)
def test_every_step_is_on_a_machine_there_is(name: str) -> None:
    story = STORIES[name]
    known = {p.name for p in Plan(hosts=story.hosts).host_places} | {OUTSIDE}
    for chapter in story.chapters:
        for step in chapter.steps:
            assert step.where in known
            re.compile(step.shows)


def test_the_articles_tables_are_part_of_the_story() -> None:
    typed = [step.command for chapter in ARTICLE.chapters for step in chapter.steps]
    for words in ("docker network create -d overlay overlaynet1", "bridge fdb show", "ip neigh"):
        assert any(words in command for command in typed), words
    assert [c for c in typed if "ping -c 3 over2" in c] and [c for c in typed if "ping -c 3 over1" in c]


def test_a_ping_without_answers_is_not_taken_for_one() -> None:
    step = next(s for c in ARTICLE.chapters for s in c.steps if "ping -c 3 over2" in s.command)
    assert step.shown_by("3 packets transmitted, 3 packets received, 0% packet loss", 0)
    assert not step.shown_by("3 packets transmitted, 0 packets received, 100% packet loss", 1)
    assert not step.shown_by("3 packets transmitted, 1 packets received, 66% packet loss", 0)


def test_a_refusal_must_be_one() -> None:
    assert Step("h1", "x", "no", fails=True).shown_by("no", 1)
    assert not Step("h1", "x", "no", fails=True).shown_by("no", 0)


def test_many_at_once_tell_every_failure() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise NotFound(f"{number} is odd")
        return number // 2

    assert together(half, [2, 4]) == [1, 2]
    assert together(half, []) == []
    with pytest.raises(NotFound, match="3 is odd"):
        together(half, [2, 3])
    with pytest.raises(Failure, match="3 is odd\n5 is odd"):
        together(half, [3, 4, 5])
