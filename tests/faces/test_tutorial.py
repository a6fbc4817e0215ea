"""The single-host half of the tutorial, by the docker CLI and by Seaway's own."""

import pytest

from demo.host import DOCKER, Host
from demo.single_host import Stage
from demo.story import CHAPTERS, Chapter
from tests.faces.conftest import WEBAPP


@pytest.fixture(scope="module")
def webapp(host: Host) -> Host:
    """The host with training/webapp on it."""
    host.docker("load", "-i", str(WEBAPP), timeout=120)
    return host


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.title.replace(" ", "-"))
@pytest.mark.parametrize("client", ["docker", "seaway"])
def test_chapter(webapp: Host, host: Host, client: str, chapter: Chapter) -> None:
    if client == "docker" and not DOCKER:
        pytest.skip("no docker CLI on this machine")
    stage = Stage(host, client, quiet=True)
    stage.read(chapter)
    assert not stage.wrong, "\n".join(stage.wrong)
    assert stage.played == len(chapter.steps)
