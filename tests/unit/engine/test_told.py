"""What events tell of a container's end, and in which order."""

from typing import Any

import pytest

from seaway.errors import SeawayError
from tests.unit.engine.house import House


@pytest.fixture
def told(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    publish = house.engine.events.publish

    def hear(kind: str, action: str, identity: str, attributes: Any) -> None:
        found.append(action)
        publish(kind, action, identity, attributes)

    monkeypatch.setattr(house.engine.events, "publish", hear)
    return found


async def test_a_stop_in_dockers_order(house: House, told: list[str]) -> None:
    await house.network("net")
    await house.container("cc", "net")
    await house.start_container("cc")
    told.clear()
    await house.engine.containers.stop("cc", 1, None)
    assert told == ["kill", "die", "disconnect", "stop"]


async def test_a_start_that_fails_tells_of_no_endpoint(house: House, told: list[str]) -> None:
    await house.network("net")
    await house.container("cc", "net")
    house.machine.kernel.probability = 1.0
    with pytest.raises(SeawayError):
        await house.engine.containers.start("cc")
    house.machine.kernel.probability = 0.0
    await house.engine.settler.verify(everything=True)
    assert not {"connect", "disconnect"} & set(told)
