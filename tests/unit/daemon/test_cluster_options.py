"""The options of a cluster: what they become, and what is refused at the door."""

import json
from pathlib import Path

import pytest

from seaway.daemon.cluster import hidden
from seaway.daemon.configure import configure
from seaway.daemon.options import OPTIONS
from seaway.daemon.settings import Settings
from seaway.daemon.values import duration
from seaway.errors import InvalidInput
from seaway.store.cluster_settings import ClusterSettings

BY_FLAG = {option.flag: option for option in OPTIONS}
STORE, ADVERTISE, OPT, PORT = "cluster-store", "cluster-advertise", "cluster-store-opt", "data-path-port"


def told(tmp_path: Path, flags: dict[str, object], file: object = None) -> Settings:
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps(file or {}))
    return configure({BY_FLAG[name]: value for name, value in flags.items()}, path)[0]


def cluster(tmp_path: Path, *options: str, **more: object) -> ClusterSettings:
    given = {STORE: "etcd://192.168.1.18:2379", ADVERTISE: "eth0:2376", OPT: options}
    found = told(tmp_path, given | {name.replace("_", "-"): value for name, value in more.items()}).cluster
    assert found is not None
    return found


def refusal(tmp_path: Path, flags: dict[str, object], file: object = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        told(tmp_path, flags, file)
    return str(caught.value)


def test_without_a_store_there_is_no_cluster(tmp_path: Path) -> None:
    assert told(tmp_path, {}).cluster is None


def test_the_defaults(tmp_path: Path) -> None:
    found = cluster(tmp_path)
    assert found.store.servers == (("192.168.1.18", 2379),)
    assert (found.url, found.advertise) == ("etcd://192.168.1.18:2379", "eth0:2376")
    assert (found.ttl, found.heartbeat, found.retention, found.vxlan_port) == (30, 10, 0, 4789)


def test_flag_and_file_say_the_same(tmp_path: Path) -> None:
    options = {"discovery.ttl": "60", "kv.path": "there"}
    by_flag = told(
        tmp_path,
        {
            STORE: "consul://c1,c2/x",
            ADVERTISE: "10.0.0.1",
            OPT: [f"{key}={value}" for key, value in options.items()],
            PORT: "4790",
        },
    )
    file = {STORE: "consul://c1,c2/x", ADVERTISE: "10.0.0.1", "cluster-store-opts": options, PORT: 4790}
    assert by_flag == told(tmp_path, {}, file)
    assert by_flag.cluster is not None
    assert by_flag.cluster.store.prefix == "there/seaway"
    assert by_flag.cluster.vxlan_port == 4790


def test_given_twice_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, {STORE: "etcd://a", ADVERTISE: "b"}, {"cluster-store": "etcd://c"})
    assert "specified both as a flag and in the configuration file" in said


@pytest.mark.parametrize(
    ("options", "ttl", "heartbeat", "retention"),
    [
        (("discovery.ttl=60",), 60, 20, 0),
        (("discovery.ttl=1m30s",), 90, 30, 0),
        (("discovery.heartbeat=20",), 60, 20, 0),
        (("discovery.heartbeat=500ms",), 3, 0.5, 0),
        (("discovery.ttl=3s", "discovery.heartbeat=2.9"), 3, 2.9, 0),
        (("discovery.ttl=1h",), 3600, 1200, 0),
        (("seaway.retention=24h",), 30, 10, 86400),
        (("seaway.retention=0",), 30, 10, 0),
    ],
)
def test_times(
    tmp_path: Path, options: tuple[str, ...], ttl: float, heartbeat: float, retention: float
) -> None:
    found = cluster(tmp_path, *options)
    assert (found.ttl, found.heartbeat, found.retention) == (ttl, heartbeat, retention)


