import json
from pathlib import Path

import pytest

from seaway.daemon import cluster
from seaway.daemon.configure import configure
from seaway.daemon.options import OPTIONS
from seaway.daemon.settings import Settings, Ulimit
from seaway.errors import InvalidInput

BY_FLAG = {option.flag: option for option in OPTIONS}


def told(tmp_path: Path, file: object = None, **flags: object) -> tuple[Settings, list[str]]:
    path = tmp_path / "daemon.json"
    path.write_text(file if isinstance(file, str) else json.dumps(file or {}))
    return configure({BY_FLAG[name.replace("_", "-")]: value for name, value in flags.items()}, path)


def refusal(tmp_path: Path, file: object = None, **flags: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        told(tmp_path, file, **flags)
    return str(caught.value)


def test_defaults_are_dockers_with_our_paths(tmp_path: Path) -> None:
    settings, warnings = told(tmp_path)
    assert settings == Settings(config_file=tmp_path / "daemon.json")
    assert settings.hosts == ("unix:///run/seaway/seaway.sock",)
    assert warnings == []


def test_socket_and_pidfile_follow_the_exec_root(tmp_path: Path) -> None:
    settings, _ = told(tmp_path, exec_root="/run/other")
    assert settings.hosts == ("unix:///run/other/seaway.sock",)
    assert settings.pidfile == Path("/run/other/seaway.pid")


@pytest.mark.parametrize(
    ("flag", "text", "key", "value", "field", "wanted"),
    [
        (
            "host",
            ("unix:///a", "unix:///b"),
            "hosts",
            ["unix:///a", "unix:///b"],
            "hosts",
            ("unix:///a", "unix:///b"),
        ),
        ("data_root", "/d", "data-root", "/d", "data_root", Path("/d")),
        ("bip", "10.5.0.1/16", "bip", "10.5.0.1/16", "bip", "10.5.0.1/16"),
        ("bip6", "fd00:0::1/64", "bip6", "fd00:0::1/64", "bip6", "fd00::1/64"),
        ("fixed_cidr", "10.5.1.0/24", "fixed-cidr", "10.5.1.0/24", "fixed_cidr", "10.5.1.0/24"),
        ("mtu", "1400", "mtu", 1400, "mtu", 1400),
        ("mtu", "0", "mtu", 0, "mtu", None),
        ("icc", "false", "icc", False, "icc", False),
        ("ip", "0.0.0.0", "ip", "0.0.0.0", "ip", ""),
        ("ip", "127.0.0.1", "ip", "127.0.0.1", "ip", "127.0.0.1"),
        (
            "default_address_pool",
            ("base=10.1.0.0/16,size=24", "size=80,base=fd00::/64"),
            "default-address-pools",
            [{"base": "10.1.0.0/16", "size": 24}, {"base": "fd00::/64", "size": 80}],
            "pools",
            (("10.1.0.0/16", 24), ("fd00::/64", 80)),
        ),
        ("dns", ("1.1.1.1",), "dns", ["1.1.1.1"], "dns", ("1.1.1.1",)),
        ("dns_opt", ("ndots:1",), "dns-opts", ["ndots:1"], "dns_options", ("ndots:1",)),
        ("label", ("a=b",), "labels", ["a=b"], "labels", ("a=b",)),
        ("log_opt", ("max-size=1m",), "log-opts", {"max-size": "1m"}, "log_opts", {"max-size": "1m"}),
        ("debug", "true", "debug", True, "log_level", "debug"),
        ("default_shm_size", "128m", "default-shm-size", "128M", "default_shm_size", 128 << 20),
        (
            "default_ulimit",
            ("nofile=10:20",),
            "default-ulimits",
            {"nofile": {"Name": "nofile", "Soft": 10, "Hard": 20}},
            "default_ulimits",
            (Ulimit(name="nofile", soft=10, hard=20),),
        ),
        (
            "add_runtime",
            ("slow=/bin/slow",),
            "runtimes",
            {"slow": {"path": "/bin/slow"}},
            "runtimes",
            {"runc": "runc", "crun": "crun", "slow": "/bin/slow"},
        ),
        (
            "default_network_opt",
            ("bridge=com.docker.network.driver.mtu=1300",),
            "default-network-opts",
            {"bridge": {"com.docker.network.driver.mtu": "1300"}},
            "default_network_opts",
            {"bridge": {"com.docker.network.driver.mtu": "1300"}},
        ),
    ],
)
def test_flag_and_file_say_the_same(
    tmp_path: Path, flag: str, text: object, key: str, value: object, field: str, wanted: object
) -> None:
    by_flag, _ = told(tmp_path, None, **{flag: text})
    by_file, _ = told(tmp_path, {key: value})
    assert getattr(by_flag, field) == getattr(by_file, field) == wanted


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"bip": "10.5.0.1"}, 'invalid value "10.5.0.1": must be an IPv4 address with a prefix length'),
        ({"bip": "10.5.0.0/16"}, "must be a host's address"),
        ({"bip": "10.5.255.255/16"}, "must be a host's address"),
        ({"bip": "fd00::1/64"}, "must be an IPv4 address"),
        ({"mtu": "67"}, '--mtu: invalid value "67": must be a number from 68 to 65535'),
        ({"mtu": "big"}, "must be a whole number"),
        ({"icc": "maybe"}, "must be true or false"),
        ({"group": "no-such-group"}, "must be a group that exists"),
        ({"log_level": "loud"}, "one of debug, info, warn, error, fatal"),
        ({"default_address_pool": ("base=10.1.0.0/16,size=8",)}, "from 16 (the base's own) to 32"),
        ({"default_address_pool": ("10.1.0.0/16",)}, "must be base=<subnet>,size=<prefix length>"),
        ({"dns": ("one",)}, "must be an IPv4 or IPv6 address"),
        ({"label": ("one",)}, "must be key=value"),
        ({"host": ("http://x",)}, "must be unix:///path or tcp://address:port"),
        ({"host": ("tcp://1.2.3.4:99999",)}, "the port from 1 to 65535"),
        ({"host": ("tcp://1.2.3.4",)}, "tcp://1.2.3.4:2376: refused without mutual TLS; give --tlsverify"),
        ({"host": ("0.0.0.0:2376",), "tls": "true"}, "refused without mutual TLS"),
        ({"tlscert": "/no/such/file"}, "must be a file that exists"),
        ({"log_opt": ["nosuch=1"]}, "failed to set log opts: unknown log opt 'nosuch' for json-file"),
        ({"log_opt": ["max-size=x"]}, "failed to set log opts: invalid size: 'x'"),
        ({"default_runtime": "kata"}, 'specified default runtime "kata" does not exist; known: crun, runc'),
        ({"add_runtime": ("runc=/x",)}, 'runtime name "runc" is reserved'),
        ({"bridge": "br0", "bip": "10.5.0.1/16"}, "mutually exclusive"),
        ({"userns_remap": "default"}, "--userns-remap is not supported: users of containers would not"),
        ({"authorization_plugin": ("x",)}, "requests would not be authorized"),
    ],
)
def test_bad_flags_name_the_value_and_what_is_allowed(
    tmp_path: Path, flags: dict[str, object], says: str
) -> None:
    assert says in refusal(tmp_path, None, **flags)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ('{"mtu": 1400,\n "icc": }', "invalid JSON at line 2, column 9"),
        ("[]", "must hold one JSON object"),
        ({"mtu": "1400"}, '"mtu": must be a number, got "1400"'),
        ({"mtu": True}, "must be a number, got true"),
        ({"icc": "no"}, 'must be true or false, got "no"'),
        ({"hosts": [1]}, "must be a list of strings"),
        ({"default-address-pools": {"base": 1}}, "must be a list of"),
        (
            {"tls-verify": True, "b": 1},
            "the following directives don't match any configuration option: b, tls-verify",
        ),
        ({"bip": "x"}, '"bip": invalid value "x"'),
        ({"label": ["a=b"]}, "don't match any configuration option: label"),
    ],
)
def test_bad_files_say_where(tmp_path: Path, file: object, says: str) -> None:
    said = refusal(tmp_path, file)
    assert says in said
    assert f"with file {tmp_path / 'daemon.json'}" in said


