"""The index of held ports follows the facts."""

from types import SimpleNamespace
from typing import Any

from seaway.engine.portindex import PortIndex
from seaway.model import Binding, Sandbox


def binding(port: int) -> Binding:
    return Binding(proto="tcp", host_ip="0.0.0.0", host_port=port, port=80)


def box(name: str, *ports: int) -> Sandbox:
    return Sandbox(id=name, container_id=f"c-{name}", path="/x", bindings=tuple(map(binding, ports)))


def facts(*boxes: Sandbox, **names: str) -> Any:
    containers = {f"c-{b}": SimpleNamespace(name=n) for b, n in names.items()}
    return SimpleNamespace(sandboxes={b.id: b for b in boxes}, containers=containers)


def test_ports_come_change_hands_and_go() -> None:
    index, first, second = PortIndex(), box("a", 80, 81), box("b", 90)
    table = index.current(facts(first, a="web"))
    assert table.rival(binding(80)) == (binding(80), "web")
    assert table.rival(binding(90)) is None
    table = index.current(facts(first, second, a="renamed", b="db"))
    assert [table.rival(binding(p)) for p in (81, 90)] == [(binding(81), "renamed"), (binding(90), "db")]
    table = index.current(facts(box("a", 81), b="db"))
    assert table.rival(binding(80)) is None
    assert table.rival(binding(90)) is None
    assert table.rival(binding(81)) == (binding(81), "c-a")
    index.current(facts())
    assert not table.rows
