"""The single-host story by aiodocker, unmodified."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiodocker
import pytest

from demo.host import Host
from tests.faces.box import get, until
from tests.faces.image import COMMAND, NAME


@pytest.fixture
async def client(host: Host) -> AsyncIterator[aiodocker.Docker]:
    async with aiodocker.Docker(url=host.url) as made:
        yield made


def _config(*command: str, **host_config: Any) -> dict[str, Any]:
    return {"Image": NAME, "Cmd": list(command), "HostConfig": host_config}


async def test_bridge(host: Host, client: aiodocker.Docker) -> None:
    config = _config(*COMMAND, PortBindings={"5001/tcp": [{"HostPort": "8080"}]})
    config["ExposedPorts"] = {"5001/tcp": {}}
    web = await client.containers.create_or_replace("web", config)
    await web.start()
    assert "Hello" in await asyncio.to_thread(until, lambda: get(host.lan, f"http://{host.address}:8080/"))
    assert {"HostIp": "0.0.0.0", "HostPort": "8080"} in await web.port(5001)
    await web.stop(t=0)
    await web.delete()


async def test_host_and_none(host: Host, client: aiodocker.Docker) -> None:
    for mode, count in (("host", 3), ("none", 1)):
        box = await client.containers.run(_config("ip", "-o", "link", NetworkMode=mode))
        await box.wait()
        lines = await box.log(stdout=True)
        assert "".join(lines).count("\n") >= count if mode == "host" else "".join(lines).count("\n") == 1
        await box.delete()


async def test_networks(client: aiodocker.Docker) -> None:
    net = await client.networks.create({"Name": "net", "IPAM": {"Config": [{"Subnet": "10.3.0.0/24"}]}})
    box = await client.containers.run(_config("sleep", "600"), name="box")
    await net.connect({"Container": "box", "EndpointConfig": {"Aliases": ["it"]}})
    seen = await net.show()
    assert seen["Containers"][box.id]["IPv4Address"] == "10.3.0.2/24"
    await net.disconnect({"Container": "box"})
    assert await net.delete()
    with pytest.raises(aiodocker.DockerError) as refused:
        await client.networks.get("net")
    assert refused.value.status == 404


async def test_exec_and_log_stream(client: aiodocker.Docker) -> None:
    box = await client.containers.run(_config("sh", "-c", "echo one; sleep 0.3; echo two"), name="box")
    seen = [line async for line in box.log(stdout=True, follow=True)]
    assert "".join(seen) == "one\ntwo\n"
    assert (await box.wait())["StatusCode"] == 0
    other = await client.containers.run(_config("sleep", "600"), name="other")
    run = await other.exec(["sh", "-c", "echo inside; exit 3"])
    async with run.start(detach=False) as stream:
        message = await stream.read_out()
        assert message is not None
        assert message.data == b"inside\n"
        assert await stream.read_out() is None
    assert (await run.inspect())["ExitCode"] == 3


async def test_events(client: aiodocker.Docker) -> None:
    channel = client.events.subscribe()
    net = await client.networks.create({"Name": "net"})
    await net.delete()
    actions = []
    while len(actions) < 2:
        event = await asyncio.wait_for(channel.get(), 10)
        if event["Type"] == "network":
            actions.append(event["Action"])
    assert actions == ["create", "destroy"]
    await client.events.stop()
