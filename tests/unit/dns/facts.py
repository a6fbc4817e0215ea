"""Facts for tests of names: a few networks and containers, written short."""

from seaway.model import Endpoint, Network, Sandbox, Snapshot


def network(name: str, **more: object) -> Network:
    return Network(id=f"id-{name}", name=name, driver=str(more.pop("driver", "bridge")), created="", **more)  # type: ignore[arg-type]


def endpoint(container: str, net: str, *addresses: str, **more: object) -> Endpoint:
    names = more.pop("names", (container,))
    return Endpoint(
        id=f"{container}@{net}", network_id=f"id-{net}", container_id=container * 16,
        sandbox_id=f"box-{container}", name=container, addresses=addresses, dns_names=names, **more)  # type: ignore[arg-type]  # fmt: skip


def snapshot(networks: list[Network], endpoints: list[Endpoint], **more: object) -> Snapshot:
    boxes = {e.sandbox_id for e in endpoints} | {"box-lonely"}
    return Snapshot(
        networks={n.id: n for n in networks},
        endpoints={e.id: e for e in endpoints},
        sandboxes={b: Sandbox(id=b, container_id=b, path="", **more) for b in boxes},  # type: ignore[arg-type]
    )
