"""The servers that the contract's tests run over: a table, so that another kind is one more line."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.cluster.stores.consul import Consul
from tests.cluster.stores.etcd import Etcd
from tests.cluster.stores.zookeeper import Zookeeper
from tests.stores.fake_consul import FakeConsul
from tests.stores.rig import Rig, ServerProcess, serving

pytest.register_assert_rewrite("tests.stores.suite", "tests.stores.faults", "tests.stores.follower")

SERVERS: dict[str, type[ServerProcess]] = {
    "consul": Consul,
    "consul-fake": FakeConsul,
    "etcd": Etcd,
    "zk": Zookeeper,
}


@pytest.fixture(scope="session", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One server for all tests; each has a prefix of its own. It ends with the session."""
    kind = SERVERS[request.param]
    if reason := kind.absent():
        pytest.skip(reason)
    with serving(kind) as running:
        yield running


@pytest.fixture
async def rig(server: Any) -> AsyncIterator[Rig]:
    async with Rig(server) as made:
        yield made


@pytest.fixture
async def store(rig: Rig) -> Any:
    return await rig.store()
