"""What a container cannot ask of a host is refused when it is created, in Docker's words."""

import re

import pytest

from seaway.engine import bounds
from seaway.errors import InvalidInput, NotFound
from seaway.model import Config, HostConfig
from seaway.model.container import Health, LogConfig
from seaway.model.image import Image
from tests.unit.engine.house import House

PLACE = bounds.Place(cpus="0-1", nodes="0", count=2)
M = 1 << 20


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(memory=M), "Minimum memory limit allowed is 6MB"),
        (HostConfig(memory=100 * M, memory_swap=50 * M), "Minimum memoryswap limit should be larger"),
        (HostConfig(memory_swap=50 * M), "You should always set the Memory limit when using Memoryswap"),
        (HostConfig(memory=8 * M, memory_reservation=9 * M), "less than memory reservation limit"),
        (HostConfig(memory_reservation=M), "Minimum memory reservation allowed is 6MB"),
        (HostConfig(memory_swappiness=101), "Invalid value: 101, valid memory swappiness range is 0-100"),
        (HostConfig(shm_size=-1), "SHM size can not be less than 0"),
        (HostConfig(nano_cpus=3_000_000_000), "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs"),
        (HostConfig(nano_cpus=-1), "range of CPUs is from 0.01 to 2.00"),
        (HostConfig(nano_cpus=10**9, cpu_period=10**5), "Nano CPUs and CPU Period cannot both be set"),
        (HostConfig(nano_cpus=10**9, cpu_quota=10**5), "Nano CPUs and CPU Quota cannot both be set"),
        (HostConfig(cpu_period=10), "CPU cfs period can not be less than 1ms"),
        (HostConfig(cpu_quota=10), "CPU cfs quota can not be less than 1ms"),
        (HostConfig(cpu_shares=-5), "invalid CPU shares (-5)"),
        (HostConfig(cpuset_cpus="0-2"), "Requested CPUs are not available - requested 0-2, available: 0-1"),
        (HostConfig(cpuset_cpus="one"), "Invalid value one for cpuset cpus"),
        (HostConfig(cpuset_cpus="0-99999999999"), "Invalid value 0-99999999999 for cpuset cpus"),
        (HostConfig(cpuset_mems="7"), "Requested memory nodes are not available - requested 7, available: 0"),
        (HostConfig(oom_score_adj=1001), "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        (HostConfig(blkio_weight=5), "Range of blkio weight is from 10 to 1000"),
        (HostConfig(storage_opt={"size": "1g"}), "--storage-opt is supported only for overlay over xfs"),
        (HostConfig(device_requests=({"Capabilities": [["gpu"]]},)), "could not select device driver"),
        (HostConfig(security_opt=("nosuch=x",)), 'invalid --security-opt: "nosuch=x"'),
        (HostConfig(ipc_mode="nosuch"), "invalid IPC mode: nosuch"),
        (HostConfig(ipc_mode="container:"), "invalid IPC mode: container:"),
        (HostConfig(pid_mode="private"), "invalid PID mode: private"),
        (HostConfig(uts_mode="container:x"), "invalid UTS mode: container:x"),
        (HostConfig(cgroupns_mode="nosuch"), "invalid cgroup namespace mode: nosuch"),
        (HostConfig(isolation="hyperv"), "invalid isolation 'hyperv' on linux"),
        (HostConfig(log_config=LogConfig(config={"nosuch": "1"})), "unknown log opt 'nosuch' for json-file"),
        (HostConfig(log_config=LogConfig(config={"max-size": "abc"})), "invalid size: 'abc'"),
        (HostConfig(log_config=LogConfig(config={"max-size": "infk"})), "invalid size: 'infk'"),
        (
            HostConfig(log_config=LogConfig(type="local", config={"tag": "x"})),
            "log opt 'tag' for local",
        ),
    ],
)
def test_refused_of_the_host(host: HostConfig, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        bounds.check(Config(), host, PLACE)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Config(stop_signal="SIGFOO"), "Invalid signal: SIGFOO"),
        (Config(env=("A=1", "=x")), "invalid environment variable: =x"),
        (Config(healthcheck=Health(interval=1)), "Interval in Healthcheck cannot be less than 1ms"),
        (Config(healthcheck=Health(start_interval=-1)), "StartInterval in Healthcheck cannot be less"),
        (Config(healthcheck=Health(retries=-1)), "Retries in Healthcheck cannot be negative"),
    ],
)
def test_refused_of_the_container(config: Config, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        bounds.check(config, HostConfig(), PLACE)


def test_a_volume_plugin_that_is_not_here_is_not_found() -> None:
    with pytest.raises(NotFound, match='plugin "foo" not found'):
        bounds.check(Config(), HostConfig(volume_driver="foo"), PLACE)


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(),
        HostConfig(memory=6 * M, memory_swap=-1, memory_swappiness=-1, memory_reservation=6 * M),
        HostConfig(nano_cpus=2 * 10**9, cpuset_cpus="0,1", cpuset_mems="0", oom_score_adj=-1000),
        HostConfig(cpu_period=1000, cpu_quota=-1, blkio_weight=10),
        HostConfig(ipc_mode="container:x", pid_mode="container:x", uts_mode="host", cgroupns_mode="host"),
        HostConfig(security_opt=("no-new-privileges", "seccomp=unconfined", "label:disable")),
        HostConfig(log_config=LogConfig(type="none", config={"whatever": "1"})),
        HostConfig(log_config=LogConfig(config={"mode": "non-blocking", "max-size": "-1", "max-file": "3"})),
    ],
)
def test_what_can_be_passes(host: HostConfig) -> None:
    bounds.check(Config(env=("A", "B=")), host, PLACE)


@pytest.mark.parametrize("asked", ["", "linux", "linux/arm64", "Linux/aarch64", "linux/arm64/v8"])
def test_a_platform_that_is_the_images(asked: str) -> None:
    bounds.check_platform(asked, "box", Image(id="x", architecture="arm64"))


@pytest.mark.parametrize("asked", ["windows/arm64", "linux/amd64", "linux/arm64/v7"])
def test_a_platform_that_is_not(asked: str) -> None:
    words = f"box was found but does not match the specified platform: wanted {asked}, actual: linux/arm64"
    with pytest.raises(NotFound, match=words):
        bounds.check_platform(asked, "box", Image(id="x", architecture="arm64", variant="v8"))


def test_this_host_has_what_it_says() -> None:
    here = bounds.here()
    last = here.cpus.rpartition("-")[2].rpartition(",")[2]
    bounds.check(Config(), HostConfig(nano_cpus=here.count * 10**9, cpuset_cpus=last), here)


async def test_create_and_update_ask(house: House) -> None:
    await house.container("cc")
    with pytest.raises(InvalidInput, match="range of CPUs"):
        await house.engine.containers.update("cc", {"NanoCpus": 10**15})
