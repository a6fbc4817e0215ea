"""The flags of ``run`` and ``create`` in one table: how each is written, and where it goes in the request."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from seaway.cli import complete
from seaway.cli.failures import Failed
from seaway.cli.pairs import mapping

_SIZE = re.compile(r"(-?\d+(?:\.\d+)?)\s*([bkmgtp]?)i?b?", re.IGNORECASE)
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}


def wrong(flag: str, value: str, allowed: str) -> Failed:
    """The error for a value that will not do, with docker's status."""
    return Failed(f'invalid argument "{value}" for "{flag}" flag: must be {allowed}', leave=125)


def size(text: str) -> int:
    """Bytes from ``512m`` and the like."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a size in bytes, or with b, k, m or g behind it")
    return int(float(match[1]) * 1024 ** "bkmgtp".index(match[2].lower() or "b"))


def nanoseconds(text: str) -> int:
    """Nanoseconds from ``1m30s`` and the like."""
    if text == "0":
        return 0
    if not text or _STEP.sub("", text):
        raise ValueError("a duration such as 30s or 1m30s")
    return int(sum(float(number) * _NANOSECONDS[unit] for number, unit in _STEP.findall(text)))


def cpus(text: str) -> int:
    """Docker's NanoCpus from a number of CPUs."""
    try:
        return round(float(text) * 1e9)
    except ValueError:
        raise ValueError("a number of CPUs, such as 1.5") from None


