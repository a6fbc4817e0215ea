"""Facts for tests of plans: networks, sandboxes and endpoints with few words."""

from typing import Any

from seaway.model import Binding, Endpoint, Network, Node, Pool, Sandbox, Snapshot
from seaway.model.names import bridge_device, mac_of, veth_device


def network(name: str, *subnets: str, **more: Any) -> Network:
    """A bridge network whose gateways are the first addresses of the subnets."""
    identity = (name.encode().hex() * 32)[:64]
    pools = tuple(
        Pool(subnet=s, gateway=str(s.partition("/")[0] + "1").replace(".01", ".1")) for s in subnets
    )
    fields: dict[str, Any] = {
        "id": identity,
        "name": name,
        "driver": "bridge",
        "created": "2026-01-01T00:00:00Z",
        "pools": pools,
        "ipv6": any(":" in s for s in subnets),
        "device": bridge_device(identity),
    }
    return Network(**fields | more)


def sandbox(name: str, *bindings: Binding, **more: Any) -> Sandbox:
    """A sandbox of a container of the same name."""
    fields: dict[str, Any] = {"path": f"/run/seaway/netns/{name}", "bindings": bindings}
    return Sandbox(id=f"box-{name}", container_id=name, **fields | more)


def endpoint(box: Sandbox, net: Network, *addresses: str, ifname: str = "eth0", **more: Any) -> Endpoint:
    """A container's place on a network."""
    identity = (f"{net.name}{box.container_id}".encode().hex() * 32)[:64]
    fields: dict[str, Any] = {
        "id": identity,
        "network_id": net.id,
        "container_id": box.container_id,
        "sandbox_id": box.id,
        "name": box.container_id,
        "mac": mac_of(addresses[0] if addresses else "", identity),
        "addresses": addresses,
        "ifname": ifname,
        "device": veth_device(identity),
    }
    return Endpoint(**fields | more)


def snapshot(*facts: Network | Sandbox | Endpoint, node: Node | None = None) -> Snapshot:
    """All of them known at once."""

    def of(kind: type) -> dict[str, Any]:
        return {f.id: f for f in facts if isinstance(f, kind)}

    return Snapshot(node or Node(name="test"), of(Network), of(Endpoint), of(Sandbox))


def tcp(host_port: int, port: int = 80, host_ip: str = "0.0.0.0", proto: str = "tcp") -> Binding:
    """A published port."""
    return Binding(proto=proto, host_ip=host_ip, host_port=host_port, port=port)
