"""What the results of a health check say of a container."""

import pytest

from seaway.engine import filters, health
from seaway.engine.health import Result, View
from seaway.model import Config, Container, State
from seaway.model.container import Health

CHECK = Health(test=("CMD", "true"), interval=2 * health.SECOND, retries=2, start_period=10 * health.SECOND)
GOOD = Result("a", "b", 0, "fine")
BAD = Result("a", "b", 1, "not so")


def container(*test: str, shell: tuple[str, ...] | None = None, status: str = "") -> Container:
    return Container(
        id="1" * 64, name="c", created="", image="", image_name="", path="x",
        config=Config(healthcheck=Health(test=test) if test else None, shell=shell),
        state=State(health=status),
    )  # fmt: skip


def test_failures_in_the_start_period_do_not_count() -> None:
    view = View().after(BAD, CHECK, 3).after(BAD, CHECK, 9)
    assert (view.status, view.streak, len(view.results)) == ("starting", 0, 2)
    assert view.after(BAD, CHECK, 11).after(BAD, CHECK, 13).status == "unhealthy"


def test_one_good_result_makes_healthy_and_ends_the_grace() -> None:
    view = View().after(BAD, CHECK, 3).after(GOOD, CHECK, 4)
    assert (view.status, view.streak) == ("healthy", 0)
    assert view.after(BAD, CHECK, 5).status == "healthy"
    assert view.after(BAD, CHECK, 5).after(BAD, CHECK, 6).status == "unhealthy"


def test_three_failures_where_the_check_names_no_number() -> None:
    view, check = View(), Health(test=("CMD", "false"))
    seen = []
    for _ in range(3):
        view = view.after(BAD, check, 0)
        seen.append(view.status)
    assert seen == ["starting", "starting", "unhealthy"]


def test_the_last_five_results_are_kept() -> None:
    view = View()
    for number in range(7):
        view = view.after(Result("", "", number, ""), CHECK, 60)
    assert [r.code for r in view.results] == [2, 3, 4, 5, 6]


def test_pauses() -> None:
    assert View().pause(CHECK, 1) == health.START_INTERVAL
    assert View().pause(CHECK, 11) == 2
    assert View("healthy").pause(CHECK, 1) == 2
    assert View().pause(Health(test=("CMD", "x")), 0) == health.INTERVAL


@pytest.mark.parametrize(
    ("test", "shell", "argv"),
    [
        (("CMD", "a", "b c"), None, ("a", "b c")),
        (("CMD-SHELL", "a | b"), None, ("/bin/sh", "-c", "a | b")),
        (("CMD-SHELL", "a"), ("/bin/ash", "-ec"), ("/bin/ash", "-ec", "a")),
    ],
)
def test_what_is_run(test: tuple[str, ...], shell: tuple[str, ...] | None, argv: tuple[str, ...]) -> None:
    one = container(*test, shell=shell)
    check = health.probed(one)
    assert check and health.command(one, check) == argv


def test_no_check() -> None:
    for one in (container(), container("NONE")):
        assert health.probed(one) is None and health.first(one) == ""


def test_the_filter() -> None:
    def found(value: str) -> int:
        everyone = [container("CMD", "x", status="healthy"), container()]
        return len(
            filters.containers(
                everyone, {"health": [value]}, lambda _: set(), lambda _: set(), lambda _: everyone[0]
            )
        )

    assert [found(v) for v in ("healthy", "none", "starting")] == [1, 1, 0]
