"""A cluster as its users see it: hosts with their endpoints, and whether the store answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

NO_CLUSTER = (
    "this host is in no cluster: its daemon was started without --cluster-store and --cluster-advertise"
)
"""The words for who asks about a cluster that there is not."""

State = Literal["joining", "connected", "away"]
"""``joining`` until the store has answered for the first time, ``away`` while it does not answer again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """One endpoint of a host. ``network`` is the network's name, ``name`` the container's.

    ``addresses`` are ``address/prefix`` text.
    """

    network: str
    name: str
    addresses: tuple[str, ...]
    mac: str
    id: str
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One host of the cluster. ``address`` is what it advertises; ``self`` says that it is this one."""

    id: str
    name: str
    address: str
    version: str = ""
    alive: bool = False
    self: bool = False
    endpoints: tuple[EndpointView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """How it is with the cluster. ``since`` is when ``state`` began, in seconds since 1970.

    ``advertise`` is ``address`` or ``address:port``, resolved. ``nodes`` counts all hosts, ``down`` those
    that are not alive.
    """

    advertise: str
    state: State
    since: float
    nodes: int
    down: int


class Nodes(Protocol):
    """The verbs on hosts of a cluster. A ref is an ID, the beginning of one, a name, or an address."""

    def view(self) -> ClusterView:
        """How it is with the cluster."""
        ...

    def list(self) -> Sequence[NodeView]:
        """All hosts."""
        ...

    def inspect(self, ref: str) -> NodeView:
        """One host. Raises NotFound, or InvalidInput when the ref fits several."""
        ...

    async def remove(self, ref: str, force: bool) -> NodeView:
        """Forget a host and free all it held; gives it as it last was.

        Raises Conflict when it is alive and ``force`` is not given, or when it is this one.
        """
        ...
