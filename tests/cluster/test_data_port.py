"""Another underlay: VXLAN over another UDP port than 4789, and another MTU of the hosts' uplinks."""

from tests.cluster.town import CommandFailed, Town

FLAGS = ("--data-path-port=4790",)
MTU = 1400


def test_another_port(town: Town) -> None:
    """All devices use it, and packets pass."""
    identity = town.create("net1")
    where = {"over1": "h1", "over2": "h2", "over3": "h3"}
    for name, on in where.items():
        town.idle(on, f"--name {name} --network net1")
    for on in where.values():
        (vxlan,) = town.room(on, identity).vxlan()
        assert vxlan["linkinfo"]["info_data"]["port"] == 4790
    town.pairs_ping(where)


def test_mtu_of_the_uplink(town: Town) -> None:
    """Containers have 50 bytes less, and packets of that size pass."""
    town.create("net1")
    town.idle("h1", "--name over1 --network net1")
    town.idle("h2", "--name over2 --network net1")
    assert "mtu 1350" in town.inside("h1", "over1", "ip", "link", "show", "eth0").out
    target = town.address("h2", "over2", "net1")
    town.inside("h1", "over1", "ping", "-c1", "-W1", "-M", "do", "-s", str(1350 - 28), target)


def test_a_host_with_another_port_is_refused(town: Town) -> None:
    """The reason names the cluster's port, and the flag to give."""
    h3 = town["h3"]
    flags = h3.flags
    assert h3.stop() == 0
    try:
        h3.start(*flags[:-1], "--data-path-port=4789")
        refused = h3.docker("network", "create", "-d", "overlay", "net1", check=False)
        said = refused.text + h3.tail()
        assert refused.code, said
    except CommandFailed as ended:
        said = str(ended)
    finally:
        if h3.alive():
            h3.stop()
        h3.start(*flags)
    assert "--data-path-port 4790" in said, said
