"""A Box told in the OCI runtime's terms."""

from typing import Any

import pytest

from seaway.errors import InvalidInput
from seaway.model import Config, Container, HostConfig
from seaway.model.container import Device, Mount, Ulimit
from seaway.runtime import oci
from seaway.runtime.contract import Box, ExecSpec
from seaway.runtime.machine import Machine, Node
from seaway.runtime.users import User

NULL = Node("/dev/null", "c", 1, 3)
DISK = Node("/dev/sdz", "b", 8, 400, 0o660, 0, 6)
V1 = Machine(
    cgroups="hybrid",
    controls=frozenset(
        [
            "memory.limit_in_bytes",
            "memory.soft_limit_in_bytes",
            "memory.swappiness",
            "memory.oom_control",
            "cpu.shares",
            "cpu.cfs_quota_us",
            "cpu.cfs_period_us",
            "cpuset.cpus",
            "cpuset.mems",
            "pids",
            "blkio.throttle.read_bps_device",
        ]
    ),
    init="/usr/bin/catatonit",
)
V2 = Machine(cgroups="v2", controls=frozenset({"cpu", "cpuset", "io", "memory", "pids"}))


def box(host: HostConfig | None = None, config: Config | None = None, **more: Any) -> Box:
    mounts = more.pop("mounts", ())
    container = Container(
        id="c" * 64,
        name="c",
        created="",
        image="",
        image_name="",
        path="sh",
        args=("-c", "true"),
        config=config or Config(),
        host=host or HostConfig(),
        mounts=mounts,
    )
    fields: dict[str, Any] = {"lower": "/image", "netns": "/run/netns/x", "hostname": "h"} | more
    return Box(container=container, **fields)


def facts(machine: Machine = V1, user: User | None = None, **more: Any) -> oci.Facts:
    return oci.Facts(root="/r", user=user or User(), machine=machine, cgroup="/seaway/c", **more)


def made(host: HostConfig | None = None, config: Config | None = None, **more: Any) -> dict[str, Any]:
    known = more.pop("facts", None) or facts()
    return oci.spec(box(host, config, **more), known)[0]


def resources(host: HostConfig, machine: Machine = V1, **more: Any) -> tuple[dict[str, Any], list[str]]:
    spec, warnings = oci.spec(box(host), facts(machine, **more))
    found = spec["linux"]["resources"]
    del found["devices"]
    return found, warnings


def mount_at(spec: dict[str, Any], place: str) -> dict[str, Any]:
    (found,) = [mount for mount in spec["mounts"] if mount["destination"] == place]
    return found


def test_plain() -> None:
    spec = made()
    process = spec["process"]
    assert process["args"] == ["sh", "-c", "true"]
    assert process["cwd"] == "/" and process["terminal"] is False and process["noNewPrivileges"] is False
    assert process["env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=h",
    ]
    assert spec["root"] == {"path": "/r", "readonly": False}
    assert spec["hostname"] == "h"
    linux = spec["linux"]
    assert linux["cgroupsPath"] == "/seaway/c"
    assert linux["namespaces"] == [
        {"type": "mount"},
        {"type": "network", "path": "/run/netns/x"},
        {"type": "pid"},
        {"type": "ipc"},
        {"type": "uts"},
    ]
    assert linux["sysctl"] == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }
    assert linux["resources"].keys() == {"devices"}
    assert "/proc/kcore" in linux["maskedPaths"] and "/proc/sys" in linux["readonlyPaths"]
    assert "ro" in mount_at(spec, "/sys")["options"]
    assert "size=67108864" in mount_at(spec, "/dev/shm")["options"]


def test_default_capabilities_are_dockers() -> None:
    found = made()["process"]["capabilities"]
    assert set(found) == {"bounding", "effective", "permitted"}
    assert len(found["bounding"]) == 14 and "CAP_NET_RAW" in found["bounding"]


