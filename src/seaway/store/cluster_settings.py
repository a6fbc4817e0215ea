"""What a daemon is told of its cluster: where the store is, and how this host appears in it."""

from dataclasses import dataclass

from seaway.store.place import Place

VXLAN_PORT = 4789
"""The UDP port of VXLAN, as IANA has it."""

TTL = 30.0
"""Seconds that a host counts as alive after its last sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """A host's part in a cluster, checked. Times are in seconds.

    ``url`` is the store's as it was given, fit to show: a password is hidden. ``advertise`` is the raw text
    (engine/advertise.py reads it). ``ttl`` is how long the lease of this host lasts, ``heartbeat`` how often
    it is renewed. ``retention`` is how long a dead host's endpoints stay; 0 means for ever.
    """

    store: Place
    url: str
    advertise: str
    ttl: float = TTL
    heartbeat: float = TTL / 3
    retention: float = 0.0
    vxlan_port: int = VXLAN_PORT
