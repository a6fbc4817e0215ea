"""Every option of the daemon, on the command line and in the file, in one table.

Names, plurals and meanings are dockerd's. A row with a ``field`` sets that field of Settings. A row
without one is accepted with a warning that says why it changes nothing here: scripts and test suites
start daemons with such flags. Rows marked ``refused`` would silently weaken a protection that the
user asked for, so they stop the start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seaway.daemon import cluster, kinds, values
from seaway.daemon.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: its flag, its key in the file when that differs, and what it sets."""

    flag: str
    kind: Kind
    help: str
    short: str = ""
    key: str = ""
    field: str = ""
    check: Callable[[Any], Any] = values.anything
    why: str = ""
    refused: bool = False

    @property
    def name(self) -> str:
        """The key in the configuration file, dockerd's: the flag's name or its plural."""
        return self.key or self.flag


def _sets(flag: str, kind: Kind, field: str, help: str, **more: Any) -> Option:
    return Option(flag=flag, kind=kind, field=field, help=help, **more)


def _idle(flag: str, kind: Kind, why: str, **more: Any) -> Option:
    return Option(flag=flag, kind=kind, help=f"Accepted, changes nothing: {why}.", why=why, **more)


def _refused(flag: str, kind: Kind, why: str, **more: Any) -> Option:
    return Option(flag=flag, kind=kind, help=f"Refused: {why}.", why=why, refused=True, **more)


PROCESS = (
    _sets(
        "host",
        kinds.LIST,
        "hosts",
        "Socket(s) to listen on (default unix://<exec-root>/seaway.sock)",
        short="H",
        key="hosts",
        check=values.each(values.host),
    ),
    _sets(
        "data-root",
        kinds.TEXT,
        "data_root",
        "Directory of what must persist (default /var/lib/seaway)",
        check=values.absolute,
    ),
    _sets(
        "exec-root",
        kinds.TEXT,
        "exec_root",
        "Directory of what lives until reboot (default /run/seaway)",
        check=values.absolute,
    ),
    _sets(
        "pidfile",
        kinds.TEXT,
        "pidfile",
        "File of the process ID (default <exec-root>/seaway.pid)",
        short="p",
        check=values.absolute,
    ),
    _sets(
        "group",
        kinds.TEXT,
        "group",
        "Group of the unix socket (default seaway)",
        short="G",
        check=values.group,
    ),
    _sets(
        "label",
        kinds.LIST,
        "labels",
        "key=value labels of this daemon",
        key="labels",
        check=values.each(values.label),
    ),
    _sets(
        "log-level",
        kinds.TEXT,
        "log_level",
        "debug, info, warn, error or fatal (default info)",
        short="l",
        check=values.one_of(*values.LEVELS),
    ),
    _sets(
        "log-format",
        kinds.TEXT,
        "log_format",
        "text or json (default text)",
        check=values.one_of("text", "json"),
    ),
    _sets("debug", kinds.BOOL, "debug", "The same as --log-level debug", short="D"),
    _sets(
        "shutdown-timeout",
        kinds.NUMBER,
        "shutdown_timeout",
        "Seconds given to a clean stop (default 15)",
        check=values.between(-1, 86400),
    ),
    _sets("tls", kinds.BOOL, "tls", "Use TLS; implied by --tlsverify"),
    _sets("tlsverify", kinds.BOOL, "tlsverify", "Use TLS and verify the clients"),
    _sets("tlscacert", kinds.TEXT, "tlscacert", "Trust clients whose certificate this CA signed"),
    _sets("tlscert", kinds.TEXT, "tlscert", "Path to the TLS certificate"),
    _sets("tlskey", kinds.TEXT, "tlskey", "Path to the TLS key"),
)

