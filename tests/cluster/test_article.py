"""The tutorial's section on many hosts, word for word, on every store and by both command lines."""

from pathlib import Path

import pytest

from seaway.errors import Unavailable
from seaway.lab import Lab
from seaway.lab.host import DOCKER
from seaway.lab.plan import Plan
from seaway.lab.stores import STORES
from seaway.lab.story import play

WEBAPP = Path(__file__).resolve().parents[2] / "build/training-webapp.tar"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "own"), [("etcd", False), ("consul", False), ("zookeeper", False), ("etcd", True)]
)
def test_the_article(store: str, own: bool) -> None:
    if not own and not DOCKER:
        pytest.skip("there is no docker CLI")
    try:
        STORES[store].program(Plan(store=store))
    except Unavailable as absent:
        pytest.skip(str(absent))
    told: list[str] = []
    with Lab(hosts=2, store=store, images=[WEBAPP], ephemeral=True) as lab:
        assert play(lab, "article", own, told.append) == 0, "\n".join(told)
