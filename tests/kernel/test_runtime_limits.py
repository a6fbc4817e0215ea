"""What a container may do, sees and uses: limits, capabilities, mounts, users, namespaces, figures."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import InvalidInput, RuntimeFailed
from seaway.model import HostConfig
from seaway.model.container import Device, Mount, Ulimit
from seaway.runtime.contract import Box, ExecSpec
from seaway.runtime.stats import read_stats
from seaway.runtime.top import top
from tests.kernel.boxes import Yard, drain, words

pytestmark = pytest.mark.root

MEGABYTE = 1 << 20
NETNS = Path("/run/netns")


@pytest.fixture
def netns() -> Iterator[str]:
    """A network namespace with loopback up."""
    name = f"sw-box-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield str(NETNS / name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def control(yard: Yard, box: Box, controller: str, file: str) -> str:
    """A control file of the container under version 1 or 2 of control groups."""
    top = Path("/sys/fs/cgroup")
    root = top if (top / "cgroup.controllers").exists() else top / controller
    return (root / yard.parent.lstrip("/") / box.container.id / file).read_text().strip()


def v1() -> bool:
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


async def shell(yard: Yard, script: str, **more: object) -> str:
    out, err, code = await yard.out("sh", "-c", script, **more)
    assert code == 0, err
    return out.decode()


@pytest.mark.skipif(not v1(), reason="the file names are those of control groups of version 1")
async def test_limits_reach_the_kernel_and_change(yard: Yard) -> None:
    host = HostConfig(
        memory=64 * MEGABYTE,
        memory_reservation=32 * MEGABYTE,
        nano_cpus=500_000_000,
        cpu_shares=512,
        cpuset_cpus="0",
        pids_limit=33,
        blkio_weight=300,
    )
    box, _ = await yard.up("sleep", "100", host=host)
    assert control(yard, box, "memory", "memory.limit_in_bytes") == str(64 * MEGABYTE)
    assert control(yard, box, "memory", "memory.memsw.limit_in_bytes") == str(128 * MEGABYTE)
    assert control(yard, box, "cpu", "cpu.cfs_quota_us") == "50000"
    assert control(yard, box, "cpu", "cpu.shares") == "512"
    assert control(yard, box, "cpuset", "cpuset.cpus") == "0"
    assert control(yard, box, "pids", "pids.max") == "33"
    changed = HostConfig(memory=32 * MEGABYTE, memory_swap=40 * MEGABYTE, cpu_quota=20000, pids_limit=44)
    await yard.runtime.update(box.container.id, changed)
    assert control(yard, box, "memory", "memory.limit_in_bytes") == str(32 * MEGABYTE)
    assert control(yard, box, "memory", "memory.memsw.limit_in_bytes") == str(40 * MEGABYTE)
    assert control(yard, box, "cpu", "cpu.cfs_quota_us") == "20000"
    assert control(yard, box, "pids", "pids.max") == "44"


async def test_out_of_memory_is_told(yard: Yard) -> None:
    host = HostConfig(memory=16 * MEGABYTE, memory_swap=16 * MEGABYTE)
    box, born = await yard.up("sh", "-c", "exec tail /dev/zero", host=host)
    ended = await yard.ended(box, born)
    assert (ended.code, ended.oom) == (137, True)


async def test_pids_limit_holds(yard: Yard) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait"
    _, err, _ = await yard.out("sh", "-c", script, host=HostConfig(pids_limit=4))
    assert b"fork" in err


async def test_default_capabilities_and_seccomp(yard: Yard) -> None:
    script = "grep -E 'CapEff|CapBnd|Seccomp:|NoNewPrivs' /proc/self/status"
    values = dict(line.split(":\t") for line in (await shell(yard, script)).splitlines())
    assert values == {
        "CapEff": "00000000a80425fb",
        "CapBnd": "00000000a80425fb",
        "Seccomp": "2",
        "NoNewPrivs": "0",
    }
    _, err, code = await yard.out("mount", "-t", "tmpfs", "x", "/tmp")
    assert code != 0 and b"permi" in err.lower()


async def test_unshare_is_denied_and_can_be_allowed(yard: Yard) -> None:
    _, err, code = await yard.out("unshare", "-u", "true")
    assert code != 0 and b"not permitted" in err
    host = HostConfig(cap_add=("SYS_ADMIN",))
    assert (await yard.out("unshare", "-u", "true", host=host))[2] == 0


async def test_seccomp_denies_where_capabilities_do_not(yard: Yard) -> None:
    """A user namespace needs no capability at all: only seccomp is in the way."""
    assert (await yard.out("unshare", "-U", "true"))[2] != 0
    host = HostConfig(security_opt=("seccomp=unconfined",))
    assert (await yard.out("unshare", "-U", "true", host=host))[2] == 0


async def test_a_profile_of_the_users(yard: Yard) -> None:
    profile = (
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":'
        '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}'
    )
    host = HostConfig(security_opt=(f"seccomp={profile}",))
    _, err, code = await yard.out("mkdir", "/tmp/x", host=host)
    assert code == 1 and b"not permitted" in err
    with pytest.raises(InvalidInput, match="Decoding seccomp profile failed"):
        await yard.out("true", host=HostConfig(security_opt=("seccomp={",)))


async def test_no_new_privileges_and_dropped_capabilities(yard: Yard) -> None:
    host = HostConfig(cap_drop=("ALL",), cap_add=("CAP_CHOWN",), security_opt=("no-new-privileges",))
    script = "grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    values = dict(line.split(":\t") for line in (await shell(yard, script, host=host)).splitlines())
    assert values == {"NoNewPrivs": "1", "CapEff": "0000000000000001"}
    with pytest.raises(InvalidInput, match="unknown capability"):
        await yard.out("true", host=HostConfig(cap_add=("FLYING",)))


async def test_ping_works_also_without_root(yard: Yard, netns: str) -> None:
    assert "1 packets received" in await shell(yard, "ping -c 1 -W 2 127.0.0.1", netns=netns)
    # Opened by the sysctl ping_group_range, which only the container's own network namespace gets.
    assert "0\t2147483647" in await shell(yard, "cat /proc/sys/net/ipv4/ping_group_range", netns=netns)
    host = HostConfig(cap_drop=("NET_RAW",), sysctls={"net.ipv4.ping_group_range": "1 0"})
    assert (await yard.out("ping", "-c", "1", "127.0.0.1", netns=netns, host=host))[2] != 0


async def test_network_namespace_is_the_given_one(yard: Yard, netns: str) -> None:
    inode = os.stat(netns).st_ino
    assert f"net:[{inode}]" in await shell(yard, "readlink /proc/self/ns/net", netns=netns)
    assert os.readlink("/proc/self/ns/net") in await shell(yard, "readlink /proc/self/ns/net")


async def test_privileged(yard: Yard) -> None:
    script = "grep CapEff /proc/self/status; [ -c /dev/mem -o -b /dev/vda -o -c /dev/kmsg ] && echo dev;"
    script += "mount -t tmpfs x /tmp && echo mounted; id -u"
    text = await shell(yard, script, host=HostConfig(privileged=True))
    assert "dev" in text and "mounted" in text and "00000000a80425fb" not in text


async def test_paths_are_masked_and_read_only(yard: Yard) -> None:
    assert await shell(yard, "wc -c < /proc/interrupts") == "0\n"
    _, err, _ = await yard.out("sh", "-c", "echo 1 > /proc/sys/kernel/panic")
    assert b"Read-only" in err
    assert int(await shell(yard, "wc -c < /proc/interrupts", host=HostConfig(masked_paths=()))) > 0


async def test_binds_volumes_tmpfs_and_files(yard: Yard) -> None:
    source = yard.tmp / "source"
    source.mkdir()
    (source / "seen").write_text("from the host\n")
    hosts = yard.tmp / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    mounts = (
        {"Type": "bind", "Source": str(source), "Destination": "/data/in", "RW": False, "Propagation": ""},
        {"Type": "volume", "Source": str(source), "Destination": "/rw", "RW": True},
    )
    host = HostConfig(
        tmpfs={"/run": "size=1m"},
        mounts=(
            Mount(type="tmpfs", target="/fast", tmpfs_options={"SizeBytes": 2 * MEGABYTE, "Mode": 0o700}),
        ),
        shm_size=8 * MEGABYTE,
    )
    script = (
        "cat /data/in/seen /etc/hosts; echo x > /rw/made; echo y > /data/in/no; df -k /run /fast /dev/shm"
    )
    out, err, _ = await yard.out(
        "sh", "-c", script, mounts=mounts, host=host, files={"/etc/hosts": str(hosts)}
    )
    assert out.startswith(b"from the host\n127.0.0.1 localhost\n")
    assert b"Read-only" in err and (source / "made").read_text() == "x\n"
    sizes = [line.split()[1] for line in out.decode().splitlines() if "/" in line and "%" in line][-3:]
    assert sizes == ["1024", "2048", "8192"]


async def test_propagation_reaches_the_container(yard: Yard) -> None:
    source = yard.tmp / "shared"
    source.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "x", str(source)], check=True)
    try:
        subprocess.run(["mount", "--make-shared", str(source)], check=True)
        (source / "sub").mkdir()
        mount = {
            "Type": "bind",
            "Source": str(source),
            "Destination": "/s",
            "RW": True,
            "Propagation": "rslave",
        }
        box, _ = await yard.up("sleep", "100", mounts=(mount,))
        subprocess.run(["mount", "-t", "tmpfs", "x", str(source / "sub")], check=True)
        (source / "sub/late").write_text("")
        handle = await yard.runtime.exec_start(
            box.container.id, "e", ExecSpec(cmd=("ls", "/s/sub")), box.container
        )
        assert await drain(handle.console) == (b"late\n", b"")
        await handle.wait()
        await yard.runtime.delete(box.container.id)
    finally:
        subprocess.run(["umount", "-R", str(source)], check=True)


async def test_read_only_root(yard: Yard) -> None:
    out, err, _ = await yard.out(
        "sh",
        "-c",
        "echo > /x; echo > /tmp/y && echo ok",
        host=HostConfig(readonly_rootfs=True, tmpfs={"/tmp": ""}),
    )
    assert out == b"ok\n" and b"Read-only" in err


async def test_process_settings(yard: Yard) -> None:
    host = HostConfig(
        ulimits=(Ulimit(name="nofile", soft=100, hard=200),),
        oom_score_adj=321,
        group_add=("audio", "77"),
        sysctls={"kernel.msgmax": "4096"},
    )
    script = "pwd; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; id -G; cat /proc/sys/kernel/msgmax;"
    script += "echo $HOME $PATH $FOO; hostname; cat /proc/sys/kernel/domainname"
    text = await shell(
        yard,
        script,
        host=host,
        user="alice",
        working_dir="/made/here",
        env=("FOO=bar=baz",),
        domainname="example.test",
    )
    assert text.splitlines() == [
        "/made/here",
        "100",
        "200",
        "321",
        "1001 10 29 77",
        "4096",
        "/home/alice /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bar=baz",
        "boxhost",
        "example.test",
    ]


async def test_devices(yard: Yard) -> None:
    host = HostConfig(devices=(Device(path_on_host="/dev/null", path_in_container="/dev/hole"),))
    assert await shell(yard, "echo x > /dev/hole && stat -c %t,%T /dev/hole", host=host) == "1,3\n"
    with pytest.raises(InvalidInput, match="error gathering device information"):
        await shell(yard, "true", host=HostConfig(devices=(Device(path_on_host="/dev/nothing"),)))
    _, err, _ = await yard.out("sh", "-c", "mknod /root/mem c 1 1 && cat /root/mem")
    assert b"not permitted" in err


async def test_an_init_reaps(yard: Yard) -> None:
    box, born = await yard.up("sleep", "100", host=HostConfig(init=True))
    command = await words(born.pid)
    assert command[0] == "/sbin/docker-init" and "sleep" in command
    async with asyncio.timeout(10):
        while not Path(f"/proc/{born.pid}/task/{born.pid}/children").read_text():
            await asyncio.sleep(0.01)
    await yard.runtime.kill(box.container.id, 15)
    assert (await yard.ended(box, born)).code == 143


async def test_shared_namespaces(yard: Yard) -> None:
    donor, born = await yard.up("sleep", "100", host=HostConfig(ipc_mode="shareable"))
    script = "ps; readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts; echo hi > /dev/shm/note"
    text = await shell(
        yard,
        script,
        host=HostConfig(ipc_mode=f"container:{donor.container.id}"),
        join={"pid": f"/proc/{born.pid}/ns/pid", "ipc": f"/proc/{born.pid}/ns/ipc", "uts": "host"},
    )
    assert "sleep 100" in text
    assert os.readlink(f"/proc/{born.pid}/ns/ipc") in text and os.readlink("/proc/self/ns/uts") in text
    handle = await yard.runtime.exec_start(
        donor.container.id, "e", ExecSpec(cmd=("cat", "/dev/shm/note")), donor.container
    )
    assert (await drain(handle.console))[0] == b"hi\n"
    assert await handle.wait() == 0


async def test_host_process_namespace(yard: Yard) -> None:
    script = f"kill -0 {os.getpid()} && echo seen; sleep 100 & sleep 100"
    box, _ = await yard.up("sh", "-c", script, join={"pid": "host"})
    path = yard.runtime.log_path(box.container.id)
    async with asyncio.timeout(10):
        while b"seen" not in path.read_bytes():
            await asyncio.sleep(0.02)
    # No namespace's end kills the second sleep: deleting must. The fixture looks for it.
    await yard.runtime.delete(box.container.id)


async def test_figures(yard: Yard, netns: str) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 100 & sleep 100"
    box, born = await yard.up(
        "sh", "-c", script, netns=netns, host=HostConfig(memory=64 * MEGABYTE, pids_limit=50)
    )
    path = yard.runtime.log_path(box.container.id)
    async with asyncio.timeout(10):
        while b"done" not in path.read_bytes():
            await asyncio.sleep(0.02)
    first = read_stats(box.container.id, born.pid, name="box")
    second = read_stats(box.container.id, born.pid, name="box", previous=first)
    assert second["name"] == "/box" and second["id"] == box.container.id
    assert second["precpu_stats"] == first["cpu_stats"] and second["preread"] == first["read"]
    assert first["cpu_stats"]["cpu_usage"]["total_usage"] > 1_000_000
    assert first["cpu_stats"]["system_cpu_usage"] > first["cpu_stats"]["cpu_usage"]["total_usage"]
    assert first["memory_stats"]["limit"] == 64 * MEGABYTE
    assert 0 < first["memory_stats"]["usage"] < 64 * MEGABYTE
    assert first["pids_stats"] == {"current": 2, "limit": 50}
    assert first["networks"] == {} and "networks" not in read_stats("x", born.pid, networks=False)
    dead = read_stats(box.container.id, 0)
    assert dead["memory_stats"] == {} and dead["read"].startswith("0001")


async def test_top(yard: Yard) -> None:
    _, born = await yard.up("sh", "-c", "sleep 111 & sleep 222; true")
    await asyncio.sleep(0.2)
    table = await top(born.pid)
    assert table["Titles"][:3] == ["UID", "PID", "PPID"]
    assert sorted(row[-1] for row in table["Processes"]) == [
        "sh -c sleep 111 & sleep 222; true",
        "sleep 111",
        "sleep 222",
    ]
    brief = await top(born.pid, "-eo pid,comm")
    assert brief["Titles"] == ["PID", "COMMAND"] and len(brief["Processes"]) == 3
    with pytest.raises(InvalidInput, match="Couldn't find PID field"):
        await top(born.pid, "-eo comm")
    with pytest.raises(InvalidInput, match="error running ps"):
        await top(born.pid, "--nonsense")


async def test_update_of_what_does_not_run(yard: Yard) -> None:
    with pytest.raises(RuntimeFailed, match="is not running"):
        await yard.runtime.update("0" * 64, HostConfig(memory=MEGABYTE * 32))
