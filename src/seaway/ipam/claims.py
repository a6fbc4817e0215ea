"""Claims: the key that stands for one address of one network, and how its owner is written.

Whoever writes the key first has the address; the check that it does not exist makes the store the judge,
on one host and on many.
"""

PREFIX = "claims/"
GATEWAY = "gateway"
AUX = "aux:"
COOLING = "cooling:"


def claim_key(network_id: str, address: str) -> str:
    """The key that stands for an address of a network; ``address`` is canonical text."""
    return f"{PREFIX}{network_id}/{address}"


def by_endpoint(identity: str) -> str:
    """The owner of an address that an endpoint has."""
    return f"endpoint:{identity}"


def by_container(identity: str) -> str:
    """The owner of an address kept for a container that does not run."""
    return f"container:{identity}"


def by_cooling(identity: str) -> str:
    """The owner of an address that a container's endpoint had until a moment ago.

    Others' caches may still lead to it: nobody gets it unasked, but the same container may take it back.
    """
    return f"{COOLING}{identity}"


def by_aux(name: str) -> str:
    """The owner of an auxiliary address of the network."""
    return f"{AUX}{name}"