@pytest.mark.parametrize(
    ("add", "drop", "has", "lacks"),
    [
        (("NET_ADMIN",), None, "CAP_NET_ADMIN", "CAP_SYS_ADMIN"),
        (("cap_sys_time",), ("cap_chown",), "CAP_SYS_TIME", "CAP_CHOWN"),
        (("ALL",), ("SYS_ADMIN",), "CAP_BPF", "CAP_SYS_ADMIN"),
        (("CHOWN",), ("ALL",), "CAP_CHOWN", "CAP_NET_RAW"),
    ],
)
def test_capabilities_added_and_dropped(add: Any, drop: Any, has: str, lacks: str) -> None:
    found = made(HostConfig(cap_add=add, cap_drop=drop))["process"]["capabilities"]["bounding"]
    assert has in found and lacks not in found


def test_a_capability_the_daemon_lacks_is_not_promised() -> None:
    machine = Machine(capabilities=frozenset({"CAP_CHOWN"}))
    host = HostConfig(privileged=True)
    assert made(host, facts=facts(machine))["process"]["capabilities"]["bounding"] == ["CAP_CHOWN"]


def test_environment() -> None:
    config = Config(env=("PATH=/p", "A=1", "B", "A=2", "HOSTNAME=mine"), tty=True, working_dir="/w")
    process = made(config=config)["process"]
    assert process["env"] == ["PATH=/p", "HOSTNAME=mine", "TERM=xterm", "A=2"]
    assert process["terminal"] and process["cwd"] == "/w"


