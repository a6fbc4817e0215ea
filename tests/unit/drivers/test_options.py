"""Options of networks: parsed once, and what is refused with which words."""

import pytest

from seaway.drivers import DRIVERS, driver
from seaway.drivers.parts import BridgeOptions
from seaway.errors import Forbidden, InvalidInput, NotFound
from seaway.model import Pool
from tests.facts import network, snapshot

BRIDGE = "com.docker.network.bridge."


def test_unknown_driver_is_named_in_dockers_words() -> None:
    assert set(DRIVERS) == {"bridge", "host", "null", "overlay"}
    with pytest.raises(
        NotFound, match=r'^plugin "nope" not found; built in are bridge, host, null, overlay$'
    ):
        driver("nope")


def test_options_are_typed() -> None:
    parsed = BridgeOptions.parse(
        {
            BRIDGE + "enable_icc": "0",
            BRIDGE + "gateway_mode_ipv6": "routed",
            BRIDGE + "trusted_host_interfaces": "eth1:eth2",
            "com.docker.network.driver.mtu": "9000",
            "com.docker.network.container_iface_prefix": "net",
            "com.docker.network.host_ipv6": "2001:db8:0::1",
            "com.docker.network.enable_ipv6": "true",
        }
    )
    assert (parsed.icc, parsed.mode(4), parsed.mode(6)) == (False, "nat", "routed")
    assert (parsed.trusted, parsed.mtu, parsed.prefix) == (("eth1", "eth2"), 9000, "net")
    assert parsed.source(6) == "2001:db8::1"


def test_strangers_outside_our_prefix_pass() -> None:
    assert BridgeOptions.parse({"com.docker-py.setting": "yes", "x": "y"}) == BridgeOptions()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (BRIDGE + "enable_icc", "maybe", "allowed are true and false"),
        (BRIDGE + "gateway_mode_ipv4", "open", "unknown gateway mode open; allowed are nat,"),
        (BRIDGE + "host_binding_ipv4", "300.1.1.1", "300.1.1.1"),
        (BRIDGE + "name", "a-name-that-is-too-long", "1 to 15 characters"),
        (BRIDGE + "name", "a/b", "no '/'"),
        ("com.docker.network.driver.mtu", "-1", "invalid MTU number: -1"),
        ("com.docker.network.driver.mtu", "65536", "allowed are 68 to 65535"),
        ("com.docker.network.host_ipv4", "::1", "::1"),
    ],
)
def test_wrong_values_are_refused(key: str, value: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        BridgeOptions.parse({key: value})
    assert str(refused.value).startswith(f"failed to parse {key} value: {value} (")
    assert words in str(refused.value)


def test_a_slip_of_the_pen_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"enable_icx=false.*known are: .*enable_icc"):
        BridgeOptions.parse({BRIDGE + "enable_icx": "false"})


def test_isolated_needs_internal() -> None:
    options = {BRIDGE + "gateway_mode_ipv4": "isolated"}
    with pytest.raises(InvalidInput, match="can only be used for an internal network"):
        driver("bridge").check(network("n", "10.1.0.0/24", options=options), snapshot())
    driver("bridge").check(network("n", "10.1.0.0/24", options=options, internal=True), snapshot())


def test_second_subnet_of_a_family_is_refused() -> None:
    net = network("n", "10.1.0.0/24", pools=(Pool(subnet="10.1.0.0/24"), Pool(subnet="10.2.0.0/24")))
    with pytest.raises(Forbidden, match="bridge driver doesn't support multiple subnets"):
        driver("bridge").check(net, snapshot())
    driver("bridge").check(network("n", "10.1.0.0/24", "fd01::/64"), snapshot())


def test_clash_with_another_bridge_network() -> None:
    old = network("old", "10.1.0.0/16", device="br9")
    same = network("new", "10.2.0.0/24", device="br9")
    with pytest.raises(Forbidden, match=r"conflicts with network .* \(br9\): same bridge name"):
        driver("bridge").check(same, snapshot(old))
    over = network("new", "10.1.5.0/24")
    with pytest.raises(Forbidden, match="networks have overlapping IPv4"):
        driver("bridge").check(over, snapshot(old))
    driver("bridge").check(old, snapshot(old))


@pytest.mark.parametrize("name", ["host", "null"])
def test_single_drivers_take_no_options(name: str) -> None:
    with pytest.raises(InvalidInput, match="does not take options: a"):
        driver(name).check(network("n", driver=name, options={"a": "b"}), snapshot())
