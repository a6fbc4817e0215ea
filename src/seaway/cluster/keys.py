"""Every key of a cluster's store, written and read in this one place. Pure.

cluster                      what the cluster is: its ID, its VXLAN port
nodes/<node>                 a member; stays when the node is down
alive/<node>                 leased: the node lives while it is there
advertise/<address>          the node that advertises the address
networks/<network>           a network
networks/guard               rewritten with every network that is made or removed: one at a time
claims/<network>/<address>   who has the address
endpoints/<network>/<id>     an endpoint, as its node published it
"""

RECORD = "cluster"
GUARD = "networks/guard"
NODES = "nodes/"
ALIVE = "alive/"
ADVERTISE = "advertise/"
NETWORKS = "networks/"
CLAIMS = "claims/"
ENDPOINTS = "endpoints/"


def node(identity: str) -> str:
    """A member."""
    return f"{NODES}{identity}"


def alive(identity: str) -> str:
    """A member's sign of life."""
    return f"{ALIVE}{identity}"


def advertise(address: str) -> str:
    """The holder of an advertised address."""
    return f"{ADVERTISE}{address}"


def network(identity: str) -> str:
    """A network."""
    return f"{NETWORKS}{identity}"


def claims(network_id: str) -> str:
    """The prefix of all claims on a network."""
    return f"{CLAIMS}{network_id}/"


def claim(network_id: str, address: str) -> str:
    """A claim."""
    return f"{CLAIMS}{network_id}/{address}"


def endpoints(network_id: str) -> str:
    """The prefix of all endpoints on a network."""
    return f"{ENDPOINTS}{network_id}/"


def endpoint(network_id: str, identity: str) -> str:
    """An endpoint."""
    return f"{ENDPOINTS}{network_id}/{identity}"


def owner(node_id: str, local: str) -> str:
    """A claim's value: the node, and the owner as that node itself writes it."""
    return f"{node_id} {local}"


def holder(value: str) -> tuple[str, str]:
    """Node and local owner of a claim's value; gateways and auxiliary addresses have no node."""
    node_id, mark, local = value.rpartition(" ")
    return (node_id, local) if mark else ("", value)
