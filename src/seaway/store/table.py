"""The table of cluster stores: which scheme is served by which class."""

from collections.abc import Callable, Mapping

from seaway.store.consul import ConsulStore
from seaway.store.contract import Store
from seaway.store.etcd import EtcdStore
from seaway.store.place import Place
from seaway.store.zookeeper import ZookeeperStore

STORES: Mapping[str, Callable[[Place], Store]] = {
    "etcd": EtcdStore,
    "consul": ConsulStore,
    "zk": ZookeeperStore,
}
"""Scheme → the class that serves it."""


def cluster_store(where: Place) -> Store:
    """The store at a place, not opened yet. ``place()`` lets only schemes of the table through."""
    return STORES[where.scheme](where)
