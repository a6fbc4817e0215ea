"""Mirrors and insecure registries as skopeo reads them."""

import tomllib
from pathlib import Path

import pytest

from seaway.errors import InvalidInput
from seaway.runtime import image_mirrors


def test_mirrors_stand_for_the_hub_in_order() -> None:
    found = tomllib.loads(
        image_mirrors.text(["http://10.0.0.5:5000/", "https://m.example/hub"], ["r.example:1"])
    )
    hub, own = found["registry"]
    assert hub == {
        "location": "docker.io",
        "mirror": [
            {"location": "10.0.0.5:5000", "insecure": True},
            {"location": "m.example/hub", "insecure": False},
        ],
    }
    assert own == {"location": "r.example:1", "insecure": True}


def test_no_file_when_there_is_nothing_to_say(tmp_path: Path) -> None:
    conf = tmp_path / "a/registries.conf"
    assert image_mirrors.write(conf, ["http://m.example"], []) == conf and conf.exists()
    assert image_mirrors.write(conf, [], []) is None and not conf.exists()


@pytest.mark.parametrize(
    "url", ["m.example:5000", "ftp://m.example", "http://u:p@m.example", "http://", 'http://a"b']
)
def test_what_is_no_mirror(url: str) -> None:
    with pytest.raises(InvalidInput, match="invalid mirror"):
        image_mirrors.text([url], [])


@pytest.mark.parametrize("name", ["10.0.0.0/8", "http://r.example", "a b"])
def test_what_is_no_insecure_registry(name: str) -> None:
    with pytest.raises(InvalidInput, match="insecure registry"):
        image_mirrors.text([], [name])
