"""A sandbox: the network namespace of a running container, and what belongs to it as a whole."""

from typing import ClassVar

from msgspec import Struct

from seaway.model.publish import Binding


class Sandbox(Struct, frozen=True, kw_only=True):
    """A network namespace that Seaway made for a container, and its allotted host ports.

    ``path`` is where the namespace is mounted. Containers in ``host`` mode have ``shared`` True:
    the namespace is the host's own and nothing in it is ours. ``dns`` tells that the embedded
    resolver answers at 127.0.0.11 in it; ``upstreams`` are the servers it forwards to.
    """

    PREFIX: ClassVar[str] = "sandboxes/"

    id: str
    container_id: str
    path: str
    shared: bool = False
    dns: bool = False
    upstreams: tuple[str, ...] = ()
    ndots: int = 0
    bindings: tuple[Binding, ...] = ()
