"""Which mount a path of a container lies in."""

import pytest

from seaway.engine import mounts

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
