"""Hosts of a cluster over HTTP, and what info says of the cluster."""

from types import SimpleNamespace
from typing import Any

import pytest

from seaway.api import shapes_system
from seaway.engine.cluster_views import ClusterView, EndpointView, NodeView
from seaway.engine.nodes import ClusterNodes
from seaway.errors import Conflict, NotFound
from tests.unit.api.conftest import Face
from tests.unit.api.stub import CID, EID

WEB = EndpointView(
    network="overlaynet1",
    name="web",
    addresses=("10.0.0.2/24",),
    mac="02:42:0a:00:00:02",
    id=EID,
    container_id=CID,
)
H1 = NodeView(id="n1", name="h1", address="192.168.1.21", version="0.1.0", alive=True, self=True)
H2 = NodeView(id="n2", name="h2", address="192.168.1.20", version="0.1.0", endpoints=(WEB,))

H2_JSON = {
    "ID": "n2",
    "Name": "h2",
    "Address": "192.168.1.20",
    "Version": "0.1.0",
    "Status": "down",
    "Self": False,
    "EndpointCount": 1,
}
WEB_JSON = {
    "ID": EID,
    "Network": "overlaynet1",
    "Name": "web",
    "ContainerID": CID,
    "MacAddress": "02:42:0a:00:00:02",
    "Addresses": ["10.0.0.2/24"],
}


class Nodes:
    """Two hosts; the second is dead."""

    def __init__(self) -> None:
        self.removed: list[tuple[str, bool]] = []

    def list(self) -> list[NodeView]:
        return [H1, H2]

    def inspect(self, ref: str) -> NodeView:
        for node in (H1, H2):
            if ref in (node.id, node.name):
                return node
        raise NotFound(f"node {ref} not found")

    async def remove(self, ref: str, force: bool) -> NodeView:
        self.removed.append((ref, force))
        node = self.inspect(ref)
        if node.alive:
            raise Conflict(f"node {ref} is alive")
        return node


@pytest.fixture
def nodes(face: Face) -> Any:
    found = Nodes()
    face.engine.nodes = found  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("prefix", ["", "/v1.24", "/v1.50"])
async def test_list_counts_endpoints_and_inspect_shows_them(face: Face, nodes: Nodes, prefix: str) -> None:
    found = (await face.ask("GET", f"{prefix}/seaway/nodes")).json
    assert found[1] == H2_JSON
    assert (found[0]["Status"], found[0]["Self"]) == ("ready", True)
    one = await face.ask("GET", f"{prefix}/seaway/nodes/h2")
    assert one.json == {**H2_JSON, "Endpoints": [WEB_JSON]}


async def test_remove_answers_with_what_it_freed(face: Face, nodes: Nodes) -> None:
    gone = await face.ask("DELETE", "/seaway/nodes/h2")
    assert (gone.status, gone.json["Endpoints"]) == (200, [WEB_JSON])
    alive = await face.ask("DELETE", "/v1.50/seaway/nodes/h1?force=1")
    assert (alive.status, alive.message) == (409, "node h1 is alive")
    assert nodes.removed == [("h2", False), ("h1", True)]


async def test_errors_are_dockers(face: Face, nodes: Nodes) -> None:
    missing = await face.ask("GET", "/seaway/nodes/nosuch")
    assert (missing.status, missing.message) == (404, "node nosuch not found")
    assert (await face.ask("GET", "/nodes")).status == 503


async def test_without_a_cluster_there_are_no_nodes(face: Face) -> None:
    alone = SimpleNamespace(configured=False, session=None)
    face.engine.nodes = ClusterNodes(alone)  # type: ignore[attr-defined, arg-type]
    for method, path in (("GET", ""), ("GET", "/h1"), ("DELETE", "/h1")):
        said = await face.ask(method, f"/seaway/nodes{path}")
        assert said.status == 503
        assert "this host is in no cluster" in said.message


def test_info_has_dockers_two_keys_and_ours() -> None:
    view = ClusterView(advertise="192.168.1.21:2376", state="away", since=1_800_000_000.5, nodes=3, down=1)
    found = shapes_system.info({"cluster_store": "etcd://me:xxxxx@192.168.1.18:2379", "cluster": view})
    assert found["ClusterStore"] == "etcd://me:xxxxx@192.168.1.18:2379"
    assert found["ClusterAdvertise"] == "192.168.1.21:2376"
    since = "2027-01-15T08:00:00.500000Z"
    assert found["Cluster"] == {"State": "away", "Since": since, "Nodes": 3, "NodesDown": 1}


def test_info_of_a_single_host_has_none_of_it() -> None:
    assert not [key for key in shapes_system.info({}) if key.startswith("Cluster")]
