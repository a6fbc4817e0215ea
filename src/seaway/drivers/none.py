"""The driver ``null`` of the network ``none``: a namespace with nothing but its loopback."""

from seaway.drivers.parts import Nothing
from seaway.drivers.protocol import Usage
from seaway.errors import InvalidInput
from seaway.model import Network, Snapshot


class NoneDriver(Nothing):
    """Containers on ``none`` have a namespace of their own, and only ``lo`` in it."""

    name = "null"
    usage = Usage(addressed=False, resolver=False, single=True, publishes=False)

    def check(self, network: Network, snapshot: Snapshot) -> None:
        """Refuse options: there is nothing that they could change."""
        if network.options:
            raise InvalidInput(f"null driver does not take options: {', '.join(sorted(network.options))}")
