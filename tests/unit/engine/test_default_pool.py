"""The default bridge's pool from --bip, --fixed-cidr and --default-gateway."""

from seaway.drivers.parts import AUX_GATEWAY, gateway
from seaway.engine.default_networks import _pool
from seaway.engine.networks import _kept
from seaway.engine.specs import NetworkSpec
from seaway.model import Network, Pool


def test_address_range_and_gateway() -> None:
    pool = _pool("10.5.0.1/16", "10.5.1.0/24", AUX_GATEWAY[4], "10.5.0.254")
    assert pool == Pool(
        subnet="10.5.0.0/16",
        gateway="10.5.0.1",
        ip_range="10.5.1.0/24",
        aux={"DefaultGatewayIPv4": "10.5.0.254"},
    )
    network = Network(id="n", name="bridge", driver="bridge", created="", pools=(pool,))
    assert gateway(network, 4) == "10.5.0.254"


def test_a_range_alone_is_the_subnet_and_nothing_is_nothing() -> None:
    assert _pool("", "fd00:1::/64", AUX_GATEWAY[6], "") == Pool(subnet="fd00:1::/64", requested=True)
    assert _pool("", "", AUX_GATEWAY[4], "") is None
    six = _pool("fd00:1::1/64", "", AUX_GATEWAY[6], "")
    assert six is not None
    assert (six.subnet, six.gateway, six.aux) == ("fd00:1::/64", "fd00:1::1", {})


def test_what_is_not_asked_for_stays_as_it_was() -> None:
    four, six = Pool(subnet="172.17.0.0/16"), Pool(subnet="fd00:1::/64")
    old = Network(id="n", name="bridge", driver="bridge", created="", pools=(four, six))
    asked = Pool(subnet="fd00:2::/64")
    assert _kept(old, NetworkSpec(name="bridge", ipv6=True, pools=(asked,))) == (asked, four)
    assert _kept(old, NetworkSpec(name="bridge", ipv6=True)) == (four, six)
    assert _kept(old, NetworkSpec(name="bridge")) == (four,)
