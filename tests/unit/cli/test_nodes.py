"""Commands on the hosts of a cluster, and what info says of one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from seaway.cli.system import cluster_lines
from tests.unit.cli.conftest import Play
from tests.unit.cli.stub import Stub

Serve = Callable[[dict[str, Any]], Stub]

ONE = {
    "ID": "6f1e2d3c-1111-2222-3333-444455556666",
    "Name": "h1",
    "Address": "192.168.1.21",
    "Version": "0.1.0",
    "Status": "ready",
    "Self": True,
    "EndpointCount": 2,
}
TEN = ONE | {"ID": "7" * 64, "Name": "h10", "Address": "192.168.1.30", "Self": False, "Status": "down"}
TWO = TEN | {"ID": "8" * 64, "Name": "h2", "Address": "192.168.1.20", "EndpointCount": 0}
HELD = [
    {"ID": "e1", "Network": "overlaynet1", "Name": "web", "Addresses": ["10.0.0.2/24", "fd00::2/64"]},
    {"ID": "e2", "Network": "overlaynet1", "Name": "db", "Addresses": []},
]


def test_ls_is_a_table_with_a_star_for_oneself(serve: Serve, play: Play) -> None:
    serve({"GET /seaway/nodes": (200, [TEN, ONE, TWO])})
    table = (
        "ID               NAME      ADDRESS        STATUS    ENDPOINTS\n"
        "6f1e2d3c-111 *   h1        192.168.1.21   Ready     2\n"
        "888888888888     h2        192.168.1.20   Down      0\n"
        "777777777777     h10       192.168.1.30   Down      2\n"
    )
    assert play("node", "ls").output == table
    assert play("node", "list", "--format", "table").output == table


def test_ls_in_other_forms(serve: Serve, play: Play) -> None:
    serve({"GET /seaway/nodes": (200, [TWO, ONE])})
    assert play("node", "ls", "-q").output == "6f1e2d3c-111\n888888888888\n"
    assert play("node", "ls", "-q", "--no-trunc").output == f"{ONE['ID']}\n{TWO['ID']}\n"
    assert play("node", "ls", "--format", "{{.Name}} {{.Status}} {{.Self}}").output == (
        "h1 Ready true\nh2 Down false\n"
    )
    assert json.loads(play("node", "ls", "--json").output) == [ONE, TWO]
    first = json.loads(play("node", "ls", "--format", "json").output.splitlines()[0])
    assert (first["Name"], first["Self"], first["Endpoints"]) == ("h1", True, "2")


def test_inspect(serve: Serve, play: Play) -> None:
    serve({"GET /seaway/nodes/h1": (200, ONE | {"Endpoints": HELD})})
    assert json.loads(play("node", "inspect", "h1").output)[0]["Endpoints"] == HELD
    form = "{{range .Endpoints}}{{.Name}} {{end}}"
    assert play("node", "inspect", "-f", form, "h1").output == "web db \n"


def test_rm_says_what_it_freed(serve: Serve, play: Play) -> None:
    daemon = serve(
        {
            "DELETE /seaway/nodes/h1": (200, ONE | {"Endpoints": HELD}),
            "DELETE /seaway/nodes/h2": (409, {"message": "node h2 is alive"}),
        }
    )
    result = play("node", "rm", "h2", "h1")
    assert result.exit_code == 1
    assert result.stdout == (
        "h1\n  freed 10.0.0.2, fd00::2 of web on overlaynet1\n  freed no address of db on overlaynet1\n"
    )
    assert result.stderr == "Error response from daemon: node h2 is alive\n"
    assert daemon.query("DELETE /seaway/nodes/h1") == {}
    assert play("node", "rm", "-f", "h2").exit_code == 1
    assert daemon.asked[-1][:2] == ("DELETE /seaway/nodes/h2", {"force": "1"})


@pytest.mark.parametrize(
    ("state", "nodes", "says"),
    [
        ("connected", (3, 1), "Cluster State: connected\nNodes: 3 (1 down)\n"),
        ("joining", (0, 0), "Cluster State: joining\nNodes: 0 (0 down)\n"),
    ],
)
def test_info_has_the_cluster(
    serve: Serve, play: Play, state: str, nodes: tuple[int, int], says: str
) -> None:
    cluster = {"State": state, "Since": "2026-11-22T18:00:00Z", "Nodes": nodes[0], "NodesDown": nodes[1]}
    found = {
        "ClusterStore": "etcd://192.168.1.18:2379",
        "ClusterAdvertise": "192.168.1.21:2376",
        "Cluster": cluster,
    }
    serve({"GET /info": (200, found)})
    assert play("info").output == (
        "Cluster Store: etcd://192.168.1.18:2379\nCluster Advertise: 192.168.1.21:2376\n" + says
    )


def test_info_says_how_long_the_store_has_been_away() -> None:
    cluster = {"State": "away", "Since": "2026-01-22T18:00:00.5Z", "Nodes": 2, "NodesDown": 0}
    said = cluster_lines({"ClusterStore": "zk://z", "ClusterAdvertise": "a", "Cluster": cluster})
    assert said["Cluster State"].startswith("away since 2026-01-22 ")
    assert said["Cluster State"].endswith(" ago)")


def test_info_of_a_single_host_has_none_of_it() -> None:
    assert cluster_lines({"Name": "h1"}) == {}
