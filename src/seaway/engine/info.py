"""What the engine says of itself and of its host."""

import os
import time
from typing import TYPE_CHECKING, Any

from seaway.drivers.table import DRIVERS
from seaway.engine import host

if TYPE_CHECKING:
    from seaway.engine.engine import Engine


def info(engine: "Engine") -> dict[str, Any]:
    """System facts under their own names; the API renders Docker's keys from them."""
    containers = list(engine.facts.containers.values())
    uname = os.uname()
    unified = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
    return {
        "id": engine.id,
        "name": uname.nodename,
        "containers": len(containers),
        "running": sum(c.state.status == "running" for c in containers),
        "paused": sum(c.state.status == "paused" for c in containers),
        "stopped": sum(not c.state.running for c in containers),
        "images": engine.images.count(),
        "networks": len(engine.facts.networks),
        "network_drivers": tuple(DRIVERS),
        "root": str(engine.settings.data_root),
        "exec_root": str(engine.settings.exec_root),
        "labels": list(engine.settings.labels),
        "default_runtime": engine.settings.default_runtime,
        "runtimes": dict(engine.settings.runtimes),
        "cgroup_version": "2" if unified else "1",
        "kernel": uname.release,
        "architecture": uname.machine,
        "operating_system": host.operating_system(),
        "cpus": os.cpu_count() or 1,
        "memory": host.memory(),
        "mtu": engine.facts.node.mtu,
        "ip_forward": engine.settings.ip_forward,
        "listeners": engine.events.listeners,
        "fds": len(os.listdir("/proc/self/fd")),
        "repairs": engine.settler.repairs,
        "time": time.time_ns(),
        "pools": list(engine.settings.pools),
        "mirrors": engine.settings.registry_mirrors,
        "insecure": ("::1/128", "127.0.0.0/8"),
        "warnings": engine.warnings,
        "insecure_hosts": engine.settings.insecure_registries,
        **_cluster(engine),
    }


def _cluster(engine: "Engine") -> dict[str, Any]:
    """The cluster, on a host that is in one."""
    told = engine.settings.cluster
    return {} if told is None else {"cluster_store": told.url, "cluster": engine.nodes.view()}
