"""The driver ``host``: containers use the host's own namespace, and nothing of it is ours."""

from seaway.drivers.parts import Nothing
from seaway.drivers.protocol import Usage
from seaway.errors import InvalidInput
from seaway.model import Network, Snapshot


class HostDriver(Nothing):
    """Containers on ``host`` have no namespace, no address and no port of their own."""

    name = "host"
    usage = Usage(addressed=False, sandboxed=False, resolver=False, single=True, publishes=False)

    def check(self, network: Network, snapshot: Snapshot) -> None:
        """Refuse options: there is nothing that they could change."""
        if network.options:
            raise InvalidInput(f"host driver does not take options: {', '.join(sorted(network.options))}")
