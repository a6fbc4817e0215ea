"""Choices are tables you can see, and nothing stands beside its table."""

import ast
import inspect
import textwrap
from typing import Any

import seaway.errors
from seaway.api import errors as api_errors
from seaway.api.routes import ROUTES
from seaway.datapath import resources
from seaway.drivers import DRIVERS
from seaway.engine import engine
from tests.house.tree import ROOT

_NOT_DRIVERS = {"__init__", "protocol", "table", "parts", "endpoint_options", "far_end", "segments"}
_NOT_DRIVERS |= {"host_plan", "sandbox", "overlay_site"}


def test_every_driver_is_in_the_table() -> None:
    assert set(DRIVERS) == {d.name for d in DRIVERS.values()} >= {"bridge", "host", "null", "overlay"}
    files = {p.stem for p in (ROOT / "src/seaway/drivers").glob("*.py")} - _NOT_DRIVERS
    modules = {type(d).__module__.rsplit(".", 1)[1] for d in DRIVERS.values()}
    assert files == modules, "one file for each driver of the table, and no other"


def test_every_kind_of_resource_has_its_hand() -> None:
    kinds = {n for n, c in vars(resources).items() if inspect.isclass(c) and _is_resource(c)}
    source = textwrap.dedent(inspect.getsource(engine.Engine._make_hands))
    mapped = {n.attr for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)}
    assert kinds, "the vocabulary was found"
    assert not kinds - mapped, f"no hand for {kinds - mapped}"


def _is_resource(kind: type[Any]) -> bool:
    public = kind.__module__ == resources.__name__ and not kind.__name__.startswith("_")
    return public and hasattr(kind, "key") and hasattr(kind, "rank")


def test_every_handler_is_on_the_screen_of_routes() -> None:
    routed = {handler for _, _, handler in ROUTES}
    pairs = [(method, path) for method, path, _ in ROUTES]
    assert len(pairs) == len(set(pairs)), "no route twice"
    for module in {inspect.getmodule(handler) for handler in routed}:
        assert module is not None
        for name, found in inspect.getmembers(module, inspect.iscoroutinefunction):
            takes_call = list(inspect.signature(found).parameters) == ["call"]
            if found.__module__ == module.__name__ and not name.startswith("_") and takes_call:
                assert found in routed, f"{module.__name__}.{name} has no route"


def test_every_error_has_its_status() -> None:
    """The catch-all at the end of the table is for those that mean 500."""
    tabled = {kind for kind, _ in api_errors.STATUS}
    internal = {seaway.errors.StoreConflict, seaway.errors.Failure}
    for kind in seaway.errors.SeawayError.__subclasses__():
        assert kind in tabled | internal, f"{kind.__name__} has no HTTP status"
