"""Mistakes are refused at the door, with the reason; a store that is away is no mistake."""

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from demo.host import Host
from tests.cluster.hurt import GONE, TTL, begin, status
from tests.cluster.town import Town
from tests.faces.image import NAME

FLAGS = TTL


@pytest.fixture
def fourth(town: Town) -> Iterator[Host]:
    """A host more, without a daemon yet; gone afterwards."""
    host = town.street.host("h4", 24)
    yield host
    host.close()
    shutil.rmtree(host.root)
    town.street.hosts.remove(host)
    town.street.lan.sh("ip link del p24", check=False)
    left = [n for n in town["h1"].http("GET", "/seaway/nodes")[1] if n["Name"] == "h4"]
    for node in left:
        town["h1"].seaway("node", "rm", "-f", node["ID"])


def _cluster(town: Town, advertise: str, *more: str) -> Sequence[str]:
    return (f"--cluster-store={town.url}", f"--cluster-advertise={advertise}", *TTL, *more)


def _refused(host: Host, flags: Sequence[str]) -> str:
    """What a daemon says that does not start."""
    mark = len(host.log.read_text()) if host.log.exists() else 0
    daemon = begin(host, flags)
    code = daemon.wait(15)
    said = host.log.read_text(errors="replace")[mark:]
    assert code == 1, said
    return said


def test_the_tutorials_own_mistake(town: Town, fourth: Host) -> None:
    """Both daemons were given one address: the one that is not local is refused, naming what is there."""
    said = _refused(fourth, _cluster(town, "192.168.1.20"))
    assert "192.168.1.20 is not an address of this host (it has 192.168.1.24 on eth0" in said


@pytest.mark.parametrize(
    ("advertise", "words"),
    [
        ("10.99.0.1", "is not an address of this host (it has 192.168.1.24 on eth0"),
        ("127.0.0.1", "a loopback address"),
        ("eth7", "neither an address nor an interface"),
        ("nowhere.invalid", "does not resolve"),
        ("localhost", "resolves to"),
    ],
)
def test_advertise_addresses_that_cannot_be(town: Town, fourth: Host, advertise: str, words: str) -> None:
    """The exit status is not 0, and the message says what is wrong and what there is."""
    said = _refused(fourth, _cluster(town, advertise))
    assert words in said
    assert "192.168.1.24 on eth0" in said


@pytest.mark.parametrize("form", ["name", "device", "port"])
def test_advertise_in_other_forms(town: Town, fourth: Host, form: str) -> None:
    """A host name that leads to a local address, an interface, an address with a port."""
    fourth.sh("echo 192.168.1.24 four.example >> /etc/hosts")
    advertise = {"name": "four.example", "device": "eth0", "port": "192.168.1.24:2376"}[form]
    fourth.start(*_cluster(town, advertise))
    town.wait(lambda: status(town["h1"], "h4") == "Ready", 5)
    (node,) = [n for n in town["h1"].http("GET", "/seaway/nodes")[1] if n["Name"] == "h4"]
    assert node["Address"] == "192.168.1.24"


def test_an_address_of_another_living_node(town: Town, fourth: Host) -> None:
    """Two machines with one address: refused naming the other; taken when the other's lease has run out."""
    fourth.sh("ip addr add 192.168.1.19/32 dev lo")
    said = _refused(fourth, _cluster(town, "192.168.1.19"))
    assert "192.168.1.19 is already advertised by node h3" in said and "alive" in said
    town["h3"].crash()
    town.wait(lambda: status(town["h1"], "h3") == "Down", GONE, 0.2)
    fourth.start(*_cluster(town, "192.168.1.19"))
    town.wait(lambda: status(town["h1"], "h4") == "Ready", 5)
    said = _refused(town["h3"], town["h3"].flags)
    assert "192.168.1.19 is already advertised by node h4" in said
    fourth.stop()
    town.wait(lambda: status(town["h1"], "h4") == "Down", GONE, 0.2)
    town["h3"].start()


