"""The options of a cluster, together: all of them make sense, or the daemon does not start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seaway.daemon.values import between, duration, refuse
from seaway.errors import InvalidInput
from seaway.store.cluster_settings import TTL, VXLAN_PORT, ClusterSettings
from seaway.store.place import Place, place

FIELDS = ("cluster_store", "cluster_advertise", "cluster_store_opts", "data_path_port")
"""What the table of options sets for a cluster, and ``cluster`` takes together."""

TIMES = ("discovery.ttl", "discovery.heartbeat", "seaway.retention")
"""Store options that are not the store's business."""

STORE_OPTIONS = (
    "kv.cacertfile",
    "kv.certfile",
    "kv.keyfile",
    "kv.user",
    "kv.password",
    "kv.token",
    "kv.path",
    *TIMES,
)
"""All store options there are."""

BEATS = 3
"""Signs of life in one time to live, Docker's factor."""

SHORTEST_TTL, LONGEST_TTL = 3.0, 3600.0
SHORTEST_HEARTBEAT = 0.1


def cluster(given: Mapping[str, Any]) -> ClusterSettings | None:
    """The cluster that the values of ``FIELDS`` tell of, None when they tell of none.

    Raises InvalidInput with what is wrong or missing.
    """
    options = given.get("cluster_store_opts", {})
    if "cluster_store" not in given:
        _refuse_alone(given)
        return None
    url, advertise = given["cluster_store"], given.get("cluster_advertise", "").strip()
    store = _store(url, options)
    if not advertise:
        raise InvalidInput(
            "--cluster-store needs --cluster-advertise: say which address the other hosts reach this one at, "
            "such as --cluster-advertise 192.168.1.21 or --cluster-advertise eth0"
        )
    ttl, heartbeat = _lease(options)
    return ClusterSettings(
        store=store,
        url=hidden(url),
        advertise=advertise,
        ttl=ttl,
        heartbeat=heartbeat,
        retention=_seconds(options, "seaway.retention") or 0.0,
        vxlan_port=given.get("data_path_port", VXLAN_PORT),
    )


def _refuse_alone(given: Mapping[str, Any]) -> None:
    flags = {
        "cluster_advertise": "--cluster-advertise",
        "cluster_store_opts": "--cluster-store-opt",
        "data_path_port": "--data-path-port",
    }
    for field, flag in flags.items():
        if given.get(field):
            raise InvalidInput(
                f"{flag} needs --cluster-store: say where the cluster's store is, "
                "such as --cluster-store etcd://192.168.1.18:2379"
            )


def _store(url: str, options: Mapping[str, str]) -> Place:
    unknown = sorted(set(options) - set(STORE_OPTIONS))
    if unknown:
        raise InvalidInput(
            f"--cluster-store-opt: unknown option {unknown[0]}; known are {', '.join(STORE_OPTIONS)}"
        )
    empty = sorted(name for name, value in options.items() if not value and name != "kv.path")
    if empty:
        raise InvalidInput(f"--cluster-store-opt {empty[0]}: a value is missing; write {empty[0]}=VALUE")
    _files(options)
    if any(sign in url for sign in "?#"):
        raise InvalidInput(
            f"--cluster-store: invalid cluster store {hidden(url)!r}: it may have no ? and no #; "
            "in a password write %3F and %23"
        )
    try:
        return place(url, options)
    except InvalidInput as error:
        raise InvalidInput(f"--cluster-store: {error}") from error


def _files(options: Mapping[str, str]) -> None:
    """The PEM files must be there now: found missing later, they would look like a store that is down."""
    for name in ("kv.cacertfile", "kv.certfile", "kv.keyfile"):
        path = options.get(name)
        if path is None:
            continue
        try:
            with Path(path).open("rb") as file:
                begun = b"-----BEGIN" in file.read(1 << 20)
        except OSError as error:
            raise InvalidInput(
                f'--cluster-store-opt {name}: cannot read "{path}": {(error.strerror or str(error)).lower()}'
            ) from error
        if not begun:
            raise InvalidInput(f'--cluster-store-opt {name}: "{path}" is no PEM file')


def _lease(options: Mapping[str, str]) -> tuple[float, float]:
    """Time to live and heartbeat; of one that is given alone follows the other, as in Docker."""
    ttl, heartbeat = _seconds(options, "discovery.ttl"), _seconds(options, "discovery.heartbeat")
    if ttl is None:
        ttl = TTL if heartbeat is None else max(heartbeat * BEATS, SHORTEST_TTL)
    if not SHORTEST_TTL <= ttl <= LONGEST_TTL:
        given = options.get("discovery.ttl", f"{ttl:g}s")
        reason = "" if "discovery.ttl" in options else f" (it is {BEATS} times discovery.heartbeat)"
        raise InvalidInput(
            f"--cluster-store-opt discovery.ttl: {refuse(given, 'from 3s to 1h')}{reason}; "
            "a host counts as gone so long after its last sign of life"
        )
    if heartbeat is None:
        heartbeat = ttl / BEATS
    if not SHORTEST_HEARTBEAT <= heartbeat < ttl:
        allowed = f"at least {SHORTEST_HEARTBEAT:g}s and less than discovery.ttl ({ttl:g}s)"
        raise InvalidInput(
            f"--cluster-store-opt discovery.heartbeat: {refuse(options['discovery.heartbeat'], allowed)}"
        )
    return ttl, heartbeat


def _seconds(options: Mapping[str, str], name: str) -> float | None:
    try:
        return duration(options[name]) if name in options else None
    except InvalidInput as error:
        raise InvalidInput(f"--cluster-store-opt {name}: {error}") from error


def data_path_port(value: int) -> int:
    """The UDP port of VXLAN, within swarm's limits; 0 means the usual one, as in swarm."""
    return between(1024, 49151)(value) if value else VXLAN_PORT


def hidden(url: str) -> str:
    """The URL as it may be shown: with the user, without the password."""
    head, mark, tail = url.partition("://")
    authority, slash, path = tail.partition("/")
    credentials, at, servers = authority.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{head}{mark}{user}{colon and ':xxxxx'}{at}{servers}{slash}{path}"
