"""Which mount a path of a container lies in, and volumes whose driver is not here."""

from typing import Any

import pytest

from seaway.engine import mounts
from seaway.errors import InvalidInput, NotFound, SeawayError
from seaway.model import Config, HostConfig
from seaway.model.container import Mount
from seaway.model.volume import Volume

VOLUME = {"Source": "/data/v", "Destination": "/vol"}
INNER = {"Source": "/data/i", "Destination": "/vol/in"}
MEMORY = {"Source": "", "Destination": "/tmp"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/vol", (VOLUME, "")),
        ("/vol/", (VOLUME, "")),
        ("/vol/a/b", (VOLUME, "a/b")),
        ("/vol/a/../in/x", (INNER, "x")),
        ("/volume", None),
        ("/vol/../etc", None),
        ("/tmp/x", None),
        ("/", None),
    ],
)
def test_the_mount_behind_a_path(path: str, found: object) -> None:
    assert mounts.behind([VOLUME, INNER, MEMORY], path) == found


@pytest.mark.parametrize(
    ("driver", "kind", "words"),
    [
        (
            {"Options": {"type": "nfs"}},
            InvalidInput,
            "invalid volume option: 'type': local volumes",
        ),
        ({"Name": "foo"}, NotFound, 'plugin "foo" not found'),
    ],
)
async def test_a_volume_of_another_driver_is_refused(
    driver: dict[str, Any], kind: type[SeawayError], words: str
) -> None:
    async def make(name: str, anonymous: bool) -> Volume:
        pytest.fail(f"made {name}")

    wish = Mount(type="volume", source="data", target="/x", volume_options={"DriverConfig": driver})
    with pytest.raises(kind, match=words):
        await mounts.resolve(Config(), HostConfig(mounts=(wish,)), make, pytest.fail)
