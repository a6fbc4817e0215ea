"""The kinds of store a lab can have: how each server is started, and how it says that it is ready."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import InvalidInput, Unavailable
from seaway.lab.plan import Place, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One server to be: its place, all servers' places, its folder and the further flags asked for."""

    place: Place
    all: tuple[Place, ...]
    folder: Path
    flags: tuple[str, ...] = ()
    program: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of store. ``says`` is what a server that is ready answers to ``ask`` on its ``port``."""

    scheme: str
    port: int
    program: Callable[[Plan], str]
    command: Callable[[Member], Sequence[str]]
    files: Callable[[Member], Mapping[str, str]]
    ask: str
    says: str

    def url(self, plan: Plan) -> str:
        """What the daemons are told."""
        return f"{self.scheme}://" + ",".join(f"{p.address}:{self.port}" for p in plan.store_places)


def _etcd(plan: Plan) -> str:
    return _found(plan, "etcd", "install Debian's etcd-server")


def _java(plan: Plan) -> str:
    if not _class_path():
        raise Unavailable("there is no ZooKeeper on this machine: install Debian's zookeeper")
    return _found(plan, "java", "install Debian's default-jre-headless")


def _consul(plan: Plan) -> str:
    named = plan.consul or os.environ.get("SEAWAY_CONSUL", "")
    if named:
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise InvalidInput(f"{named} is no program; --consul and SEAWAY_CONSUL take consul's path")
        return str(Path(named).resolve())
    built = Path("build/consul/consul")
    if os.access(built, os.X_OK):
        return str(built.resolve())
    return _found(plan, "consul", "name its path with --consul or SEAWAY_CONSUL")


def _found(plan: Plan, name: str, cure: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    if not path:
        raise Unavailable(
            f"store {plan.store} needs the program {name}, which is not on this machine: {cure}"
        )
    return path


def _etcd_command(member: Member) -> list[str]:
    me = member.place
    peers = ",".join(f"{p.name}=http://{p.address}:2380" for p in member.all)
    return [
        member.program,
        f"--name={me.name}",
        f"--data-dir={member.folder}",
        f"--listen-client-urls=http://{me.address}:2379,http://[{me.address6}]:2379,http://127.0.0.1:2379",
        f"--advertise-client-urls=http://{me.address}:2379",
        f"--listen-peer-urls=http://{me.address}:2380",
        f"--initial-advertise-peer-urls=http://{me.address}:2380",
        f"--initial-cluster={peers}",
        *member.flags,
    ]


def _consul_command(member: Member) -> list[str]:
    others = [p for p in member.all if p != member.place]
    return [
        member.program,
        "agent",
        "-server",
        f"-bootstrap-expect={len(member.all)}",
        f"-node={member.place.name}",
        f"-bind={member.place.address}",
        "-client=0.0.0.0",
        f"-data-dir={member.folder}",
        f"-config-file={member.folder / 'lab.json'}",
        *(f"-retry-join={p.address}" for p in others),
        *member.flags,
    ]


_CONSUL_FILE = """{
  "disable_update_check": true,
  "retry_interval": "1s",
  "limits": {"http_max_conns_per_client": 10000},
  "performance": {"raft_multiplier": 1}
}
"""


def _class_path() -> str:
    """Its jar, which names all others, and a configuration of its log where there is one."""
    for place in ("/usr/share/java/zookeeper.jar", "/usr/share/zookeeper/zookeeper.jar"):
        if Path(place).exists():
            return f"/etc/zookeeper/conf:{place}"
    return ""


def _zookeeper_command(member: Member) -> list[str]:
    return [
        member.program,
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-Dzookeeper.admin.enableServer=false",
        "-cp",
        _class_path(),
        *member.flags,
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        str(member.folder / "zoo.cfg"),
    ]


def _zookeeper_files(member: Member) -> dict[str, str]:
    lines = [
        "tickTime=1000",
        "initLimit=10",
        "syncLimit=5",
        f"dataDir={member.folder}",
        "clientPort=2181",
        "maxClientCnxns=0",
        "minSessionTimeout=2000",
        "maxSessionTimeout=120000",
        "4lw.commands.whitelist=*",
    ]
    if len(member.all) > 1:
        lines += [f"server.{n}={p.address}:2888:3888" for n, p in enumerate(member.all, 1)]
    number = member.all.index(member.place) + 1
    return {"zoo.cfg": "\n".join(lines) + "\n", "myid": f"{number}\n"}


STORES: Mapping[str, Kind] = {
    "etcd": Kind(
        scheme="etcd",
        port=2379,
        program=_etcd,
        command=_etcd_command,
        files=lambda _: {},
        ask="GET /health HTTP/1.0\r\n\r\n",
        says='"health":"true"',
    ),
    "consul": Kind(
        scheme="consul",
        port=8500,
        program=_consul,
        command=_consul_command,
        files=lambda _: {"lab.json": _CONSUL_FILE},
        ask="GET /v1/kv/?keys&consistent HTTP/1.0\r\n\r\n",
        says="X-Consul-Knownleader: true",
    ),
    "zookeeper": Kind(
        scheme="zk",
        port=2181,
        program=_java,
        command=_zookeeper_command,
        files=_zookeeper_files,
        ask="srvr\n",
        says="Mode: ",
    ),
}
"""Every kind of store a lab can have, beside ``none``."""
