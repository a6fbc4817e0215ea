"""The single-host story by docker-py, unmodified."""

from collections.abc import Iterator

import docker
import docker.errors
import docker.types
import pytest

from demo.host import Host
from tests.faces.box import get, until
from tests.faces.image import COMMAND, NAME


@pytest.fixture
def client(host: Host) -> Iterator[docker.DockerClient]:
    with_host = docker.DockerClient(base_url=host.url, version="auto", timeout=30)
    yield with_host
    with_host.close()


def test_version_and_info(client: docker.DockerClient) -> None:
    assert client.ping()
    version = client.version()
    assert version["ApiVersion"] == "1.50"
    assert version["MinAPIVersion"] == "1.24"
    assert client.info()["OSType"] == "linux"
    assert [i.tags for i in client.images.list()] == [[NAME]]


def test_bridge(host: Host, client: docker.DockerClient) -> None:
    web = client.containers.run(NAME, list(COMMAND), detach=True, name="web", ports={"5001/tcp": 8080})
    web.reload()
    assert web.status == "running"
    assert {"HostIp": "0.0.0.0", "HostPort": "8080"} in web.ports["5001/tcp"]
    assert "Hello" in until(lambda: get(host.lan, f"http://{host.address}:8080/"))
    code, out = web.exec_run(["wget", "-q", "-O", "-", "http://192.168.1.20:8080/"])
    assert (code, b"Hello" in out) == (0, True)
    assert client.networks.get("bridge").attrs["Containers"][web.id]["IPv4Address"] == "172.17.0.2/16"


def test_host_container_none(host: Host, client: docker.DockerClient) -> None:
    web = client.containers.run(NAME, list(COMMAND), detach=True, name="web", network_mode="host")
    assert "Hello" in until(lambda: get(host.lan, f"http://{host.address}:5001/"))
    web.remove(force=True)
    first = client.containers.run(NAME, list(COMMAND), detach=True, name="first")
    shared = client.containers.run(
        NAME, "wget -q -O - http://127.0.0.1:5001/", network_mode="container:first"
    )
    assert b"Hello" in shared
    assert first.attrs["State"]
    lonely = client.containers.run(NAME, "ip -o link", network_mode="none", remove=True)
    assert lonely.count(b"\n") == 1
    assert b" lo:" in lonely


def test_user_network(client: docker.DockerClient) -> None:
    pool = docker.types.IPAMPool(subnet="10.4.0.0/24", gateway="10.4.0.254")
    net = client.networks.create("net", driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    first = client.containers.run(NAME, "sleep 600", detach=True, name="first", network="net")
    second = client.containers.create(NAME, "sleep 600", name="second")
    second.start()
    net.connect(second, aliases=["two"], ipv4_address="10.4.0.77")
    code, out = first.exec_run(["ping", "-c", "1", "two"])
    assert code == 0
    assert b"10.4.0.77" in out
    net.reload()
    assert {c.name for c in net.containers} == {"first", "second"}
    net.disconnect(second)
    with pytest.raises(docker.errors.APIError, match="has active endpoints") as refused:
        net.remove()
    assert refused.value.status_code == 403
    first.remove(force=True)
    net.remove()
    with pytest.raises(docker.errors.NotFound, match="network net not found"):
        client.networks.get("net")


def test_streams_and_exit_codes(client: docker.DockerClient) -> None:
    assert client.containers.run(NAME, ["sh", "-c", "echo out; echo err >&2"], stderr=True, remove=True)
    with pytest.raises(docker.errors.ContainerError) as failed:
        client.containers.run(NAME, ["sh", "-c", "echo why >&2; exit 4"], remove=True)
    assert failed.value.exit_status == 4
    with pytest.raises(docker.errors.ImageNotFound):
        client.containers.create("nosuch:1")
    talker = client.containers.run(
        NAME, ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], detach=True
    )
    assert b"".join(talker.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert talker.wait() == {"StatusCode": 0}
    client.containers.prune()


def test_attach_socket(client: docker.DockerClient) -> None:
    box = client.containers.create(NAME, "cat", stdin_open=True, tty=True)
    sock = box.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    box.start()
    sock._sock.sendall(b"hello\n")
    seen = b""
    while seen.count(b"hello") < 2:
        piece = sock._sock.recv(1000)
        assert piece, seen
        seen += piece
    raw = sock._sock
    sock.close()
    raw.close()


def test_events_as_they_happen(client: docker.DockerClient) -> None:
    stream = client.events(decode=True, filters={"type": "network"})
    client.networks.create("net").remove()
    assert [next(stream)["Action"] for _ in range(2)] == ["create", "destroy"]
    stream.close()
