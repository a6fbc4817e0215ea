"""Restart policies, the daemon's death and the host's, as Docker defines them."""

import asyncio

import pytest

from seaway.engine import restarts
from seaway.engine.restarts import Restarts, wants_restart
from seaway.errors import SeawayError
from seaway.model import Container, HostConfig, State
from seaway.model.container import RestartPolicy
from tests.unit.engine.house import House

POLICIES = ("no", "always", "unless-stopped", "on-failure")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds."""
    monkeypatch.setattr(restarts, "BACKOFF", 0.001)
    monkeypatch.setattr(restarts, "LONGEST", 0.01)


def _one(policy: str, retries: int = 0, **state: object) -> Container:
    host = HostConfig(restart_policy=RestartPolicy(name=policy, maximum_retry_count=retries))
    return Container(id="c", name="cc", created="", image="", image_name="", path="", host=host,
                     state=State(**state))  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "code", "again"),
    [
        (_one("no"), 1, False),
        (_one(""), 1, False),
        (_one("always"), 0, True),
        (_one("always", manually_stopped=True), 0, False),
        (_one("unless-stopped"), 0, True),
        (_one("unless-stopped", manually_stopped=True), 1, False),
        (_one("on-failure"), 0, False),
        (_one("on-failure"), 7, True),
        (_one("on-failure", 3, restart_count=2), 7, True),
        (_one("on-failure", 3, restart_count=3), 7, False),
    ],
)
def test_who_runs_again(one: Container, code: int, again: bool) -> None:
    assert wants_restart(one, code) is again


def test_pauses_double_and_start_anew_after_a_long_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    kept = Restarts(None)  # type: ignore[arg-type]
    short = _one("always", started="2026-01-01T00:00:00Z", finished="2026-01-01T00:00:02Z")
    long = _one("always", started="2026-01-01T00:00:00Z", finished="2026-01-01T00:00:11Z")
    pauses = [kept.pause(short) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == 60.0
    assert [kept.pause(long), kept.pause(short)] == [0.1, 0.2]
    kept.cancel("c")
    assert kept.pause(short) == 0.1


async def test_on_failure_counts(house: House) -> None:
    cid = await house.container("cc", policy="on-failure", retries=3)
    await house.start_container("cc")
    starts = 0
    while house.state("cc").status != "exited":
        if house.state("cc").running:
            starts += 1
            waiter = await house.engine.containers.wait("cc", "next-exit")
            house.machine.end(cid, 5)
            await waiter.result()
        await asyncio.sleep(0.001)
    assert starts == 4
    assert house.state("cc").restart_count == 3


async def test_on_failure_counts_starts_that_fail_too(house: House) -> None:
    cid = await house.container("cc", policy="on-failure", retries=3)
    await house.start_container("cc")
    made = house.machine.next_pid
    asked = 0

    async def refuse(what: str) -> None:
        nonlocal asked
        asked += what == "create"
        await real(what)

    real = house.engine.runtime._step  # type: ignore[attr-defined]
    house.engine.runtime._step = refuse  # type: ignore[attr-defined]
    house.machine.faults["create"] = 1.0
    house.machine.end(cid, 5)
    async with asyncio.timeout(5):
        while house.state("cc").status in ("running", "restarting") or house.engine.tasks._verbs:
            await asyncio.sleep(0.005)
    house.machine.faults.clear()
    assert asked == 3
    assert made == house.machine.next_pid


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("reboot", [False, True])
async def test_a_daemon_starts_what_shall_run(house: House, policy: str, stopped: bool, reboot: bool) -> None:
    await house.container("cc", policy=policy, ports=("8080",))
    await house.container("never", policy=policy)
    await house.start_container("cc")
    pid = house.state("cc").pid
    if stopped:
        await house.engine.containers.stop("cc", 1, None)
    await house.crash()
    if reboot:
        house.machine.reboot()
    await house.start()
    await asyncio.sleep(0.05)
    await house.eventually_sound()
    runs = not reboot or policy != "no"
    if stopped:
        runs = policy == "always"
    assert house.state("cc").running is runs, house.state("cc")
    assert house.state("never").status == "created"
    if runs and not reboot and not stopped:
        assert house.state("cc").pid == pid
    if not runs and not stopped:
        assert (house.state("cc").status, house.state("cc").exit_code) == ("exited", 255)


async def test_a_restart_that_was_to_come_comes(house: House) -> None:
    cid = await house.container("cc", policy="on-failure")
    await house.start_container("cc")
    house.machine.faults["create"] = 1.0
    house.machine.end(cid, 5)
    async with asyncio.timeout(5):
        while house.state("cc").status != "restarting":
            await asyncio.sleep(0.001)
    await house.again()
    async with asyncio.timeout(5):
        while not house.state("cc").running:
            await asyncio.sleep(0.001)


async def test_no_container_stays_restarting(house: House) -> None:
    """Its policy was changed, and the daemon died before the restart."""
    cid = await house.container("cc", policy="always")
    await house.start_container("cc")
    house.machine.faults["create"] = 1.0
    house.machine.end(cid, 5)
    async with asyncio.timeout(5):
        while house.state("cc").status != "restarting":
            await asyncio.sleep(0.001)
    await house.engine.containers.update("cc", {"RestartPolicy": {"Name": "no"}})
    await house.again()
    await asyncio.sleep(0.05)
    assert house.state("cc").status == "exited"


async def test_shared_sandboxes_come_up_after_a_reboot_whatever_the_order(house: House) -> None:
    names = []
    for n in range(4):
        await house.container(f"base{n}", policy="always")
        await house.container(f"guest{n}", f"container:base{n}", policy="always")
        names += [f"base{n}", f"guest{n}"]
    for name in names:
        await house.start_container(name)
    await house.crash()
    house.machine.reboot()
    await house.start()
    async with asyncio.timeout(5):
        while not all(house.state(n).running for n in names):
            await asyncio.sleep(0.01)


async def test_a_process_that_was_made_and_not_noted_is_ended(house: House) -> None:
    """Killed between making the process and noting it, in a mode that has no sandbox of its own."""
    await house.container("base")
    await house.start_container("base")
    cid = await house.container("guest", "container:base")
    house.life.dies_in = 6
    await house.client(_quiet(house))
    await house.again()
    assert cid not in house.machine.alive() or house.state("guest").running


async def _quiet(house: House) -> None:
    try:
        await house.start_container("guest")
    except asyncio.CancelledError:
        return


async def test_a_removal_that_was_begun_is_ended_by_the_next_daemon(house: House) -> None:
    await house.container("cc", ports=("8080",))
    await house.start_container("cc")
    house.machine.faults["delete"] = 1.0
    with pytest.raises(SeawayError):
        await house.remove("cc")
    assert house.state("cc").status == "removing"
    with pytest.raises(SeawayError, match="marked for removal"):
        await house.start_container("cc")
    await house.again()
    await asyncio.sleep(0.05)
    assert not house.facts.containers


async def test_removed_when_it_ends_also_by_the_next_daemon(house: House) -> None:
    cid = await house.container("cc", rm=True)
    await house.start_container("cc")
    await house.crash()
    house.machine.end(cid, 0)
    await house.start()
    async with asyncio.timeout(5):
        while house.facts.containers:
            await asyncio.sleep(0.001)


async def test_stopped_while_it_was_to_restart(house: House) -> None:
    cid = await house.container("cc", policy="always")
    await house.start_container("cc")
    house.machine.faults["create"] = 1.0
    house.machine.end(cid, 5)
    async with asyncio.timeout(5):
        while house.state("cc").status != "restarting":
            await asyncio.sleep(0.001)
    await house.engine.containers.stop("cc", 1, None)
    house.machine.faults.clear()
    await asyncio.sleep(0.05)
    assert house.state("cc").status == "exited"
