"""Docker's filters: what passes, and what is refused."""

import pytest

from seaway.engine import filters
from seaway.engine.clock import seconds, stamp
from seaway.errors import InvalidInput
from seaway.model import Config, Container, Network, State

NETS = [
    Network(id="a" * 64, name="bridge", driver="bridge", created=stamp(1), predefined=True),
    Network(id="b" * 64, name="front", driver="bridge", created=stamp(2), labels={"tier": "web"}),
    Network(id="c" * 64, name="front-2", driver="bridge", created=stamp(3)),
]


def names(wanted: dict[str, list[str]], used: str = "") -> list[str]:
    return [n.name for n in filters.networks(NETS, wanted, lambda i: i == used)]


def test_network_filters() -> None:
    assert names({"name": ["front"]}) == ["front", "front-2"]
    assert names({"name": ["^front$"]}) == ["front"]
    assert names({"type": ["custom"]}) == ["front", "front-2"]
    assert names({"type": ["builtin"]}) == ["bridge"]
    assert names({"label": ["tier"]}) == ["front"]
    assert names({"label": ["tier=db"]}) == []
    assert names({"dangling": ["true"]}, used="b" * 64) == ["front-2"]
    assert names({"dangling": ["false"]}, used="b" * 64) == ["front"]
    assert names({"driver": ["null", "bridge"], "id": ["bbb"]}) == ["front"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"nope": ["x"]}, "invalid filter 'nope'"),
        ({"type": ["odd"]}, "invalid filter: 'type'='odd'"),
        ({"dangling": ["true", "false"]}, 'got more than one value for filter key "dangling"'),
        ({"dangling": ["maybe"]}, "dangling=['maybe']"),
    ],
)
def test_network_filters_refused(wanted: dict[str, list[str]], words: str) -> None:
    with pytest.raises(InvalidInput) as error:
        names(wanted)
    assert words in error.value.message


def box(name: str, at: int, **state: object) -> Container:
    return Container(
        id=f"{at:064x}",
        name=name,
        created=stamp(at * 10**9),
        image="sha256:" + "f" * 64,
        image_name="img:1",
        path="sh",
        config=Config(labels={"n": name}),
        state=State(**state),  # type: ignore[arg-type]
    )


BOXES = [box("web1", 1, status="running"), box("web2", 2, status="exited", exit_code=3), box("db", 3)]


def passed(wanted: dict[str, list[str]]) -> list[str]:
    by_name = {c.name: c for c in BOXES}
    found = filters.containers(
        BOXES,
        wanted,
        lambda c: {"front"} if c.name == "web1" else set(),
        lambda _c: set(),
        by_name.__getitem__,
    )
    return [c.name for c in found]


def test_container_filters() -> None:
    assert passed({"name": ["web"]}) == ["web1", "web2"]
    assert passed({"name": ["^/web1$"]}) == ["web1"]
    assert passed({"status": ["exited", "created"]}) == ["web2", "db"]
    assert passed({"exited": ["3"]}) == ["web2"]
    assert passed({"exited": ["0"]}) == []
    assert passed({"network": ["front"]}) == ["web1"]
    assert passed({"ancestor": ["img:1"]}) == ["web1", "web2", "db"]
    assert passed({"ancestor": ["ffff"]}) == ["web1", "web2", "db"]
    assert passed({"before": ["db"]}) == ["web1", "web2"]
    assert passed({"since": ["web1"], "label": ["n=db"]}) == ["db"]
    with pytest.raises(InvalidInput, match="it is one of created"):
        passed({"status": ["asleep"]})


def test_moments() -> None:
    assert filters.moment("12.5", 0) == 12.5
    assert filters.moment("1h30m", 10_000) == 10_000 - 5400
    assert filters.moment("10ms", 1) == pytest.approx(0.99)
    assert filters.moment("1970-01-01T00:01:00Z", 0) == 60
    for bad in ("soon", "10", "5x", "m"):
        if bad != "10":
            with pytest.raises(InvalidInput):
                filters.moment(bad, 0)


def test_stamps_keep_nanoseconds() -> None:
    assert stamp(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert seconds(stamp(1_700_000_000_500_000_000)) == 1_700_000_000.5
    assert seconds("0001-01-01T00:00:00Z") == 0