NETWORK = (
    _sets(
        "bridge",
        kinds.TEXT,
        "bridge",
        'Device of the default bridge; "none" for no default bridge',
        short="b",
    ),
    _sets(
        "bip",
        kinds.TEXT,
        "bip",
        "IPv4 address of the default bridge, with prefix length",
        check=values.interface(4),
    ),
    _sets(
        "bip6",
        kinds.TEXT,
        "bip6",
        "IPv6 address of the default bridge, with prefix length",
        check=values.interface(6),
    ),
    _sets(
        "fixed-cidr",
        kinds.TEXT,
        "fixed_cidr",
        "IPv4 range to take the default bridge's addresses from",
        check=values.subnet(4),
    ),
    _sets(
        "fixed-cidr-v6",
        kinds.TEXT,
        "fixed_cidr_v6",
        "IPv6 range to take the default bridge's addresses from",
        check=values.subnet(6),
    ),
    _sets(
        "default-gateway",
        kinds.TEXT,
        "default_gateway",
        "IPv4 gateway of the default bridge's containers",
        check=values.address(4),
    ),
    _sets(
        "default-gateway-v6",
        kinds.TEXT,
        "default_gateway_v6",
        "IPv6 gateway of the default bridge's containers",
        check=values.address(6),
    ),
    _sets("mtu", kinds.NUMBER, "mtu", "MTU of the default bridge (default: the uplink's)", check=values.mtu),
    _sets("ipv6", kinds.BOOL, "ipv6", "Give the default bridge IPv6"),
    _sets(
        "default-address-pool",
        kinds.POOLS,
        "pools",
        "Where new networks take subnets from: base=…,size=…",
        key="default-address-pools",
        check=values.each(values.pool),
    ),
    _sets(
        "default-network-opt",
        kinds.NETWORK_OPTS,
        "default_network_opts",
        "Default options of new networks",
        key="default-network-opts",
    ),
    _sets("icc", kinds.BOOL, "icc", "Let containers on the default bridge talk to each other (default true)"),
    _sets(
        "ip", kinds.TEXT, "ip", "Address that published ports bind to (default: all)", check=values.default_ip
    ),
    _sets("ip-forward", kinds.BOOL, "ip_forward", "Switch on forwarding of packets (default true)"),
    _sets("ip-masq", kinds.BOOL, "ip_masq", "Masquerade what containers send out (default true)"),
    _sets("userland-proxy", kinds.BOOL, "userland_proxy", "Relay where NAT cannot serve (default true)"),
    _sets(
        "host-gateway-ip",
        kinds.TEXT,
        "host_gateway_ip",
        "What host-gateway in --add-host stands for",
        check=values.address(4, 6),
    ),
    _sets("dns", kinds.LIST, "dns", "DNS servers of containers", check=values.each(values.address(4, 6))),
    _sets(
        "dns-search",
        kinds.LIST,
        "dns_search",
        "DNS search domains of containers",
        check=values.each(values.domain),
    ),
    _sets("dns-opt", kinds.LIST, "dns_options", "DNS options of containers", key="dns-opts"),
)

CLUSTER = (
    _sets(
        "cluster-store",
        kinds.TEXT,
        "cluster_store",
        "The cluster's store: etcd://, consul:// or zk://HOST:PORT[,HOST:PORT…][/PREFIX]",
    ),
    _sets(
        "cluster-advertise",
        kinds.TEXT,
        "cluster_advertise",
        "This host's own address in the cluster: IP, interface or host name; a port behind it is shown only",
    ),
    _sets(
        "cluster-store-opt",
        kinds.MAP,
        "cluster_store_opts",
        "key=value options of the store and of this host's lease",
        key="cluster-store-opts",
    ),
    _sets(
        "data-path-port",
        kinds.NUMBER,
        "data_path_port",
        "UDP port of VXLAN between hosts (default 4789)",
        check=cluster.data_path_port,
    ),
)

CONTAINERS = (
    _sets(
        "add-runtime", kinds.RUNTIMES, "runtimes", "Make another OCI runtime known: name=path", key="runtimes"
    ),
    _sets("default-runtime", kinds.TEXT, "default_runtime", "OCI runtime of new containers (default runc)"),
    _sets("cgroup-parent", kinds.TEXT, "cgroup_parent", "Parent cgroup of all containers"),
    _sets("init", kinds.BOOL, "init", "Run an init in every container"),
    _sets("default-shm-size", kinds.BYTES, "default_shm_size", "Size of /dev/shm (default 64M)"),
    _sets(
        "default-ulimit",
        kinds.ULIMITS,
        "default_ulimits",
        "Resource limits: name=soft[:hard]",
        key="default-ulimits",
    ),
    _sets(
        "log-driver",
        kinds.TEXT,
        "log_driver",
        "json-file, local or none (default json-file)",
        check=values.one_of("json-file", "local", "none"),
    ),
    _sets("log-opt", kinds.MAP, "log_opts", "Options of container logs: max-size, max-file", key="log-opts"),
    _sets(
        "registry-mirror",
        kinds.LIST,
        "registry_mirrors",
        "Ask these registries first",
        key="registry-mirrors",
    ),
    _sets(
        "insecure-registry",
        kinds.LIST,
        "insecure_registries",
        "Registries without TLS",
        key="insecure-registries",
    ),
    _sets("http-proxy", kinds.TEXT, "http_proxy", "HTTP proxy for pulls"),
    _sets("https-proxy", kinds.TEXT, "https_proxy", "HTTPS proxy for pulls"),
    _sets("no-proxy", kinds.TEXT, "no_proxy", "Hosts that are reached without the proxy"),
)

