"""The daemon as a program: its flags, its configuration, its start and its end."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.host import SEAWAY, Host, Street
from tests.faces.box import idle, links, until, words
from tests.faces.image import NAME


@pytest.fixture
def fresh(street: Street, box_tar: Path) -> Iterator[Host]:
    """A host whose daemon the test starts itself."""
    number = 30 + len(street.hosts)
    made = street.host(f"h{number}", number)
    yield made
    made.close()


def test_flags_of_dockerd(fresh: Host, box_tar: Path) -> None:
    fresh.start(
        "--bip", "10.77.0.1/24", "--mtu", "1400", "--default-address-pool", "base=10.80.0.0/16,size=24"
    )
    fresh.docker("import", str(box_tar), NAME)
    assert "10.77.0.1/24" in fresh.run("ip", "addr", "show", "docker0").out
    idle(fresh, "--name", "cc")
    assert fresh.container_address("cc") == "10.77.0.2"
    words(fresh, "network create net")
    subnet = json.loads(words(fresh, "network inspect net").out)[0]["IPAM"]["Config"][0]["Subnet"]
    assert subnet == "10.80.0.0/24"
    assert "mtu 1400" in words(fresh, "exec cc ip link show eth0").out


def test_the_configuration_file(fresh: Host) -> None:
    config = fresh.root / "daemon.json"
    config.write_text(
        json.dumps({"bip": "10.78.0.1/24", "icc": False, "labels": ["a=b"], "storage-driver": "x"})
    )
    fresh.start("--config-file", str(config))
    assert "10.78.0.1/24" in fresh.run("ip", "addr", "show", "docker0").out
    options = fresh.http("GET", "/networks/bridge")[1]["Options"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert "storage-driver" in fresh.log.read_text()


@pytest.mark.parametrize(
    ("flags", "words_"),
    [
        (("--no-such-flag",), "no-such-flag"),
        (("--bip", "10.77.0.0/33"), "10.77.0.0/33"),
        (("-H", "tcp://127.0.0.1:2375"), "tls"),
        (("-H", "gopher://x"), "gopher"),
        (("--config-file", "/nonexistent.json"), "/nonexistent.json"),
        (("--default-address-pool", "base=1"), "base=1"),
    ],
)
def test_what_is_wrong_is_refused_at_once(fresh: Host, flags: tuple[str, ...], words_: str) -> None:
    own = ("--data-root", str(fresh.data), "--exec-root", str(fresh.exec), "--pidfile", str(fresh.pidfile))
    base = () if "-H" in flags else ("-H", fresh.url)
    done = fresh.run(SEAWAY, "daemon", *base, *own, *flags, check=False, timeout=15)
    assert done.code not in (0, 124), done.text
    assert words_ in done.text.lower() or words_ in done.text
    assert "Traceback" not in done.text
    assert "docker0" not in links(fresh)


def test_flags_without_meaning_are_warned_about(fresh: Host) -> None:
    fresh.start(
        "--storage-driver", "overlay2", "--userland-proxy=false", "--iptables=true", "--exec-opt", "a=b"
    )
    warnings = [line for line in fresh.log.read_text().splitlines() if "warn" in line.lower()]
    assert sum("storage-driver" in line for line in warnings) == 1


def test_readiness_is_told_to_systemd(fresh: Host) -> None:
    path = str(fresh.root / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        fresh.env["NOTIFY_SOCKET"] = path
        fresh.start()
        assert b"READY=1" in listener.recv(1000)
        fresh.stop()
        seen = listener.recv(1000)
        while b"STOPPING=1" not in seen:
            seen = listener.recv(1000)


def test_the_log_can_be_read_by_people_and_machines(fresh: Host) -> None:
    fresh.start()
    lines = fresh.log.read_text().splitlines()
    assert lines
    for line in lines:
        assert re.search(r'time="?\S+"? level=\w+ msg=', line), line


def test_a_second_daemon_on_the_same_folder_is_refused(fresh: Host) -> None:
    fresh.start()
    again = ("--data-root", str(fresh.data), "--exec-root", str(fresh.exec), "--pidfile", str(fresh.pidfile))
    done = fresh.run(SEAWAY, "daemon", "-H", f"unix://{fresh.root}/s2", *again, check=False, timeout=15)
    assert done.code not in (0, 124), done.text
    assert fresh.alive(), "the first one goes on"


def test_two_hosts_do_not_see_each_other(host: Host, fresh: Host, box_tar: Path) -> None:
    fresh.start()
    fresh.docker("import", str(box_tar), NAME)
    idle(host, "--name", "here", "-p", "8080:80")
    idle(fresh, "--name", "there", "-p", "8080:80")
    assert words(host, "ps --format {{.Names}}").out == "here\n"
    assert words(fresh, "ps --format {{.Names}}").out == "there\n"
    assert host.container_address("here") == fresh.container_address("there") == "172.17.0.2"


def test_beside_a_real_docker(fresh: Host, box_tar: Path) -> None:
    """docker0 and its subnet are taken: Seaway takes another name and another subnet, and touches nothing."""
    fresh.sh(
        "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up;"
        "nft add table ip nat; nft add chain ip nat DOCKER; nft add rule ip nat DOCKER counter"
    )
    theirs = fresh.sh("ip -4 addr show docker0; nft -s list table ip nat").out
    fresh.start()
    fresh.docker("import", str(box_tar), NAME)
    idle(fresh, "--name", "cc")
    assert "seaway0" in links(fresh)
    assert not fresh.container_address("cc").startswith("172.17.")
    assert words(fresh, "exec cc ping -c 1 203.0.113.1").code == 0
    words(fresh, "rm -f cc")
    assert fresh.sh("ip -4 addr show docker0; nft -s list table ip nat").out == theirs


def test_a_firewall_that_drops_forwarding_is_lived_with(fresh: Host, box_tar: Path) -> None:
    """Docker's own way: an iptables policy of DROP by somebody else must be seen, not silently suffered."""
    fresh.start()
    fresh.docker("import", str(box_tar), NAME)
    rules = fresh.run("nft", "list", "table", "inet", "seaway").out
    assert "hook forward" in rules
    assert "hook prerouting" in rules
    assert "hook postrouting" in rules


def test_the_mtu_of_the_uplink(street: Street, box_tar: Path) -> None:
    small = street.host("small", 90, mtu=1380)
    small.start()
    small.docker("import", str(box_tar), NAME)
    idle(small, "--name", "cc")
    assert "mtu 1380" in words(small, "exec cc ip link show eth0").out
    small.close()


def test_mutual_tls(fresh: Host) -> None:
    certs = fresh.root / "certs"
    certs.mkdir()
    _make_certificates(certs)
    flags = ("--tlsverify", "--tlscacert", f"{certs}/ca.pem", "--tlscert", f"{certs}/server.pem")
    fresh.start("-H", "tcp://127.0.0.1:2376", *flags, "--tlskey", f"{certs}/server.key")
    base = ("curl", "-s", "--max-time", "5", "--cacert", f"{certs}/ca.pem", "https://127.0.0.1:2376/_ping")
    ours = ("--cert", f"{certs}/client.pem", "--key", f"{certs}/client.key")
    assert fresh.run(*base, *ours).out == "OK"
    assert fresh.run(*base, check=False).code != 0, "without a certificate"


def _make_certificates(folder: Path) -> None:
    def openssl(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", *key[:-2], "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")


def test_an_unknown_version_in_the_path(host: Host) -> None:
    assert host.http("GET", "/v1.24/version")[0] == 200
    assert host.http("GET", "/version")[1]["ApiVersion"] == "1.50"
    until(host.alive)
