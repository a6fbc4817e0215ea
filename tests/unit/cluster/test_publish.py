"""Publishing: only differences are written, and one key's trouble is not the others'."""

import pytest

from seaway.cluster import keys
from seaway.cluster.publish import Publisher
from seaway.errors import Unavailable
from seaway.store import Put
from seaway.store.memory import MemoryServer
from tests.unit.cluster.rooms import Hut
from tests.unit.cluster.store_facts import NET, network, remote


class Desk(Hut):
    """A publisher with a network to publish on."""

    def __init__(self, server: MemoryServer, name: str = "a") -> None:
        super().__init__(server, name, "192.168.1.1")
        self.publisher = Publisher(self.store, self.mirror, self.rooms)

    def place(self, name: str, address: str) -> None:
        """Wish for an endpoint and its claim."""
        self.rooms.wanted |= dict([remote(name, self.mirror.me, f"{address}/24")])
        self.rooms.wanted[keys.claim(NET, address)] = f"{self.mirror.me} endpoint:{name}".encode()

    async def publish(self) -> int:
        """Publish until nothing is to be done; how many commits it took."""
        before = self.store.server.commits
        for _ in range(5):
            await self.look()
            if not await self.publisher.publish():
                break
        await self.look()
        return self.store.server.commits - before

    def stored(self) -> dict[str, bytes]:
        """What stands in the store, networks left out."""
        return {k: i.value for k, i in self.store.server.read("").items.items() if k != keys.network(NET)}


@pytest.fixture
async def desk() -> Desk:
    """A store with one network in it."""
    made = Desk(MemoryServer())
    await made.store.open()
    await made.store.commit([], [Put(*network())])
    return made


async def test_only_differences_are_written(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    desk.place("y", "10.0.0.3")
    assert await desk.publish() <= 2, "claims, then endpoints"
    assert desk.stored() == desk.rooms.wanted
    assert not await desk.publish()
    desk.rooms.wanted |= dict([remote("x", "a", "10.0.0.2/24", mac="02:00:00:00:00:01")])
    assert await desk.publish() == 1
    del desk.rooms.wanted[keys.endpoint(NET, "y")], desk.rooms.wanted[keys.claim(NET, "10.0.0.3")]
    assert await desk.publish() == 1
    assert desk.stored() == desk.rooms.wanted


async def test_many_are_written_in_few_commits(desk: Desk) -> None:
    for n in range(100):
        desk.place(f"e{n}", f"10.0.0.{n + 2}")
    assert await desk.publish() < 30
    assert desk.stored() == desk.rooms.wanted


async def test_what_somebody_removed_comes_back_and_what_nobody_wants_goes(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    await desk.publish()
    key, value = remote("stale", "a", "10.0.0.9/24")
    await desk.store.commit([], [Put(key, value), Put(keys.claim(NET, "10.0.0.9"), b"a endpoint:stale")])
    desk.store.server._write({keys.endpoint(NET, "x"): None})
    await desk.publish()
    assert desk.stored() == desk.rooms.wanted


async def test_others_keys_are_left_alone(desk: Desk) -> None:
    key, value = remote("theirs", "b", "10.0.0.5/24")
    await desk.store.commit([], [Put(key, value), Put(keys.claim(NET, "10.0.0.5"), b"b endpoint:theirs")])
    await desk.publish()
    assert key in desk.stored() and keys.claim(NET, "10.0.0.5") in desk.stored()


async def test_an_address_that_is_anothers_is_lost_and_its_endpoint_not_published(desk: Desk) -> None:
    theirs = b"b endpoint:theirs"
    await desk.store.commit([], [Put(keys.claim(NET, "10.0.0.2"), theirs)])
    desk.place("x", "10.0.0.2")
    desk.place("y", "10.0.0.3")
    await desk.publish()
    assert set(desk.rooms.lost_keys) == {keys.claim(NET, "10.0.0.2")}
    assert desk.stored()[keys.claim(NET, "10.0.0.2")] == theirs
    assert keys.endpoint(NET, "x") not in desk.stored()
    assert keys.endpoint(NET, "y") in desk.stored(), "the others are published all the same"


async def test_an_address_lost_behind_the_mirrors_back_is_lost_too(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    desk.place("y", "10.0.0.3")
    await desk.look()
    await desk.store.commit([], [Put(keys.claim(NET, "10.0.0.2"), b"b endpoint:theirs")])
    await desk.publisher.publish()
    assert desk.rooms.lost_keys == [keys.claim(NET, "10.0.0.2")]
    assert desk.stored()[keys.claim(NET, "10.0.0.3")] == b"a endpoint:y"


async def test_what_a_start_is_about_to_make_its_own_is_not_touched(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    await desk.publish()
    before = desk.stored()
    desk.rooms.held = set(desk.rooms.wanted)
    desk.rooms.wanted.clear()
    assert not await desk.publish()
    assert desk.stored() == before
    desk.rooms.held.clear()
    await desk.publish()
    assert not desk.stored()


async def test_nothing_is_published_on_a_network_that_is_gone(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    desk.store.server._write({keys.network(NET): None})
    await desk.publish()
    assert not desk.stored()


async def test_a_lost_answer_is_made_good(desk: Desk) -> None:
    desk.place("x", "10.0.0.2")
    desk.store.server.lost = 1
    with pytest.raises(Unavailable):
        await desk.publish()
    await desk.publish()
    assert desk.stored() == desk.rooms.wanted and not desk.rooms.lost_keys
