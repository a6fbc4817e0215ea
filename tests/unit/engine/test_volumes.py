"""Volumes on a machine of memory: a create that fails leaves no directory."""

import pytest

from seaway.errors import SeawayError
from tests.unit.engine.house import House


async def test_a_volume_that_cannot_be_noted_is_not_made(house: House) -> None:
    place = house.settings.data_root / "volumes"
    house.machine.faults["store"] = 1.0
    with pytest.raises(SeawayError):
        await house.engine.volumes.create("data")
    assert not (place / "data").exists()
    house.machine.faults.clear()
    await house.engine.volumes.create("data")
    assert (place / "data" / "_data").is_dir()


async def test_a_failing_create_keeps_what_was_found_in_its_place(house: House) -> None:
    found = house.settings.data_root / "volumes" / "data" / "_data" / "file"
    found.parent.mkdir(parents=True)
    found.write_text("kept")
    house.machine.faults["store"] = 1.0
    with pytest.raises(SeawayError):
        await house.engine.volumes.create("data")
    assert found.read_text() == "kept"
    house.machine.faults.clear()
