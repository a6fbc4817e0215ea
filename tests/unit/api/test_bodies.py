"""Request bodies of clients: nulls, strings for lists, old versions, wrong types, and what they become."""

from typing import Any

import pytest

from seaway.api import bodies, shapes_networks
from seaway.api.wire import convert
from seaway.errors import InvalidInput
from seaway.model import Pool
from tests.unit.api.conftest import Face


def parse(raw: Any, version: tuple[int, int] = (1, 50)) -> tuple[Any, list[str]]:
    return bodies.container(raw, "c1", "", version)


def test_what_the_cli_sends() -> None:
    spec, warnings = parse(
        {
            "Hostname": "h1",
            "ExposedPorts": {},
            "Cmd": ["sleep", "100"],
            "Image": "img",
            "HostConfig": {
                "LogConfig": {},
                "NetworkMode": "n_all",
                "PortBindings": {"5001/tcp": [{"HostIp": "", "HostPort": "5001"}]},
                "RestartPolicy": {"Name": "no"},
                "ConsoleSize": [0, 0],
                "Dns": ["8.8.8.8"],
                "MemorySwappiness": -1,
            },
            "NetworkingConfig": {
                "EndpointsConfig": {
                    "n_all": {
                        "IPAMConfig": {"IPv4Address": "10.9.5.10", "LinkLocalIPs": ["169.254.1.1"]},
                        "Aliases": ["web", "www"],
                        "MacAddress": "02:42:0a:09:05:0a",
                        "IPAddress": "10.9.5.10",
                        "DNSNames": None,
                    }
                }
            },
        }
    )
    assert warnings == []
    assert (spec.name, spec.config.image, spec.config.cmd) == ("c1", "img", ("sleep", "100"))
    assert spec.host.port_bindings["5001/tcp"][0].host_port == "5001"
    assert spec.host.memory_swappiness is None
    wish = spec.networks["n_all"]
    assert (wish.aliases, wish.ipam_config.ipv4) == (("web", "www"), "10.9.5.10")
    assert wish.ipam_config.link_local == ("169.254.1.1",)
    assert wish.mac_address == "02:42:0a:09:05:0a"


def test_nulls_mean_nothing_was_said() -> None:
    spec, _ = parse(
        {
            "Image": "img",
            "Cmd": None,
            "Env": None,
            "Labels": {"a": None},
            "ExposedPorts": {"80/tcp": None},
            "Volumes": None,
            "Unknown": {"x": 1},
            "HostConfig": {"Dns": None, "PortBindings": {"80/tcp": None}, "PidsLimit": 0, "Memory": None},
            "NetworkingConfig": {"EndpointsConfig": {"n1": None}},
        }
    )
    assert spec.config.labels == {"a": ""}
    assert spec.config.exposed_ports == {"80/tcp": {}}
    assert spec.host.port_bindings == {"80/tcp": None}
    assert spec.host.pids_limit is None
    assert list(spec.networks) == ["n1"]


def test_a_field_with_nothing_in_it_asks_for_nothing() -> None:
    assert not bodies.asked({"Name": "", "MaximumRetryCount": 0})
    assert bodies.asked({"Name": "no", "MaximumRetryCount": 0})
    assert bodies.asked(1)
    assert not bodies.asked([])


