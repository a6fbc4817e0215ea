"""JSON shapes: the keys real clients know, and the values that differ by mode and version."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from seaway.api import image_filters, shapes, shapes_containers, shapes_images, shapes_networks
from seaway.engine.health import Result, View
from seaway.model import Attachment, Config, HostConfig, Network, Sandbox, Snapshot, State
from seaway.model.image import Image
from tests.unit.api import keys
from tests.unit.api.conftest import Face
from tests.unit.api.stub import (
    BOX,
    BRIDGE,
    CID,
    EID,
    ENDPOINT,
    HOST,
    IMAGE,
    NET,
    NETWORKS,
    SANDBOX,
    container,
)


def snapshot(*, endpoints: bool = True, sandbox: Sandbox = SANDBOX) -> Snapshot:
    return Snapshot(
        networks=NETWORKS, endpoints={EID: ENDPOINT} if endpoints else {}, sandboxes={BOX: sandbox}
    )


def on(network: str, mode: str) -> tuple[Any, Snapshot]:
    """A container standing on another network, in its mode."""
    place = msgspec.structs.replace(
        ENDPOINT, network_id=network, addresses=("172.17.0.2/16",) if network == BRIDGE else ()
    )
    one = container(networks={mode: Attachment()}, host=HostConfig(network_mode=mode))
    return one, Snapshot(networks=NETWORKS, endpoints={EID: place}, sandboxes={BOX: SANDBOX})


# -- networks


async def test_network(face: Face) -> None:
    shape = (await face.ask("GET", "/v1.50/networks/n_all")).json
    assert list(shape) == keys.NETWORK_KEYS.split()
    assert shape["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [
            {
                "Subnet": "10.9.0.0/16",
                "IPRange": "10.9.5.0/24",
                "Gateway": "10.9.5.254",
                "AuxiliaryAddresses": {"host1": "10.9.1.5"},
            }
        ],
    }
    assert shape["Containers"] == {
        CID: {
            "Name": "c1",
            "EndpointID": EID,
            "MacAddress": "02:42:0a:09:05:0a",
            "IPv4Address": "10.9.5.10/16",
            "IPv6Address": "",
        }
    }


async def test_network_list_names_containers_for_old_clients_only(face: Face) -> None:
    for version, count in (("/v1.50", 0), ("/v1.27", 1)):
        found = (await face.ask("GET", f"{version}/networks")).json
        assert len(next(n for n in found if n["Name"] == "n_all")["Containers"]) == count
    assert "EnableIPv4" not in (await face.ask("GET", "/v1.47/networks/n_all")).json


def test_networks_without_addresses_have_null_ipam() -> None:
    shape = shapes_networks.network(NETWORKS[HOST], snapshot(), 50, full=True)
    assert shape["IPAM"] == {"Driver": "default", "Options": None, "Config": None}


async def test_create_answers(face: Face) -> None:
    async def create(_spec: Any) -> tuple[Network, str]:
        return NETWORKS[NET], ""

    face.engine.networks._answers["create"] = create
    answer = await face.ask("POST", "/networks/create", {"Name": "x"})
    assert (answer.status, answer.json) == (201, {"Id": NET, "Warning": ""})
    for verb, body in (("connect", {"Container": "c1"}), ("disconnect", {"Container": "c1", "Force": True})):
        answer = await face.ask("POST", f"/networks/n_all/{verb}", body)
        assert (answer.status, answer.body) == (200, b"")
    assert face.engine.last("networks.disconnect")[0] == ("n_all", "c1", True)


async def test_prune_says_null_for_nothing(face: Face) -> None:
    async def none(_filters: Any) -> list[str]:
        return []

    face.engine.networks._answers["prune"] = none
    assert (await face.ask("POST", "/networks/prune")).json == {"NetworksDeleted": None}
    assert (await face.ask("POST", "/containers/prune")).json == {
        "ContainersDeleted": None,
        "SpaceReclaimed": 0,
    }


# -- containers


async def test_container_keys(face: Face) -> None:
    shape = (await face.ask("GET", "/v1.50/containers/c1/json")).json
    assert sorted(shape) == sorted(keys.CONTAINER_KEYS.split())
    assert sorted(shape["State"]) == sorted(keys.STATE_KEYS.split())
    assert sorted(shape["HostConfig"]) == sorted(keys.HOST_KEYS.split())
    assert sorted(shape["Config"]) == sorted(keys.CONFIG_KEYS.split())
    assert sorted(shape["NetworkSettings"]) == sorted(keys.SETTINGS_KEYS.split())
    assert sorted(shape["NetworkSettings"]["Networks"]["n_all"]) == sorted(keys.PLACE_KEYS.split())
    assert sorted(shape["GraphDriver"]) == ["Data", "Name"]
    assert shape["Name"] == "/c1"
    assert shape["HostsPath"] == f"/var/lib/seaway/containers/{CID}/hosts"


async def test_health_of_a_container_with_a_check(face: Face) -> None:
    face.engine.one = replace(face.engine.one, state=replace(face.engine.one.state, health="unhealthy"))
    face.engine.health = View("unhealthy", 3, (Result("a", "b", 1, "no"),))
    shape = (await face.ask("GET", "/containers/c1/json")).json
    assert shape["State"]["Health"] == {
        "Status": "unhealthy",
        "FailingStreak": 3,
        "Log": [{"Start": "a", "End": "b", "ExitCode": 1, "Output": "no"}],
    }
    assert (await face.ask("GET", "/containers/json")).json[0]["Status"].endswith(" (unhealthy)")


async def test_sizes_and_places_are_real(face: Face) -> None:
    one = (await face.ask("GET", "/containers/c1/json?size=1")).json
    image = (await face.ask("GET", "/images/json")).json[0]
    assert (one["SizeRw"], one["SizeRootFs"]) == (70, image["Size"] + 70)
    listed = (await face.ask("GET", "/containers/json?size=1")).json[0]
    assert (listed["SizeRw"], listed["SizeRootFs"]) == (70, image["Size"] + 70)
    assert "SizeRw" not in (await face.ask("GET", "/containers/json")).json[0]
    places = one["GraphDriver"]["Data"]
    assert places["UpperDir"] == f"/var/lib/seaway/rootfs/{CID}/upper"
    assert places["LowerDir"].startswith("/var/lib/seaway/images/rootfs/")


async def test_empty_is_null_or_a_list_exactly_as_docker_has_it(face: Face) -> None:
    host = (await face.ask("GET", "/containers/c1/json")).json["HostConfig"]
    assert [k for k in keys.EMPTY_LISTS.split() if host[k] != []] == []
    assert [k for k in keys.NULLS.split() if host[k] is not None] == []
    assert host["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert host["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}
    assert host["ConsoleSize"] == [0, 0]
    assert host["OomKillDisable"] is False
    assert host["PortBindings"] == {"5001/tcp": [{"HostIp": "", "HostPort": "5001"}]}


def test_privileged_masks_nothing() -> None:
    shape = shapes_containers.host_config(HostConfig(privileged=True, mounts=(), init=True))
    assert (shape["MaskedPaths"], shape["ReadonlyPaths"], shape["Init"]) == (None, None, True)
    assert "Mounts" not in shape


def test_on_a_user_defined_network() -> None:
    shape = shapes_containers.network_settings(container(), snapshot(), 50)
    assert shape["SandboxID"] == BOX
    assert shape["SandboxKey"] == SANDBOX.path
    assert shape["Ports"] == {
        "5001/tcp": [{"HostIp": "0.0.0.0", "HostPort": "5001"}, {"HostIp": "::", "HostPort": "5001"}],
        "9000/tcp": None,
    }
    assert (shape["IPAddress"], shape["EndpointID"], shape["IPPrefixLen"]) == ("", "", 0)
    place = shape["Networks"]["n_all"]
    assert place["DNSNames"] == ["c1", "web", CID[:12], "h1"]
    assert place["Aliases"] == ["web"]
    assert (place["Gateway"], place["IPAddress"], place["IPPrefixLen"]) == ("10.9.5.254", "10.9.5.10", 16)
    assert (place["NetworkID"], place["EndpointID"]) == (NET, EID)


def test_old_clients_see_the_short_id_among_the_aliases() -> None:
    shape = shapes_containers.network_settings(container(), snapshot(), 44)
    assert shape["Networks"]["n_all"]["Aliases"] == ["web", CID[:12], "h1"]


def test_on_the_default_bridge_the_top_level_is_filled() -> None:
    one, facts = on(BRIDGE, "bridge")
    shape = shapes_containers.network_settings(one, facts, 50)
    assert (shape["IPAddress"], shape["Gateway"], shape["IPPrefixLen"]) == ("172.17.0.2", "172.17.0.1", 16)
    assert (shape["EndpointID"], shape["MacAddress"]) == (EID, ENDPOINT.mac)
    assert shape["Networks"]["bridge"]["DNSNames"] is None


def test_in_host_mode() -> None:
    one, facts = on(HOST, "host")
    shared = msgspec.structs.replace(SANDBOX, shared=True, path="", bindings=())
    facts = Snapshot(networks=NETWORKS, endpoints=facts.endpoints, sandboxes={BOX: shared})
    shape = shapes_containers.network_settings(one, facts, 50)
    assert (shape["Ports"], shape["SandboxKey"]) == ({}, "/run/docker/netns/default")
    assert shape["Networks"]["host"]["NetworkID"] == HOST
    assert shape["Networks"]["host"]["IPAddress"] == ""


def test_in_container_mode_there_is_nothing_of_its_own() -> None:
    one = container(host=HostConfig(network_mode=f"container:{'9' * 64}"), networks={})
    shape = shapes_containers.network_settings(one, snapshot(endpoints=False), 50)
    assert (shape["SandboxID"], shape["SandboxKey"], shape["Networks"], shape["Ports"]) == ("", "", {}, {})


def test_before_its_first_start() -> None:
    one = container(state=State(), sandbox_id="", networks={"n_all": Attachment(), "nonet": Attachment()})
    shape = shapes_containers.network_settings(one, snapshot(endpoints=False), 50)
    assert (shape["SandboxID"], shape["Ports"]) == ("", {})
    assert {k: v["NetworkID"] for k, v in shape["Networks"].items()} == {"n_all": "", "nonet": ""}


async def test_list_entry(face: Face) -> None:
    (entry,) = (await face.ask("GET", "/v1.50/containers/json")).json
    assert sorted(entry) == sorted(keys.ENTRY_KEYS.split())
    assert entry["Names"] == ["/c1"]
    assert entry["Command"] == "sh -c 'echo out; sleep 300'"
    assert entry["Created"] == 1795373127
    assert entry["Ports"] == [
        {"IP": "0.0.0.0", "PrivatePort": 5001, "PublicPort": 5001, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 5001, "PublicPort": 5001, "Type": "tcp"},
        {"PrivatePort": 9000, "Type": "tcp"},
    ]
    assert entry["NetworkSettings"]["Networks"]["n_all"]["Aliases"] is None
    assert face.engine.calls[0][2] == {"all": False, "limit": 0, "filters": {}}
    await face.ask("GET", "/containers/json?all=1&limit=3")
    assert ("containers.list", (), {"all": True, "limit": 3, "filters": {}}) in face.engine.calls


def test_links_give_their_target_a_name() -> None:
    c8 = container(name="c8", host=HostConfig(links=("c1:db", "/c2:/c8/x")))
    assert shapes_containers.link_names([c8]) == {"c1": ["/c8/db"], "c2": ["/c8/x"]}


T0 = "2026-11-22T18:00:00Z"


@pytest.mark.parametrize(
    ("state", "after", "words"),
    [
        (State(status="running", started=T0), 4.2, "Up 4 seconds"),
        (State(status="running", started=T0), 0.3, "Up Less than a second"),
        (State(status="running", started=T0), 1.3, "Up 1 second"),
        (State(status="running", started=T0), 75, "Up About a minute"),
        (State(status="running", started=T0), 200, "Up 3 minutes"),
        (State(status="running", started=T0), 3700, "Up About an hour"),
        (State(status="running", started=T0), 7100 + 3600, "Up 3 hours"),
        (State(status="running", started=T0), 3 * 86400, "Up 3 days"),
        (State(status="running", started=T0), 21 * 86400, "Up 3 weeks"),
        (State(status="running", started=T0), 90 * 86400, "Up 3 months"),
        (State(status="running", started=T0), 900 * 86400, "Up 2 years"),
        (State(status="paused", started=T0), 4, "Up 4 seconds (Paused)"),
        (State(status="exited", exit_code=137, started=T0, finished=T0), 180, "Exited (137) 3 minutes ago"),
        (State(status="restarting", exit_code=1, started=T0, finished=T0), 5, "Restarting (1) 5 seconds ago"),
        (State(status="created"), 5, "Created"),
        (State(status="dead"), 5, "Dead"),
        (State(status="removing"), 5, "Removal In Progress"),
    ],
)
def test_status_words(state: State, after: float, words: str) -> None:
    assert shapes_containers.status(container(state=state), shapes.moment(T0) + after) == words


# -- images, volumes, system


async def test_images(face: Face) -> None:
    (entry,) = (await face.ask("GET", "/images/json")).json
    assert sorted(entry) == sorted(keys.IMAGE_ENTRY_KEYS.split())
    assert (entry["Created"], entry["RepoDigests"], entry["Labels"]) == (1767225600, [], None)
    shape = (await face.ask("GET", "/v1.50/images/img/json")).json
    assert sorted(shape) == sorted(keys.IMAGE_KEYS.split())
    assert shape["Config"] == {"Env": ["PATH=/bin"], "Cmd": ["sh"]}
    old = (await face.ask("GET", "/v1.43/images/img/json")).json
    assert old["VirtualSize"] == 1984510
    assert old["Config"]["Tty"] is False


def test_history_is_newest_first() -> None:
    steps = ({"created_by": "one"}, {"created_by": "two", "comment": "c"})
    shape = shapes_images.history(IMAGE, steps)
    assert [s["CreatedBy"] for s in shape] == ["two", "one"]
    assert [s["Id"] for s in shape] == [IMAGE.id, "<missing>"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["b:2", "a:1"]),
        ({"reference": ["a"]}, ["a:1"]),
        ({"reference": ["a:*"]}, ["a:1"]),
        ({"reference": ["docker.io/library/b"]}, ["b:2"]),
        ({"label": ["x=y"]}, ["b:2"]),
        ({"before": ["b:2"]}, ["a:1"]),
        ({"since": ["a:1"]}, ["b:2"]),
        ({"dangling": ["true"]}, []),
    ],
)
def test_image_filters(filters: dict[str, list[str]], names: list[str]) -> None:
    a = Image(id="sha256:" + "a" * 64, created="2026-01-01T00:00:00Z", tags=("a:1",))
    b = Image(id="sha256:" + "b" * 64, created="2026-02-01T00:00:00Z", tags=("b:2",), labels={"x": "y"})
    assert [i.tags[0] for i in image_filters.images([a, b], filters)] == names


async def test_volumes(face: Face) -> None:
    shape = (await face.ask("GET", "/volumes")).json
    assert sorted(shape) == ["Volumes", "Warnings"]
    assert sorted(shape["Volumes"][0]) == keys.VOLUME_KEYS.split()
    answer = await face.ask("POST", "/volumes/create", {"Name": "v1", "Labels": None})
    assert answer.status == 201
    assert face.engine.last("volumes.create")[0] == ("v1", "local", {}, {})


async def test_old_clients_prune_named_volumes_too(face: Face) -> None:
    async def none(_filters: Any) -> tuple[list[str], int]:
        return [], 0

    face.engine.volumes._answers["prune"] = none
    await face.ask("POST", "/v1.41/volumes/prune")
    assert face.engine.last("volumes.prune")[0] == ({"all": ["true"]},)
    await face.ask("POST", "/v1.42/volumes/prune")
    assert face.engine.last("volumes.prune")[0] == ({},)


async def test_info_and_df(face: Face) -> None:
    info = (await face.ask("GET", "/info")).json
    for key in ("ID", "Name", "ServerVersion", "OSType", "DockerRootDir", "Driver", "ExperimentalBuild"):
        assert key in info
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert info["FirewallBackend"] == {"Driver": "nftables"}
    assert info["DockerRootDir"] == "/var/lib/seaway"
    df = (await face.ask("GET", "/system/df")).json
    assert sorted(df) == ["BuildCache", "Containers", "Images", "LayersSize", "Volumes"]
    assert df["Images"][0]["Containers"] == 1


def test_config_keeps_what_is_set() -> None:
    shape = shapes_containers.config(Config(stop_timeout=0, shell=("sh",), labels={"a": "b"}))
    assert (shape["StopTimeout"], shape["Shell"], shape["Labels"]) == (0, ["sh"], {"a": "b"})
