"""Other ways to be a cluster: over IPv6, and with a store that wants certificates, users and passwords."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from demo.host import Host
from tests.cluster.hurt import begin, status
from tests.cluster.town import Town
from tests.faces.image import NAME

SECURE = "192.168.1.18:2479"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@pytest.fixture
def pair(built: Town, box_tar: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts without a daemon yet."""
    street = built.street
    made = [street.host("h5", 25), street.host("h6", 26)]
    yield made[0], made[1]
    for host in made:
        if host.log.exists() and host.alive():
            for container in host.http("GET", "/containers/json?all=1")[1]:
                host.http("DELETE", f"/containers/{container['Id']}?force=1")
        host.close()
        shutil.rmtree(host.root)
        street.hosts.remove(host)
        street.lan.sh(f"ip link del p{host.address.rpartition('.')[2]}", check=False)


def _join(town: Town, pair: Sequence[Host], image: Path, *flags: str) -> None:
    """Start both daemons and put a container on each: c5 and c6 on net1."""
    for host in pair:
        six = "fd00" if "--six" in flags else ""
        advertise = host.address6 if six else host.address
        host.start(f"--cluster-advertise={advertise}", *(f for f in flags if f != "--six"))
        host.docker("import", str(image), NAME)
        town.wait(lambda host=host: status(host, host.name) == "Ready", 5)
    pair[0].docker("network", "create", "-d", "overlay", "--ipv6", "--subnet", "10.5.0.0/24",
                   "--subnet", "fd05::/64", "net1")  # fmt: skip
    for host, name in zip(pair, ("c5", "c6"), strict=True):
        town.wait(lambda host=host: host.http("GET", "/networks/net1")[0] == 200, 5)
        host.docker(
            "run", "-d", "--stop-timeout", "0", "--name", name, "--network", "net1", NAME, "sleep", "600"
        )
    for host, name, other in ((pair[0], "c5", "c6"), (pair[1], "c6", "c5")):
        host.docker("exec", name, "ping", "-c1", "-W1", other)
        host.docker("exec", name, "ping", "-6", "-c1", "-W1", other)


def test_over_ipv6(built: Town, pair: tuple[Host, Host], box_tar: Path) -> None:
    """IPv6 between the hosts, both families inside; 70 bytes for the headers; big packets pass."""
    _join(built, pair, box_tar, f"--cluster-store={built.url}/six", "--six")
    told = pair[0].http("GET", "/networks/net1")[1]["Containers"].values()
    assert "fd00:c0a8:1::26" in {c.get("HostAddress") for c in told}
    assert "mtu 1430" in pair[0].docker("exec", "c5", "ip", "link", "show", "eth0").out
    pair[0].docker("exec", "c5", "ping", "-c1", "-W1", "-s", "1402", "c6")
    lines = pair[0].sh(f"for n in {pair[0].exec}/netns/1-*; do nsenter --net=$n bridge fdb; done").out
    assert "dst fd00:c0a8:1::26" in lines


@pytest.fixture
def papers(built: Town) -> Iterator[Path]:
    """etcd that wants a certificate from everybody, and a password; returns where the papers are."""
    lan = built.street.lan
    home = lan.root / "secure"
    home.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=home, check=True, capture_output=True, timeout=30)

    openssl("req", "-x509", *KEY, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    (home / "names").write_text("subjectAltName=IP:192.168.1.18\n")
    for name in ("server", "client"):
        openssl("req", "-new", *KEY, "-subj", "/O=seaway", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
    command = (
        "etcd", f"--data-dir={home}/data", f"--listen-client-urls=https://{SECURE}",
        f"--advertise-client-urls=https://{SECURE}", "--listen-peer-urls=http://127.0.0.1:2480",
        "--initial-advertise-peer-urls=http://127.0.0.1:2480", "--initial-cluster=default=http://127.0.0.1:2480",
        "--client-cert-auth", f"--trusted-ca-file={home}/ca.pem", f"--cert-file={home}/server.pem",
        f"--key-file={home}/server.key",
    )  # fmt: skip
    with (home / "log").open("wb") as log:
        server = lan.popen(*command, stdout=log, stderr=log)
    try:
        ctl = (
            f"ETCDCTL_API=3 etcdctl --endpoints=https://{SECURE} --cacert={home}/ca.pem "
            f"--cert={home}/client.pem --key={home}/client.key"
        )
        built.wait(lambda: not lan.sh(f"{ctl} endpoint health", check=False).code, 10, 0.2)
        lan.sh(
            f"{ctl} user add root:top; {ctl} user grant-role root root; {ctl} role add sea;"
            f"{ctl} role grant-permission sea readwrite --prefix=true seaway/;"
            f"{ctl} user add skipper:s3cret; {ctl} user grant-role skipper sea; {ctl} auth enable"
        )
        yield home
    finally:
        lan.sh(f"kill -9 $(pgrep -f {home}/data)", check=False)
        server.wait(10)


def test_certificates_and_passwords(
    built: Town, pair: tuple[Host, Host], box_tar: Path, papers: Path
) -> None:
    """By --cluster-store-opt and the URL. Without them: refused, with the reason; no password in any word."""
    store = f"--cluster-store=etcd://skipper:s3cret@{SECURE}"
    mine = [
        f"--cluster-store-opt=kv.cacertfile={papers}/ca.pem",
        f"--cluster-store-opt=kv.certfile={papers}/client.pem",
        f"--cluster-store-opt=kv.keyfile={papers}/client.key",
    ]
    for flags, words in (
        ([store.replace("s3cret", "wrong1"), *mine], "authentication failed"),
        ([store, *mine[:1]], "TLS"),
    ):
        mark = len(pair[0].log.read_text()) if pair[0].log.exists() else 0
        assert begin(pair[0], ["--cluster-advertise=eth0", *flags]).wait(15) == 1
        said = pair[0].log.read_text()[mark:]
        assert words in said and "wrong1" not in said and "s3cret" not in said, said
    _join(built, pair, box_tar, store, *mine)
    assert "s3cret" not in pair[0].log.read_text()
    assert "s3cret" not in pair[0].seaway("info").text