def test_user_and_limits_of_the_process() -> None:
    host = HostConfig(
        oom_score_adj=-5,
        console_size=(24, 80),
        ulimits=(Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="core", soft=-1, hard=-1)),
        security_opt=("no-new-privileges:true",),
    )
    user = User(5, 6, (6, 7))
    process = made(host, Config(tty=True), facts=facts(user=user))["process"]
    assert process["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 7]}
    assert process["rlimits"] == [
        {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2},
        {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]
    assert process["oomScoreAdj"] == -5 and process["noNewPrivileges"]
    assert process["consoleSize"] == {"height": 24, "width": 80}


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (HostConfig(ulimits=(Ulimit(name="cats", soft=1, hard=1),)), "invalid ulimit type: cats"),
        (HostConfig(ulimits=(Ulimit(name="nofile", soft=2, hard=1),)), "ulimit soft limit must be less"),
        (HostConfig(ulimits=(Ulimit(name="nofile", soft=-1, hard=1),)), "ulimit soft limit must be less"),
        (HostConfig(device_cgroup_rules=("c 1:3",)), "invalid device cgroup rule format"),
        (HostConfig(device_cgroup_rules=("x 1:3 rwm",)), "invalid device cgroup rule format"),
        (HostConfig(devices=(Device(path_on_host="/dev/no"),)), "no such device or directory"),
        (HostConfig(memory=4, memory_swap=2), "Minimum memoryswap limit"),
        (HostConfig(nano_cpus=1, cpu_quota=1), "Conflicting options"),
        (HostConfig(tmpfs={"rel": ""}), "invalid mount path"),
        (HostConfig(tmpfs={"/a/..": ""}), "invalid mount path"),
        (HostConfig(cap_drop=("WINGS",)), 'unknown capability: "CAP_WINGS"'),
    ],
)
def test_refused(host: HostConfig, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        made(host)


def test_an_init_and_its_lack() -> None:
    spec = made(HostConfig(init=True))
    assert spec["process"]["args"] == ["/sbin/docker-init", "--", "sh", "-c", "true"]
    assert mount_at(spec, "/sbin/docker-init")["source"] == "/usr/bin/catatonit"
    with pytest.raises(InvalidInput, match="neither catatonit nor tini"):
        made(HostConfig(init=True), facts=facts(V2))


def test_limits() -> None:
    host = HostConfig(
        memory=100,
        memory_reservation=50,
        memory_swappiness=0,
        cpu_shares=2,
        nano_cpus=1_500_000_000,
        cpuset_cpus="0-1",
        pids_limit=9,
    )
    found, warnings = resources(host)
    assert found == {
        "memory": {"limit": 100, "reservation": 50, "swappiness": 0},
        "cpu": {"shares": 2, "quota": 150_000, "period": 100_000, "cpus": "0-1"},
        "pids": {"limit": 9},
    }
    assert len(warnings) == 1 and "swap" in warnings[0]
    found, warnings = resources(host, V2)
    assert found["memory"] == {"limit": 100, "reservation": 50, "swap": 200}
    assert len(warnings) == 1 and "swappiness" in warnings[0]


def test_no_limits_mean_none() -> None:
    assert resources(HostConfig(pids_limit=-1, memory_swappiness=-1, memory_swap=-1), V2) == (
        {"memory": {"swap": -1}},
        [],
    )
    assert resources(HostConfig(pids_limit=0)) == ({}, [])


def test_block_devices() -> None:
    host = HostConfig(
        blkio_weight=500,
        blkio_device_read_bps=({"Path": "/dev/sdz", "Rate": 1024},),
        blkio_device_write_bps=({"Path": "/dev/sdz", "Rate": 1},),
    )
    found, warnings = resources(host, nodes={"/dev/sdz": (DISK,)})
    assert found["blockIO"] == {"throttleReadBpsDevice": [{"major": 8, "minor": 400, "rate": 1024}]}
    assert len(warnings) == 2
    with pytest.raises(InvalidInput, match="no such device: /dev/sdz"):
        resources(host)


def test_devices() -> None:
    host = HostConfig(
        devices=(Device(path_on_host="/dev/snd", path_in_container="/dev/sound", cgroup_permissions="r"),),
        device_cgroup_rules=("c 10:* rw",),
    )
    nodes = {"/dev/snd": (Node("/dev/snd/pcm", "c", 116, 2), Node("/dev/snd/x/y", "c", 116, 3))}
    linux = made(host, facts=facts(nodes=nodes))["linux"]
    assert [(d["path"], d["minor"]) for d in linux["devices"]] == [
        ("/dev/sound/pcm", 2),
        ("/dev/sound/x/y", 3),
    ]
    assert linux["resources"]["devices"][-3:] == [
        {"allow": True, "type": "c", "access": "r", "major": 116, "minor": 2},
        {"allow": True, "type": "c", "access": "r", "major": 116, "minor": 3},
        {"allow": True, "type": "c", "access": "rw", "major": 10},
    ]
    assert linux["resources"]["devices"][0] == {"allow": False, "access": "rwm"}


def test_privileged() -> None:
    spec = made(HostConfig(privileged=True), facts=facts(every_node=(NULL, DISK)))
    linux = spec["linux"]
    assert linux["maskedPaths"] == [] and linux["readonlyPaths"] == [] and "seccomp" not in linux
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert {d["path"] for d in linux["devices"]} == {"/dev/null", "/dev/sdz"}
    assert "ro" not in mount_at(spec, "/sys")["options"]
    assert len(spec["process"]["capabilities"]["bounding"]) == 41


def test_mounts_in_order_and_the_users_win() -> None:
    mounts = (
        {"Type": "volume", "Source": "/v", "Destination": "/etc/", "RW": True},
        {"Type": "bind", "Source": "/h", "Destination": "/etc/hosts", "RW": False, "Propagation": "rslave"},
        {"Type": "bind", "Source": "/s", "Destination": "/dev/shm", "RW": True},
        {"Type": "tmpfs", "Source": "", "Destination": "/t", "RW": True},
    )
    host = HostConfig(
        tmpfs={"/t": "exec,size=5"},
        mounts=(Mount(type="tmpfs", target="/u", read_only=True, tmpfs_options={"Mode": 0o700}),),
    )
    spec = made(host, mounts=mounts, files={"/etc/hosts": "/ours", "/etc/resolv.conf": "/dns"})
    places = [mount["destination"] for mount in spec["mounts"]]
    assert len(places) == len(set(places))
    assert places.index("/etc") < places.index("/etc/hosts") < places.index("/sys/fs/cgroup")
    assert mount_at(spec, "/etc/hosts") == {
        "destination": "/etc/hosts",
        "type": "bind",
        "source": "/h",
        "options": ["rbind", "ro", "rslave"],
    }
    assert mount_at(spec, "/etc/resolv.conf")["options"] == ["rbind", "rw", "rprivate"]
    assert mount_at(spec, "/dev/shm")["source"] == "/s"
    assert mount_at(spec, "/t")["options"] == ["nosuid", "nodev", "exec", "size=5"]
    assert mount_at(spec, "/u")["options"] == ["noexec", "nosuid", "nodev", "mode=700", "ro"]
    assert spec["linux"]["rootfsPropagation"] == "rslave"
    with pytest.raises(InvalidInput, match="invalid propagation"):
        made(mounts=({"Type": "bind", "Source": "/a", "Destination": "/b", "Propagation": "sideways"},))


def test_read_only_root_makes_our_files_read_only_too() -> None:
    spec = made(HostConfig(readonly_rootfs=True), files={"/etc/hosts": "/ours"})
    assert spec["root"]["readonly"] and "ro" in mount_at(spec, "/etc/hosts")["options"]


def test_host_network_and_shared_namespaces() -> None:
    spec = made(
        config=Config(domainname="d"),
        netns="",
        join={"pid": "host", "ipc": "/proc/1/ns/ipc", "uts": "host"},
        facts=facts(V2),
    )
    assert spec["linux"]["namespaces"] == [
        {"type": "mount"},
        {"type": "ipc", "path": "/proc/1/ns/ipc"},
        {"type": "cgroup"},
    ]
    assert "hostname" not in spec and spec["linux"]["sysctl"] == {}
    assert made(config=Config(domainname="d"))["linux"]["sysctl"]["kernel.domainname"] == "d"
    assert mount_at(made(join={"ipc": "host"}), "/dev/shm")["source"] == "/dev/shm"


def test_system_paths_and_seccomp_unconfined() -> None:
    host = HostConfig(security_opt=("systempaths=unconfined", "seccomp=unconfined"))
    linux = made(host)["linux"]
    assert linux["maskedPaths"] == [] and "seccomp" not in linux
    assert made(HostConfig(masked_paths=("/x",)))["linux"]["maskedPaths"] == ["/x"]


def denied(spec: dict[str, Any]) -> set[str]:
    return set(spec["linux"]["seccomp"]["syscalls"][0]["names"])


def test_seccomp_follows_the_capabilities() -> None:
    plain = denied(made())
    assert {"mount", "bpf", "keyctl", "init_module", "settimeofday"} <= plain
    admin = denied(made(HostConfig(cap_add=("SYS_ADMIN",))))
    assert "mount" not in admin and "keyctl" in admin and "init_module" in admin
    assert "bpf" not in denied(made(HostConfig(cap_add=("BPF",))))
    assert "seccomp" not in made(facts=facts(architecture="s390x"))["linux"]


def test_a_profile_of_the_users() -> None:
    profile = """{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"name": "old", "action": "SCMP_ACT_ALLOW", "args": []},
        {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["chown"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_CHOWN"]}},
        {"names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}}]}"""
    linux = made(HostConfig(security_opt=(f"seccomp={profile}",)))["linux"]
    assert linux["seccomp"]["syscalls"] == [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["old"], "action": "SCMP_ACT_ALLOW"},
    ]
    assert linux["seccomp"]["architectures"][0] == "SCMP_ARCH_X86_64"
    for text in ("{", "[]", "{}", '{"defaultAction":"X","syscalls":[{"names":[]}]}'):
        with pytest.raises(InvalidInput, match="Decoding seccomp profile failed"):
            made(HostConfig(security_opt=(f"seccomp={text}",)))


def test_exec_process() -> None:
    config = Config(env=("A=1",), working_dir="/w", hostname="hh")
    container = box(HostConfig(cap_drop=("ALL",)), config).container
    spec = ExecSpec(cmd=("ls", "-l"), env=("A=2", "B=3"), tty=True, size=(10, 20))
    found = oci.process(container, spec, User(1, 2), V1)
    assert found["args"] == ["ls", "-l"] and found["cwd"] == "/w" and found["terminal"]
    assert found["env"][1:] == ["HOSTNAME=hh", "A=2", "B=3", "TERM=xterm"]
    assert found["consoleSize"] == {"height": 10, "width": 20}
    assert found["capabilities"]["bounding"] == []
    full = oci.process(container, ExecSpec(cmd=("x",), privileged=True, working_dir="/y"), User(), V1)
    assert len(full["capabilities"]["bounding"]) == 41 and full["cwd"] == "/y"
