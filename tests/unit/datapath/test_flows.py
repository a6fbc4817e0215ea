"""Which UDP flows of a listing are stale when doors come or go."""

from seaway.datapath.conntrack import stale_flows
from seaway.firewall.publish import translate, udp_door
from seaway.model import Binding

LISTING = """\
udp      17 29 src=192.168.1.9 dst=192.168.1.20 sport=4000 dport=53 src=172.17.0.2 dst=192.168.1.9 sport=53 dport=4000 mark=0 use=1
udp      17 29 src=192.168.1.9 dst=192.168.1.20 sport=4001 dport=54 [UNREPLIED] src=192.168.1.20 dst=192.168.1.9 sport=54 dport=4001 mark=0 use=1
udp      17 29 src=172.17.0.2 dst=8.8.8.8 sport=4002 dport=53 src=8.8.8.8 dst=192.168.1.20 sport=53 dport=4002 [ASSURED] mark=0 use=1
udp      17 29 src=fd00::9 dst=fd00::20 sport=4003 dport=53 src=fd00::20 dst=fd00::9 sport=53 dport=4003 mark=0 use=1
nonsense
"""  # noqa: E501
LOCAL = frozenset(("192.168.1.20", "127.0.0.1", "fd00::20"))


def _sources(*doors: tuple[str, int]) -> list[str]:
    return [flow.source_port for flow in stale_flows(LISTING, frozenset(doors), LOCAL)]


def test_only_flows_to_the_door_are_stale() -> None:
    assert _sources(("0.0.0.0", 53)) == ["4000"], "not that of a container to another server's port 53"
    assert _sources(("0.0.0.0", 54)) == ["4001"]
    assert _sources(("::", 53)) == ["4003"]
    assert _sources(("192.168.1.20", 53)) == ["4000"]
    assert _sources(("127.0.0.1", 53)) == []
    assert _sources(("fd00::20", 53), ("0.0.0.0", 54)) == ["4001", "4003"]


def test_doors_of_entries() -> None:
    def door(proto: str, address: str) -> object:
        binding = Binding(proto=proto, host_ip=address, host_port=5001, port=80)
        return udp_door(translate(binding, "172.17.0.2", "seaway"))

    assert door("udp", "0.0.0.0") == ("0.0.0.0", 5001)
    assert door("udp", "::") == ("::", 5001)
    assert door("udp", "127.0.0.1") == ("127.0.0.1", 5001)
    assert door("udp", "fd00::20") == ("fd00::20", 5001)
    assert door("tcp", "0.0.0.0") is None