def test_a_string_where_a_list_is_meant() -> None:
    spec, _ = parse({"Image": "img", "Cmd": "ls", "Entrypoint": "", "HostConfig": {"CapAdd": "NET_ADMIN"}})
    assert (spec.config.cmd, spec.config.entrypoint) == (("ls",), ("",))
    assert spec.host.cap_add == ("NET_ADMIN",)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, "config cannot be empty in order to create a container"),
        ([], "config cannot be empty in order to create a container"),
        ({"Cmd": [1]}, "invalid JSON: Cmd[0]: Expected str, got int"),
        ({"HostConfig": {"Memory": "1g"}}, "invalid JSON: HostConfig.Memory: Expected int, got str"),
        ({"HostConfig": 5}, "invalid JSON: HostConfig: Expected object, got int"),
        (
            {"NetworkingConfig": {"EndpointsConfig": {"n": 5}}},
            "NetworkingConfig.EndpointsConfig[...]: Expected object, got int",
        ),
    ],
)
def test_wrong_types_are_refused_with_their_place(raw: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse(raw)
    assert text in str(error.value)


async def test_case_does_not_matter(face: Face) -> None:
    """docker-py sends ``detachKeys`` among ``Cmd`` and ``Tty``."""
    answer = await face.ask("POST", "/containers/c1/exec", {"cmd": ["ls"], "detachKeys": "ctrl-p"})
    assert answer.status == 201
    assert face.engine.last("execs.create")[0][2] == "ctrl-p"


MAC = "02:42:ac:11:00:99"


def test_the_old_mac_address_goes_to_the_network_of_the_mode() -> None:
    spec, warnings = parse({"Image": "i", "MacAddress": MAC, "HostConfig": {"NetworkMode": "n1"}}, (1, 43))
    assert (spec.networks["n1"].mac_address, spec.config.mac_address, warnings) == (MAC, "", [])
    spec, warnings = parse({"Image": "i", "MacAddress": MAC})
    assert spec.networks["default"].mac_address == MAC
    assert warnings == [bodies.MAC_OLD]


def test_old_clients_have_no_mac_address_per_network() -> None:
    spec, _ = parse(
        {"Image": "i", "NetworkingConfig": {"EndpointsConfig": {"n": {"MacAddress": MAC}}}}, (1, 43)
    )
    assert spec.networks["n"].mac_address == ""


def test_contradicting_mac_addresses() -> None:
    networking = {"EndpointsConfig": {"n1": {"MacAddress": "02:00:00:00:00:01"}}}
    raw = {
        "Image": "i",
        "MacAddress": MAC,
        "HostConfig": {"NetworkMode": "n1"},
        "NetworkingConfig": networking,
    }
    with pytest.raises(InvalidInput, match="must match the endpoint-specific MAC address"):
        parse(raw)
    with pytest.raises(InvalidInput, match="mac-address and the network mode"):
        parse({"Image": "i", "MacAddress": MAC, "HostConfig": {"NetworkMode": "host"}}, (1, 40))


async def test_create_answers_with_all_warnings(face: Face) -> None:
    answer = await face.ask(
        "POST", "/v1.50/containers/create?name=c1&platform=", {"Image": "img", "MacAddress": MAC}
    )
    assert answer.status == 201
    assert answer.json == {"Id": "1" * 64, "Warnings": [bodies.MAC_OLD, "careful"]}
    empty = await face.ask("POST", "/containers/create")
    assert (empty.status, empty.message) == (400, bodies.NO_CONFIG)


async def test_update_changes_only_what_was_said(face: Face) -> None:
    body = {"CpuShares": 0, "Memory": 64 << 20, "Devices": None, "RestartPolicy": {"Name": "no"}}
    answer = await face.ask("POST", "/containers/c1/update", body)
    assert answer.json == {"Warnings": None}
    assert face.engine.last("containers.update")[0] == (
        "c1",
        {"Memory": 64 << 20, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
    )


async def test_stop_and_resize_arguments(face: Face) -> None:
    assert (await face.ask("POST", "/containers/c1/stop?t=3&signal=INT")).status == 204
    assert face.engine.last("containers.stop") == (("c1",), {"timeout": 3, "signal": "INT"})
    assert (await face.ask("POST", "/containers/c1/resize?h=24&w=80")).status == 200
    assert face.engine.last("containers.resize") == (("c1", 24, 80), {})
    assert (await face.ask("POST", "/containers/c1/resize?h=24")).status == 400


# -- networks


def network(**body: Any) -> Any:
    return shapes_networks.spec(convert(bodies.without_nulls({"Name": "n", **body}), shapes_networks.Create))


def test_a_network_as_the_cli_and_docker_py_send_it() -> None:
    spec = network(
        Driver="",
        IPAM={
            "Driver": "default",
            "Options": {},
            "Config": [{"Subnet": "10.9.0.0/16", "Gateway": "10.9.5.254"}],
        },
        ConfigFrom=None,
        Labels={"a": "b"},
        EnableIPv6=True,
        CheckDuplicate=True,
    )
    assert spec.pools == (
        Pool(subnet="10.9.0.0/16", gateway="10.9.5.254", requested=True, gateway_requested=True),
    )
    assert (spec.driver, spec.ipv4, spec.ipv6, spec.config_from) == ("bridge", None, True, "")
    assert network(IPAM=None, Options=None, Labels=None).pools == ()
    assert network(IPAM={"Config": [{"Subnet": None}]}).pools == ()


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        ({"Subnet": "foo"}, "invalid subnet foo: invalid CIDR block notation"),
        ({"Subnet": "10.9.0.0"}, "invalid subnet 10.9.0.0: invalid CIDR block notation"),
        ({"Subnet": "10.9.0.1/16"}, "invalid subnet 10.9.0.1/16: it should be 10.9.0.0/16"),
        ({"Subnet": "10.9.0.0/16", "Gateway": "x"}, "invalid gateway x: invalid address"),
        (
            {"Subnet": "10.9.0.0/16", "Gateway": "10.8.0.1"},
            "invalid gateway 10.8.0.1: parent subnet 10.9.0.0/16 doesn't contain this address",
        ),
        (
            {"Subnet": "10.9.0.0/16", "IPRange": "10.8.0.0/24"},
            "invalid ip-range 10.8.0.0/24: parent subnet 10.9.0.0/16 doesn't contain ip-range",
        ),
        (
            {"Subnet": "10.9.0.0/16", "AuxiliaryAddresses": {"h": "fd00::1"}},
            "invalid auxiliary address h fd00::1",
        ),
        ({"Gateway": "10.8.0.1"}, "a subnet must be given"),
    ],
)
def test_bad_pools(pool: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as error:
        network(IPAM={"Config": [pool]})
    assert str(error.value).startswith("invalid network config:\n")
    assert reason in str(error.value)


def test_all_reasons_at_once() -> None:
    with pytest.raises(InvalidInput) as error:
        network(IPAM={"Config": [{"Subnet": "foo"}, {"Subnet": "bar"}]})
    assert str(error.value).count("\n") == 2


async def test_the_texts_of_create(face: Face) -> None:
    answer = await face.ask(
        "POST", "/networks/create", {"Name": "n", "IPAM": {"Config": [{"Subnet": "foo"}]}}
    )
    assert (answer.status, answer.message) == (
        400,
        "invalid network config:\ninvalid subnet foo: invalid CIDR block notation",
    )
    labels = await face.ask("POST", "/networks/create", {"Name": "n", "Labels": ["a"]})
    assert (labels.status, labels.message) == (400, "invalid JSON: Labels: Expected object, got array")