def test_two_clusters_in_one_prefix(town: Town, fourth: Host) -> None:
    """A host of another cluster pointed at ours is refused; prefixes keep clusters apart."""
    other = f"--cluster-store={town.url}/other"
    rest = ("--cluster-advertise=192.168.1.24", *TTL)
    fourth.start(other, *rest)
    town.wait(lambda: status(fourth, "h4") == "Ready", 5)
    assert len(fourth.http("GET", "/seaway/nodes")[1]) == 1
    assert status(town["h1"], "h4") == ""
    fourth.stop()
    said = _refused(fourth, _cluster(town, "192.168.1.24"))
    assert "two clusters cannot share a prefix" in said and "belongs to cluster" in said
    fourth.start(other, *rest)
    assert status(fourth, "h4") == "Ready"


def test_another_vxlan_port(town: Town, fourth: Host) -> None:
    """All hosts send to one port: another one is refused, naming the right one."""
    said = _refused(fourth, _cluster(town, "192.168.1.24", "--data-path-port=4790"))
    assert "UDP port 4789" in said and "--data-path-port 4789" in said


def test_no_cluster_at_all(fourth: Host) -> None:
    """An overlay network of a daemon without a cluster is refused with what is missing."""
    fourth.start()
    refused = fourth.docker("network", "create", "-d", "overlay", "net1", check=False)
    assert refused.code == 1
    assert "no cluster store" in refused.text and "--cluster-store etcd://" in refused.text
    assert "no cluster" in fourth.seaway("node", "ls", check=False).text.lower()


def test_a_cluster_without_an_address(fourth: Host) -> None:
    """--cluster-store alone, and --cluster-advertise alone."""
    assert "--cluster-advertise" in _refused(fourth, ["--cluster-store=etcd://192.168.1.18:2379"])
    assert "--cluster-store" in _refused(fourth, ["--cluster-advertise=eth0"])


def test_encrypted_is_refused(town: Town) -> None:
    """With the reason, and without a trace."""
    refused = town.docker("h1", "network create -d overlay --opt encrypted secret1", check=False)
    assert refused.code == 1
    assert "encrypted overlay networks are not available yet" in refused.text
    assert town["h1"].http("GET", "/networks/secret1")[0] == 404


def test_a_store_that_is_not_there_at_the_start(town: Town, fourth: Host, box_tar: Path) -> None:
    """The host's own networks work; the cluster's are refused in time; then all comes by itself."""
    town.create("net1")
    town.idle("h1", "--name c1 --network net1")
    town.stop_store()
    try:
        began = time.monotonic()
        fourth.start(*_cluster(town, "192.168.1.24"))
        assert time.monotonic() - began < 8
        fourth.docker("import", str(box_tar), NAME)
        fourth.docker("network", "create", "own1")
        fourth.docker("run", "-d", "--name", "o1", "--network", "own1", NAME, "sleep", "600")
        fourth.docker("run", "--rm", "--network", "own1", NAME, "ping", "-c1", "-W1", "o1")
        began = time.monotonic()
        refused = fourth.docker("network", "create", "-d", "overlay", "net2", check=False)
        assert time.monotonic() - began < 5
        assert refused.code == 1
        assert "etcd://192.168.1.18:2379 cannot be used now" in refused.text
        for host in (town["h1"], town["h3"]):
            began = time.monotonic()
            assert host.docker("network", "create", "-d", "overlay", "net2", check=False).code == 1
            assert time.monotonic() - began < 5
    finally:
        town.start_store()
    town.wait(lambda: fourth.http("GET", "/networks/net1")[0] == 200, 6)
    fourth.docker("run", "-d", "--name", "c4", "--network", "net1", NAME, "sleep", "600")
    town.wait(lambda: town.pings("h1", "c1", "c4"), 3)
    fourth.docker("rm", "-f", "o1", "c4")
