"""What a session with the store asks of the engine."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from seaway.cluster.mirror import News


class House(Protocol):
    """What the session asks of the engine."""

    def desired(self) -> Mapping[str, bytes]:
        """Every key that shall stand in the store in this node's name."""
        ...

    def pending(self) -> frozenset[str]:
        """Keys that a verb is about to make its own: nobody else may touch them."""
        ...

    def news(self, news: News) -> None:
        """Shared facts have changed."""
        ...

    def lost(self, lost: Sequence[str]) -> None:
        """Keys that were ours by the local facts and are another's by the store."""
        ...

    def remembered(self) -> Mapping[str, bytes]:
        """All that is known, for a store that has lost everything."""
        ...