@pytest.mark.parametrize(("text", "port"), [("0", 4789), ("1024", 1024), ("49151", 49151)])
def test_the_port_of_vxlan(tmp_path: Path, text: str, port: int) -> None:
    assert cluster(tmp_path, data_path_port=text).vxlan_port == port


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({ADVERTISE: "eth0"}, "--cluster-advertise needs --cluster-store: say where"),
        ({OPT: ("discovery.ttl=9",)}, "--cluster-store-opt needs --cluster-store: say where"),
        ({PORT: "4789"}, "--data-path-port needs --cluster-store: say where"),
        ({STORE: "etcd://a"}, "--cluster-store needs --cluster-advertise: say which address"),
        ({STORE: "etcd://a", ADVERTISE: " "}, "--cluster-store needs --cluster-advertise: say which address"),
        ({STORE: "", ADVERTISE: "b"}, "--cluster-store: invalid cluster store ''"),
        ({STORE: "http://a:1", ADVERTISE: "b"}, "write etcd://HOST:PORT, consul://HOST:PORT, zk://HOST:PORT"),
        ({STORE: "redis://me:secret@a", ADVERTISE: "b"}, "invalid cluster store 'redis://a'"),
        ({STORE: "etcd://a:x", ADVERTISE: "b"}, "invalid server 'a:x' of the cluster store"),
        ({STORE: "etcd://a,,b", ADVERTISE: "b"}, "invalid server '' of the cluster store"),
        ({STORE: "etcd://[fd00::1", ADVERTISE: "b"}, "invalid server '[fd00::1' of the cluster store"),
        ({STORE: "etcd://me:secret#1@a", ADVERTISE: "b"}, "in a password write %3F and %23"),
        ({PORT: "1023"}, '--data-path-port: invalid value "1023": must be a number from 1024 to 49151'),
        ({PORT: "49152"}, "must be a number from 1024 to 49151"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, flags: dict[str, object], says: str) -> None:
    said = refusal(tmp_path, flags)
    assert says in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("kv.colour=red", "unknown option kv.colour; known are kv.cacertfile, kv.certfile"),
        ("ttl=3", "unknown option ttl; known are"),
        ("kv.user", "--cluster-store-opt kv.user: a value is missing; write kv.user=VALUE"),
        ("kv.cacertfile=/no/such", 'kv.cacertfile: cannot read "/no/such": no such file or directory'),
        ("kv.cacertfile=/", 'kv.cacertfile: cannot read "/": is a directory'),
        ("discovery.ttl=2.9", 'discovery.ttl: invalid value "2.9": must be from 3s to 1h'),
        ("discovery.ttl=61m", 'discovery.ttl: invalid value "61m": must be from 3s to 1h'),
        ("discovery.ttl=soon", "must be a number of seconds, or a duration such as 30s or 1m30s"),
        ("discovery.ttl=-5s", "must be a number of seconds"),
        ("discovery.heartbeat=2h", 'invalid value "21600s": must be from 3s to 1h (it is 3 times'),
        ("discovery.heartbeat=0", "must be at least 0.1s and less than discovery.ttl (3s)"),
        ("seaway.retention=never", "seaway.retention: invalid value"),
    ],
)
def test_wrong_store_options_are_refused(tmp_path: Path, option: str, says: str) -> None:
    assert says in refusal(tmp_path, {STORE: "etcd://a", ADVERTISE: "b", OPT: (option,)})


def test_a_heartbeat_that_is_no_shorter_than_the_lease_is_refused(tmp_path: Path) -> None:
    options = ("discovery.ttl=10", "discovery.heartbeat=10s")
    said = refusal(tmp_path, {STORE: "etcd://a", ADVERTISE: "b", OPT: options})
    assert 'discovery.heartbeat: invalid value "10s": must be at least 0.1s and less than' in said


def test_the_files_of_tls(tmp_path: Path) -> None:
    names = ("ca", "cert", "key")
    paths = {name: tmp_path / f"{name}.pem" for name in names}
    for path in paths.values():
        path.write_text("-----BEGIN X-----\n")
    options = [
        f"kv.{key}={paths[name]}"
        for key, name in (("cacertfile", "ca"), ("certfile", "cert"), ("keyfile", "key"))
    ]
    assert cluster(tmp_path, *options).store.tls
    alone = {STORE: "etcd://a", ADVERTISE: "b", OPT: (options[1],)}
    assert "kv.certfile and kv.keyfile go together" in refusal(tmp_path, alone)
    paths["ca"].write_text("nothing")
    assert "is no PEM file" in refusal(tmp_path, {STORE: "etcd://a", ADVERTISE: "b", OPT: (options[0],)})


def test_a_password_is_for_the_store_only(tmp_path: Path) -> None:
    found = told(tmp_path, {STORE: "etcd://me:se%40cret@a:1,b/x", ADVERTISE: "eth0"}).cluster
    assert found is not None
    assert found.store.password == "se@cret"
    assert found.url == "etcd://me:xxxxx@a:1,b/x"
    assert "cret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("etcd://a:1", "etcd://a:1"),
        ("etcd://me@a", "etcd://me@a"),
        ("zk://u:p@x/y@a,b", "zk://u:xxxxx@x/y@a,b"),
        ("nonsense", "nonsense"),
    ],
)
def test_hidden(url: str, shown: str) -> None:
    assert hidden(url) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("1.5", 1.5), ("1m30s", 90), ("250ms", 0.25), ("1h0.5m", 3630)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "5 s", "1d", "-1", "1e3", "inf", "nan", "٣"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="must be a number of seconds"):
        duration(text)