_NFT = "packets are filtered by an nftables table of Seaway's own"
_CONTAINERD = "containers run without containerd"
_SWARM = "there is no swarm"
_STORAGE = "images are unpacked onto overlayfs, always"

IDLE = (
    _idle("allow-direct-routing", kinds.BOOL, _NFT),
    _idle("bridge-accept-fwmark", kinds.TEXT, _NFT),
    _idle("cdi-spec-dir", kinds.LIST, "CDI devices are not served", key="cdi-spec-dirs"),
    _idle("containerd", kinds.TEXT, _CONTAINERD),
    _idle("containerd-namespace", kinds.TEXT, _CONTAINERD),
    _idle("containerd-plugins-namespace", kinds.TEXT, _CONTAINERD),
    _idle("cri-containerd", kinds.BOOL, _CONTAINERD),
    _idle("cpu-rt-period", kinds.NUMBER, "real-time scheduling is left to the host"),
    _idle("cpu-rt-runtime", kinds.NUMBER, "real-time scheduling is left to the host"),
    _idle("default-cgroupns-mode", kinds.TEXT, "the OCI runtime's default holds"),
    _idle("default-ipc-mode", kinds.TEXT, "the OCI runtime's default holds"),
    _idle("exec-opt", kinds.LIST, "the OCI runtime's cgroup driver holds", key="exec-opts"),
    _idle("experimental", kinds.BOOL, "nothing is experimental"),
    _idle("feature", kinds.ANY, "Seaway has no feature switches", key="features"),
    _idle("firewall-backend", kinds.TEXT, _NFT),
    _idle("init-path", kinds.TEXT, "catatonit is the init"),
    _idle("ip-forward-no-drop", kinds.BOOL, "Seaway never sets a policy of the host"),
    _idle("ip6tables", kinds.BOOL, _NFT),
    _idle("iptables", kinds.BOOL, _NFT),
    _idle("live-restore", kinds.BOOL, "containers always outlive the daemon"),
    _idle("max-concurrent-downloads", kinds.NUMBER, "skopeo decides"),
    _idle("max-concurrent-uploads", kinds.NUMBER, "images are not pushed"),
    _idle("max-download-attempts", kinds.NUMBER, "skopeo decides"),
    _idle("metrics-addr", kinds.TEXT, "there is no metrics server"),
    _idle("network-control-plane-mtu", kinds.NUMBER, _SWARM),
    _idle("node-generic-resource", kinds.LIST, _SWARM, key="node-generic-resources"),
    _idle("oom-score-adjust", kinds.NUMBER, "the service manager sets it"),
    _idle("raw-logs", kinds.BOOL, "logs are always raw"),
    _idle("seccomp-profile", kinds.TEXT, "the OCI runtime's profile holds"),
    _idle("selinux-enabled", kinds.BOOL, "SELinux labels are not set"),
    _idle("storage-driver", kinds.TEXT, _STORAGE, short="s"),
    _idle("storage-opt", kinds.LIST, _STORAGE, key="storage-opts"),
    _idle("swarm-default-advertise-addr", kinds.TEXT, _SWARM),
    _idle("userland-proxy-path", kinds.TEXT, "the relay is part of Seaway"),
)

REFUSED = (
    _refused(
        "authorization-plugin", kinds.LIST, "requests would not be authorized", key="authorization-plugins"
    ),
    _refused("no-new-privileges", kinds.BOOL, "give --security-opt no-new-privileges to each container"),
    _refused("rootless", kinds.BOOL, "the daemon needs root"),
    _refused("userns-remap", kinds.TEXT, "users of containers would not be remapped"),
)

OPTIONS: tuple[Option, ...] = (*PROCESS, *NETWORK, *CLUSTER, *CONTAINERS, *IDLE, *REFUSED)

FILE_ONLY = {"builder": "images are not built here"}
"""Keys that dockerd's file may have and its command line not: why they change nothing."""
