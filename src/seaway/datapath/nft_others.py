"""Others' firewalls, looked at and never touched: who drops what is forwarded, unless a rule lets it pass."""

import msgspec

from seaway.datapath.nft_library import Nft
from seaway.model.names import TABLE


def walls(path: str = "") -> list[str]:
    """Chains of others that drop forwarded packets by default, such as ``ip filter FORWARD``.

    ``path`` is the namespace to look in; empty means the daemon's. Raises OSError.
    """
    library = Nft(path)
    try:
        listing = library.listing("chains", elements=False)
    finally:
        library.close()
    return dropping(listing) if listing else []


def dropping(listing: bytes) -> list[str]:
    """The same from what nft lists. Pure."""
    chains = [entry["chain"] for entry in msgspec.json.decode(listing)["nftables"] if "chain" in entry]
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if (chain.get("hook"), chain.get("policy")) == ("forward", "drop") and chain["table"] != TABLE
    ]
