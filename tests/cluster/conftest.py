"""A town for each module, over etcd; every test leaves it empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.town import Town, lacking
from tests.faces.image import build


@pytest.fixture(scope="session")
def box_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small image's root file system."""
    return build(tmp_path_factory.mktemp("box") / "box.tar")


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, box_tar: Path) -> Iterator[Town]:
    """The module's town: ``STORE``, ``FLAGS`` and ``MTU`` of the module say over what and how."""
    store = getattr(request, "param", getattr(request.module, "STORE", "etcd"))
    if reason := lacking(store):
        pytest.skip(reason)
    module = request.module
    made = Town(box_tar, store, flags=getattr(module, "FLAGS", ()), mtu=getattr(module, "MTU", 1500))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def town(built: Town) -> Iterator[Town]:
    """The module's town, left empty by every test."""
    yield built
    for host in built.hosts.values():
        if not host.alive():
            host.start()
    built.nothing_left()


def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> None:
    """Show the daemons' last lines with a failure."""
    town = getattr(item, "funcargs", {}).get("town")
    if call.excinfo is not None and isinstance(town, Town) and call.when in ("call", "teardown"):
        item.add_report_section(call.when, "daemons", _tails(town))


def _tails(town: Town) -> str:
    """Telling of a failure must not fail itself, whatever has become of the town."""
    try:
        return town.tails()
    except Exception as error:
        return f"the daemons' logs cannot be read: {error!r}"
