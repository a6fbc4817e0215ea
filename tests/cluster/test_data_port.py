"""VXLAN over another UDP port than 4789."""

from tests.cluster.town import Town

FLAGS = ("--data-path-port=4790",)


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


def test_a_host_with_another_port_is_refused(town: Town) -> None:
    """The reason names the cluster's port, and the flag to give."""
    h3 = town["h3"]
    flags = h3.flags
    assert h3.stop() == 0
    try:
        h3.start(*flags[:-1], "--data-path-port=4789")
        refused = h3.docker("network", "create", "-d", "overlay", "net1", check=False)
        said = refused.text + h3.tail()
        assert refused.code
    except AssertionError as ended:
        said = str(ended)
    finally:
        if h3.alive():
            h3.stop()
        h3.start(*flags)
    assert "--data-path-port 4790" in said, said
