"""Volumes on a machine of memory: a create that fails leaves no directory."""

import pytest

from seaway.engine.specs import ContainerSpec
from seaway.errors import InvalidInput, NotFound, SeawayError
from seaway.model import Attachment, Config, HostConfig
from seaway.model.container import IpamRequest, Mount
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


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(binds=("/x", "named:/y"), mounts=(Mount(type="bind", source="/nosuch", target="/z"),)),
        HostConfig(binds=("named:/y", "b@d:/z")),
        HostConfig(binds=("/x", "named:/y", "/tmp:/z:wild")),
        HostConfig(mounts=(Mount(type="volume", target="/x"), Mount(type="volume", target="/x"))),
        HostConfig(mounts=(Mount(type="volume", target="/x"), Mount(type="strange", target="/y"))),
    ],
)
async def test_mounts_are_looked_at_before_a_volume_is_made(house: House, host: HostConfig) -> None:
    config = Config(image="img", cmd=("true",), volumes={"/v": {}})
    with pytest.raises(SeawayError):
        await house.engine.containers.create(ContainerSpec(config=config, host=host))
    assert not house.facts.volumes


async def test_a_relative_place_is_refused_at_create(house: House) -> None:
    config = Config(image="img", cmd=("true",), volumes={"relative": {}})
    with pytest.raises(InvalidInput, match="mount path must be absolute: 'relative'"):
        await house.engine.containers.create(ContainerSpec(config=config))


async def test_a_create_that_fails_late_takes_its_anonymous_volumes_along(house: House) -> None:
    await house.network("net")
    spec = ContainerSpec(
        config=Config(image="img", cmd=("true",), volumes={"/v": {}}),
        host=HostConfig(network_mode="net", binds=("named:/y",)),
        networks={"net": Attachment(ipam_config=IpamRequest(ipv4="10.200.0.9"))},
    )
    with pytest.raises(SeawayError, match="user configured subnets"):
        await house.engine.containers.create(spec)
    assert set(house.facts.volumes) == {"named"}
    assert [path.name for path in (house.settings.data_root / "volumes").iterdir()] == ["named"]


async def test_the_volumes_of_another_container(house: House) -> None:
    config = Config(image="img", cmd=("true",))
    binds = ("one:/one", "two:/two", "/tmp:/three:ro")
    spec = ContainerSpec(name="lender", config=config, host=HostConfig(binds=binds))
    await house.engine.containers.create(spec)
    host = HostConfig(volumes_from=("lender:ro",), binds=("mine:/two",))
    await house.engine.containers.create(ContainerSpec(name="taker", config=config, host=host))
    points = {m["Destination"]: m for m in house.engine.containers.get("taker").mounts}
    assert {target: (m.get("Name", m["Source"]), m["RW"]) for target, m in points.items()} == {
        "/one": ("one", False),
        "/two": ("mine", True),
        "/three": ("/tmp", False),
    }
    for wrong, kind in (("nosuch", NotFound), ("lender:wild", InvalidInput)):
        with pytest.raises(kind):
            host = HostConfig(volumes_from=(wrong,))
            await house.engine.containers.create(ContainerSpec(config=config, host=host))


async def test_a_container_whose_network_is_disabled_has_none(house: House) -> None:
    spec = ContainerSpec(name="cc", config=Config(image="img", cmd=("true",), network_disabled=True))
    await house.engine.containers.create(spec)
    assert house.engine.containers.get("cc").host.network_mode == "none"