def test_a_directive_given_twice_is_refused_in_dockerds_words(tmp_path: Path) -> None:
    said = refusal(tmp_path, {"hosts": ["unix:///b"], "icc": True}, host=("unix:///a",), icc="false")
    assert (
        "the following directives are specified both as a flag and in the configuration file: "
        "hosts: (from flag: [unix:///a], from file: [unix:///b]), icc: (from flag: false, from file: true)"
    ) in said


def test_flags_without_meaning_warn_once_each(tmp_path: Path) -> None:
    _, warnings = told(
        tmp_path, {"storage-driver": "overlay2", "builder": {}}, iptables="false", live_restore="true"
    )
    assert len(warnings) == 4
    assert any("--iptables changes nothing" in warning for warning in warnings)
    assert any("--storage-driver changes nothing" in warning for warning in warnings)


def test_mutual_tls_opens_tcp(tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("tlscacert", "tlscert", "tlskey")}
    for path in files.values():
        Path(path).write_text("x")
    settings, _ = told(tmp_path, None, host=("tcp://[::1]",), tlsverify="true", **files)
    assert settings.hosts == ("tcp://[::1]:2376",)
    assert settings.tls


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nope\.json: no such file or directory"):
        configure({}, tmp_path / "nope.json")


def test_every_row_of_the_table_has_one_meaning() -> None:
    fields = set(Settings.__slots__) | {"debug", *cluster.FIELDS}
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    for option in OPTIONS:
        assert bool(option.field) != bool(option.why), option.flag
        assert not option.field or option.field in fields
