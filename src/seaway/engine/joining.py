"""Making a daemon a node of its cluster: who it is there, and its session with the store."""

import logging
import os
import uuid
from pathlib import Path

import msgspec

from seaway import __version__ as VERSION
from seaway.cluster.entry import Entry
from seaway.cluster.mirror import Mirror
from seaway.cluster.session import Session
from seaway.engine import host
from seaway.engine.advertise import Advertise, resolve
from seaway.engine.shared import Shared
from seaway.errors import Failure
from seaway.model import Member, Node
from seaway.store.cluster_settings import ClusterSettings
from seaway.store.table import cluster_store

log = logging.getLogger(__name__)

FIRST = 3.0
"""Seconds that a start waits for the store's first answer; after that it goes on without."""


async def advertised(cluster: ClusterSettings) -> Advertise:
    """The address the other nodes are told. Raises InvalidInput."""
    return await resolve(cluster.advertise, host.addresses())


def node(before: Node, engine_id: str, cluster: ClusterSettings, mine: Advertise) -> Node:
    """This host as plans see it, with its place in the cluster."""
    return msgspec.structs.replace(
        before,
        id=engine_id,
        advertise=mine.address,
        advertise_mtu=mine.mtu,
        vxlan_port=cluster.vxlan_port,
    )


def session(
    cluster: ClusterSettings,
    mine: Advertise,
    mirror: Mirror,
    shared: Shared,
    data_root: Path,
    exec_root: Path,
) -> Session:
    """The session of this host, not begun yet."""
    store = cluster_store(cluster.store)
    path = data_root / "cluster"
    member = Member(id=mirror.me, name=os.uname().nodename, address=mine.address, version=VERSION)
    entry = Entry(
        store=store,
        member=member,
        ttl=cluster.ttl,
        cluster_id=_remembered(path),
        vxlan_port=cluster.vxlan_port,
        remember=lambda identity: _remember(path, identity),
        incarnation=_incarnation(exec_root / "incarnation"),
    )
    return Session(store, mirror, entry, shared, cluster.heartbeat)


def _incarnation(path: Path) -> str:
    """This boot's: the exec-root is gone with it, and no copy of a disk has it."""
    try:
        known = path.read_text().strip() if path.exists() else ""
        if not known:
            known = uuid.uuid4().hex
            path.write_text(known + "\n")
    except OSError as error:
        raise Failure(f"cannot note which boot this is: {path}: {error.strerror}") from error
    return known


def _remembered(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Failure(f"cannot read which cluster this host belongs to: {path}: {error.strerror}") from error


def _remember(path: Path, identity: str) -> None:
    try:
        path.write_text(identity + "\n")
    except OSError as error:
        raise Failure(f"cannot note which cluster this host belongs to: {path}: {error.strerror}") from error
