"""One daemon per module on a throw-away host; every test leaves the host as it found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.host import Host, Street
from demo.traces import descriptors, look, settle_to
from tests.faces.box import empty
from tests.faces.image import NAME, build

WEBAPP = Path(__file__).resolve().parents[2] / "build/training-webapp.tar"


@pytest.fixture(scope="session")
def box_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small image's root file system."""
    return build(tmp_path_factory.mktemp("box") / "box.tar")


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    """A LAN of the module's own."""
    with Street() as made:
        yield made


@pytest.fixture(scope="module")
def host(street: Street, box_tar: Path) -> Iterator[Host]:
    """A host with a daemon and the small image; at the end the daemon stops cleanly and nothing runs on."""
    made = street.host()
    made.start()
    made.docker("import", str(box_tar), NAME)
    yield made
    if not made.alive():
        pytest.fail(f"the daemon is gone:\n{made.tail()}")
    assert made.stop() == 0, made.tail()
    last = look(made)
    assert not last.processes, f"processes outlive the daemon: {last.processes}"
    assert not [m for m in last.mounts if str(made.root / "data") in m], last.mounts


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """The host after a test is the host before it: devices, rules, mounts, processes, descriptors."""
    if "host" not in request.fixturenames:
        yield
        return
    here: Host = request.getfixturevalue("host")
    seen: set[str] = set()
    before, files = look(here), descriptors(here)
    yield
    if not here.alive():
        here.start()
    seen |= {c["Id"] for c in here.http("GET", "/containers/json?all=1")[1]}
    empty(here)
    left = settle_to(here, before, frozenset(seen))
    assert not left, f"left behind:\n{left}\n{here.tail(6)}"
    more = _more(files, descriptors(here))
    assert len(more) < 4, f"descriptors left open: {more}"


def _more(old: list[str], new: list[str]) -> list[str]:
    rest = list(old)
    more = []
    for line in new:
        if line in rest:
            rest.remove(line)
        else:
            more.append(line)
    return more


def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> None:
    """Show the daemon's last lines with a failure."""
    host = getattr(item, "funcargs", {}).get("host")
    if call.excinfo is not None and call.when == "call" and isinstance(host, Host):
        item.add_report_section("call", "daemon", host.tail(25))