def number(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def restart(text: str) -> dict[str, Any]:
    """A restart policy from ``on-failure:3`` and the like."""
    name, _, count = text.partition(":")
    if count and (name != "on-failure" or not count.isdigit()):
        raise ValueError("no, always, unless-stopped or on-failure[:count]")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def capability(text: str) -> str:
    """A capability's full name, as docker's command line sends it."""
    name = text.upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def ulimit(text: str) -> dict[str, Any]:
    """A limit from ``nofile=1024:2048``."""
    match = re.fullmatch(r"([a-z]+)=(-?\d+)(?::(-?\d+))?", text)
    if match is None:
        raise ValueError("name=soft[:hard], such as nofile=1024:2048")
    return {"Name": match[1], "Soft": int(match[2]), "Hard": int(match[3] or match[2])}


def device(text: str) -> dict[str, str]:
    """A device from ``/dev/here[:/dev/there[:rwm]]``."""
    here, _, rest = text.partition(":")
    there, _, mode = rest.partition(":")
    if there and not there.startswith("/"):
        there, mode = "", there
    if not here.startswith("/") or not re.fullmatch("[rwm]*", mode):
        raise ValueError("/dev/here[:/dev/there[:rwm]]")
    return {"PathOnHost": here, "PathInContainer": there or here, "CgroupPermissions": mode or "rwm"}


def throttle(text: str) -> dict[str, Any]:
    """A device's limit from ``/dev/sda:1mb``."""
    path, _, rate = text.partition(":")
    if not path.startswith("/dev/"):
        raise ValueError("/dev/device:number")
    return {"Path": path, "Rate": size(rate)}


def weight(text: str) -> dict[str, Any]:
    """A device's weight from ``/dev/sda:500``."""
    path, _, value = text.partition(":")
    return {"Path": path, "Weight": number(value)}


def host_entry(text: str) -> str:
    """``host:address`` or ``host=address``, sent with a colon."""
    match = re.fullmatch(r"([^:=]+)[:=]\[?([^\]]+)\]?", text)
    if match is None:
        raise ValueError("host:address")
    return f"{match[1]}:{match[2]}"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. ``path`` is its place in the request, as ``HostConfig.Memory``; empty: handled by hand.

    ``read`` turns one text into the API's value; ``many`` flags may be repeated, and are a list, or a
    mapping when ``read`` is ``mapping``.
    """

    names: str
    help: str
    path: str = ""
    read: Callable[[str], Any] | Callable[[Sequence[str]], Any] = str
    many: bool = False
    switch: bool = False
    complete: Callable[..., list[str]] | None = None

    @property
    def name(self) -> str:
        """The name among the command's parameters."""
        return self.long.lstrip("-").replace("-", "_")

    @property
    def long(self) -> str:
        """The long form (the first of them)."""
        return next(name for name in self.names.split() if name.startswith("--"))


def _s(names: str, path: str, help: str) -> Flag:
    return Flag(names, help, path, switch=True)


def _l(names: str, path: str, help: str, read: Any = str) -> Flag:
    return Flag(names, help, path, read, many=True)


H = "HostConfig."

PROCESS = (
    Flag("--entrypoint", "Overwrite the default ENTRYPOINT of the image"),
    Flag("-w --workdir", "Working directory inside the container", "WorkingDir"),
    Flag("-u --user", "Username or UID (format: <name|uid>[:<group|gid>])", "User"),
    _l("-e --env", "", "Set environment variables"),
    _l("--env-file", "", "Read in a file of environment variables"),
    _s("-t --tty", "Tty", "Allocate a pseudo-TTY"),
    _s("-i --interactive", "OpenStdin", "Keep STDIN open even if not attached"),
    _l("-a --attach", "", "Attach to STDIN, STDOUT or STDERR"),
    _l("-l --label", "", "Set meta data on a container"),
    _l("--label-file", "", "Read in a line delimited file of labels"),
    Flag("--stop-signal", "Signal to stop the container", "StopSignal"),
    Flag("--stop-timeout", "Timeout (in seconds) to stop a container", "StopTimeout", number),
    _l("--annotation", H + "Annotations", "Add an annotation to the container", mapping),
    Flag("--health-cmd", "Command to run to check health"),
    Flag("--health-interval", "Time between running the check", "Healthcheck.Interval", nanoseconds),
    Flag("--health-retries", "Failures needed to report unhealthy", "Healthcheck.Retries", number),
    Flag("--health-start-interval", "Time between checks at first", "Healthcheck.StartInterval", nanoseconds),
    Flag("--health-start-period", "Time before failures count", "Healthcheck.StartPeriod", nanoseconds),
    Flag("--health-timeout", "Time to allow one check to run", "Healthcheck.Timeout", nanoseconds),
    _s("--no-healthcheck", "", "Disable any container-specified HEALTHCHECK"),
)

NETWORK = (
    Flag("--network --net", "Connect a container to a network", many=True, complete=complete.networks),
    Flag("--ip", "IPv4 address (e.g., 172.30.100.104)"),
    Flag("--ip6", "IPv6 address (e.g., 2001:db8::33)"),
    Flag("--mac-address", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    _l("--network-alias --net-alias", "", "Add network-scoped alias for the container"),
    _l("--link", "", "Add link to another container"),
    _l("--link-local-ip", "", "Container IPv4/IPv6 link-local addresses"),
    _l("-p --publish", "", "Publish a container's port(s) to the host"),
    _s("-P --publish-all", H + "PublishAllPorts", "Publish all exposed ports to random ports"),
    _l("--expose", "", "Expose a port or a range of ports"),
    _l("--dns", H + "Dns", "Set custom DNS servers"),
    _l("--dns-option --dns-opt", H + "DnsOptions", "Set DNS options"),
    _l("--dns-search", H + "DnsSearch", "Set custom DNS search domains"),
    _l("--add-host", H + "ExtraHosts", "Add a custom host-to-IP mapping (host:ip)", host_entry),
    Flag("-h --hostname", "Container host name", "Hostname"),
    Flag("--domainname", "Container NIS domain name", "Domainname"),
)

FILES = (
    _l("-v --volume", "", "Bind mount a volume"),
    _l("--mount", "", "Attach a filesystem mount to the container"),
    _l("--tmpfs", "", "Mount a tmpfs directory"),
    _l("--volumes-from", H + "VolumesFrom", "Mount volumes from the specified container(s)"),
    Flag("--volume-driver", "Optional volume driver for the container", H + "VolumeDriver"),
    _s("--read-only", H + "ReadonlyRootfs", "Mount the container's root filesystem as read only"),
    Flag("--shm-size", "Size of /dev/shm", H + "ShmSize", size),
    _l("--storage-opt", H + "StorageOpt", "Storage driver options for the container", mapping),
    _l("--device", H + "Devices", "Add a host device to the container", device),
    _l("--device-cgroup-rule", H + "DeviceCgroupRules", "Add a rule to the cgroup allowed devices list"),
)

LIMITS = (
    Flag("-m --memory", "Memory limit", H + "Memory", size),
    Flag("--memory-reservation", "Memory soft limit", H + "MemoryReservation", size),
    Flag("--memory-swap", "Memory plus swap; -1 for unlimited swap", H + "MemorySwap", size),
    Flag("--memory-swappiness", "Tune memory swappiness (0 to 100)", H + "MemorySwappiness", number),
    Flag("--kernel-memory", "Kernel memory limit", H + "KernelMemory", size),
    Flag("--cpus", "Number of CPUs", H + "NanoCpus", cpus),
    Flag("-c --cpu-shares", "CPU shares (relative weight)", H + "CpuShares", number),
    Flag("--cpu-period", "Limit CPU CFS period", H + "CpuPeriod", number),
    Flag("--cpu-quota", "Limit CPU CFS quota", H + "CpuQuota", number),
    Flag("--cpu-rt-period", "Limit CPU real-time period", H + "CpuRealtimePeriod", number),
    Flag("--cpu-rt-runtime", "Limit CPU real-time runtime", H + "CpuRealtimeRuntime", number),
    Flag("--cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)", H + "CpusetCpus"),
    Flag("--cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)", H + "CpusetMems"),
    Flag("--pids-limit", "Tune container pids limit (set -1 for unlimited)", H + "PidsLimit", number),
    Flag("--blkio-weight", "Block IO weight, 10 to 1000", H + "BlkioWeight", number),
    _l("--blkio-weight-device", H + "BlkioWeightDevice", "Block IO weight of a device", weight),
    _l("--device-read-bps", H + "BlkioDeviceReadBps", "Limit read rate from a device", throttle),
    _l("--device-write-bps", H + "BlkioDeviceWriteBps", "Limit write rate to a device", throttle),
    _l("--device-read-iops", H + "BlkioDeviceReadIOps", "Limit reads per second", throttle),
    _l("--device-write-iops", H + "BlkioDeviceWriteIOps", "Limit writes per second", throttle),
    _l("--ulimit", H + "Ulimits", "Ulimit options", ulimit),
    _s("--oom-kill-disable", H + "OomKillDisable", "Disable OOM Killer"),
    Flag("--oom-score-adj", "Tune host's OOM preferences (-1000 to 1000)", H + "OomScoreAdj", number),
    Flag("--cgroup-parent", "Optional parent cgroup for the container", H + "CgroupParent"),
)

POWERS = (
    _s("--privileged", H + "Privileged", "Give extended privileges to this container"),
    _l("--cap-add", H + "CapAdd", "Add Linux capabilities", capability),
    _l("--cap-drop", H + "CapDrop", "Drop Linux capabilities", capability),
    _l("--security-opt", H + "SecurityOpt", "Security options"),
    _l("--group-add", H + "GroupAdd", "Add additional groups to join"),
    _l("--sysctl", H + "Sysctls", "Sysctl options", mapping),
    Flag("--pid", "PID namespace to use", H + "PidMode"),
    Flag("--ipc", "IPC mode to use", H + "IpcMode"),
    Flag("--uts", "UTS namespace to use", H + "UTSMode"),
    Flag("--userns", "User namespace to use", H + "UsernsMode"),
    Flag("--cgroupns", "Cgroup namespace to use (host|private)", H + "CgroupnsMode"),
)

LIFE = (
    Flag("--name", "Assign a name to the container"),
    Flag("--restart", "Restart policy to apply when a container exits", H + "RestartPolicy", restart),
    _s("--rm", H + "AutoRemove", "Automatically remove the container when it exits"),
    _s("--init", "", "Run an init inside the container that forwards signals and reaps processes"),
    Flag("--runtime", "Runtime to use for this container", H + "Runtime"),
    Flag("--isolation", "Container isolation technology", H + "Isolation"),
    Flag("--log-driver", "Logging driver for the container", H + "LogConfig.Type"),
    _l("--log-opt", H + "LogConfig.Config", "Log driver options", mapping),
    Flag("--cidfile", "Write the container ID to the file"),
    Flag("--platform", "Set platform if server is multi-platform capable"),
    Flag("--pull", 'Pull image before running ("always", "missing", "never")'),
    _s("-q --quiet", "", "Suppress the pull output"),
    _s("--disable-content-trust", "", "Skip image verification (always so)"),
)

FLAGS: tuple[Flag, ...] = (*PROCESS, *NETWORK, *FILES, *LIMITS, *POWERS, *LIFE)


def option(flag: Flag) -> click.Option:
    """A row as click's option."""
    names = [*flag.names.split(), flag.name]
    if flag.switch:
        return click.Option(names, is_flag=True, flag_value=True, default=None, help=flag.help)
    metavar = "list" if flag.many else "string"
    return click.Option(
        names, multiple=flag.many, metavar=metavar, help=flag.help, shell_complete=flag.complete
    )


def value(flag: Flag, given: Any) -> Any:
    """What was given as the API's value. Raises Failed with the flag's name."""
    text = given if isinstance(given, str) else ",".join(given) if isinstance(given, tuple) else ""
    try:
        if flag.read is mapping:
            return mapping(given)
        read: Callable[[str], Any] = flag.read
        return given if flag.switch else [read(one) for one in given] if flag.many else read(given)
    except ValueError as error:
        raise wrong(flag.long, text, str(error)) from error
