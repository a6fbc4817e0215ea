"""Many at once, on a machine of memory: nothing is given twice, and nobody waits for ever."""

import asyncio
import random

import pytest

from seaway.errors import Conflict, SeawayError
from seaway.model import Attachment
from tests.unit.engine.house import House

COUNT = 100


async def test_a_hundred_starts_on_one_network(house: House) -> None:
    await house.network("net")
    names = [f"many{n}" for n in range(COUNT)]
    await asyncio.gather(*(house.container(n, "net", ports=("", "9000-9099")) for n in names))
    await asyncio.gather(*(house.start_container(n) for n in names))
    places = list(house.facts.endpoints.values())
    assert len({e.addresses for e in places}) == len({e.mac for e in places}) == COUNT
    assert len({e.device for e in places}) == COUNT
    bindings = [b for box in house.facts.sandboxes.values() for b in box.bindings]
    ports = [b.host_port for b in bindings if ":" not in b.host_ip]
    assert len(ports) == len(set(ports)) == 2 * COUNT
    await house.eventually_sound()
    await asyncio.gather(*(house.remove(n) for n in names))
    await house.engine.networks.remove("net")
    assert not house.facts.endpoints
    assert len(house.engine.core.locks) == 0


async def test_one_name_for_many(house: House) -> None:
    answers = await asyncio.gather(*(house.client(house.container("cc")) for _ in range(20)))
    assert sum(isinstance(a, str) for a in answers) == 1
    assert all(isinstance(a, str | Conflict) for a in answers)
    answers = await asyncio.gather(*(house.client(house.network("net")) for _ in range(20)))
    assert sum(isinstance(a, str) for a in answers) == 1
    assert all(isinstance(a, str | Conflict) for a in answers)
    for n in range(5):
        await house.container(f"other{n}")
    answers = await asyncio.gather(
        *(house.client(house.engine.containers.rename(f"other{n}", "target")) for n in range(5))
    )
    assert sum(a is None for a in answers) == 1


async def test_no_name_for_many(house: House) -> None:
    """Names chosen for users never clash."""
    state = random.getstate()
    answers = await asyncio.gather(*(house.client(house.container("")) for _ in range(300)))
    random.setstate(state)
    assert not [a for a in answers if not isinstance(a, str)]


async def test_one_port_for_many(house: House) -> None:
    for n in range(10):
        await house.container(f"port{n}", ports=("8080",))
    answers = await asyncio.gather(*(house.client(house.start_container(f"port{n}")) for n in range(10)))
    assert sum(a is None for a in answers) == 1
    assert all("8080 failed: port is already allocated" in str(a) for a in answers if a is not None)


@pytest.mark.parametrize("seed", range(12))
async def test_races_on_one_container(house: House, seed: int) -> None:
    """All verbs at once on one container: each ends, and all agree afterwards."""
    dice = random.Random(seed)
    await house.network("one")
    await house.network("two")
    await house.container("cc", "one", ports=("8080",), policy=dice.choice(["", "always"]))
    verbs = house.engine.containers
    wires = house.engine.networks

    def some() -> list[object]:
        return [
            house.start_container("cc"),
            verbs.stop("cc", 1, None),
            verbs.restart("cc", 1, None),
            verbs.kill("cc", "KILL"),
            verbs.pause("cc"),
            verbs.unpause("cc"),
            wires.connect("two", "cc", Attachment()),
            wires.disconnect("two", "cc", False),
            wires.disconnect("one", "cc", True),
            wires.connect("one", "cc", Attachment()),
            verbs.rename("cc", "dd"),
            verbs.rename("dd", "cc"),
            wires.remove("two"),
        ]

    chosen = some() + some() + some()
    if seed % 2:
        chosen += [house.remove("cc"), house.remove("cc", force=False)]
    dice.shuffle(chosen)

    async def late(work: object) -> object:
        for _ in range(dice.randrange(30)):
            await asyncio.sleep(0)
        return await house.client(work)  # type: ignore[arg-type]

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*map(late, chosen))
    wrong = [a for a in answers if a is not None and not isinstance(a, SeawayError)]
    assert not wrong, wrong
    await house.idle()
    await house.eventually_sound()
    assert len(house.engine.core.locks) == 0


@pytest.mark.parametrize("force", [True, False])
async def test_removed_while_it_starts(house: House, force: bool) -> None:
    for n in range(0, 40, 2):
        await house.container("cc", ports=("8080",))

        async def later(steps: int = n) -> None:
            for _ in range(steps):
                await asyncio.sleep(0)
            await house.remove("cc", force=force)

        answers = await asyncio.gather(house.client(house.start_container("cc")), house.client(later()))
        assert all(a is None or isinstance(a, SeawayError) for a in answers), answers
        await house.client(house.remove("cc"))
        await house.eventually_sound()
        assert not house.facts.containers
