"""Containers' lives on a machine of memory: what each verb does, and what a failing one leaves."""

import asyncio

import pytest

from seaway.datapath.resources import VethPair
from seaway.errors import Conflict, InvalidInput, NotFound, NotModified, SeawayError
from seaway.model import Attachment
from seaway.model.container import IpamRequest
from tests.unit.engine.house import House


async def test_a_container_lives_and_dies(house: House) -> None:
    before, kernel = house.picture(), house.standing()
    await house.network("net")
    await house.container("cc", "net", ports=("8080",))
    await house.start_container("cc")
    await house.eventually_sound()
    await house.engine.containers.stop("cc", 1, None)
    await house.remove("cc")
    await house.engine.networks.remove("net")
    assert house.picture() == before
    assert house.standing() == kernel


@pytest.mark.parametrize("what", ["create", "start", "store", "kernel"])
@pytest.mark.parametrize("mode", ["net", "host", "none", "container:other"])
async def test_a_start_that_fails_leaves_nothing(house: House, what: str, mode: str) -> None:
    if what == "kernel" and mode != "net":
        return
    await house.network("net")
    await house.container("other")
    await house.start_container("other")
    await house.container("cc", mode, ports=("8080",) if mode == "net" else ())
    before = house.picture()
    for nth in range(2, 7):
        house.machine.faults[what] = nth if what == "store" else 1.0
        house.machine.kernel.probability = 0.4 if what == "kernel" else 0.0
        try:
            await house.start_container("cc")
        except SeawayError:
            pass
        else:
            house.machine.faults.clear()
            house.machine.kernel.probability = 0.0
            assert house.state("cc").running
            await house.engine.containers.stop("cc", 1, None)
        house.machine.faults.clear()
        house.machine.kernel.probability = 0.0
        await house.eventually_sound(kernel=False)
        await house.engine.settler.verify(everything=True)
        await house.eventually_sound()
        assert house.picture() == before
    await house.start_container("cc")


async def test_a_disk_that_is_full_when_the_process_runs(house: House) -> None:
    """The commit that would say that it runs fails: the process is ended again."""
    await house.container("cc")
    house.machine.faults["store"] = 2.0  # the first commit passes, and from then on it is full
    with pytest.raises(SeawayError, match="no space"):
        await house.start_container("cc")
    assert not house.machine.alive()
    house.machine.faults.clear()
    await house.eventually_sound()
    await house.start_container("cc")
    assert house.state("cc").running


async def test_a_disk_that_is_full_when_a_container_ends(house: House) -> None:
    cid = await house.container("cc", ports=("8080",))
    await house.start_container("cc")
    waiter = await house.engine.containers.wait("cc", "next-exit")
    house.machine.faults["store"] = 1.0
    house.machine.end(cid, 3)
    await asyncio.sleep(0.05)
    house.machine.faults.clear()
    assert (await asyncio.wait_for(waiter.result(), 5))[0] == 3
    await house.eventually_sound()
    assert house.state("cc").status == "exited"


async def test_a_runtime_that_cannot_clean_up_delays_nothing(house: House) -> None:
    cid = await house.container("cc")
    await house.start_container("cc")
    waiter = await house.engine.containers.wait("cc", "next-exit")
    house.machine.faults["delete"] = 1.0
    house.machine.end(cid, 3)
    assert (await asyncio.wait_for(waiter.result(), 5))[0] == 3
    house.machine.faults.clear()


async def test_a_client_that_hangs_up_changes_nothing(house: House) -> None:
    """Wherever the request is cancelled, the verb is carried through."""
    await house.network("net")
    for n in range(40):
        await house.container("cc", "net", ports=("8080",))
        await house.idle()
        request = asyncio.create_task(house.start_container("cc"))
        for _ in range(n):
            await asyncio.sleep(0)
        begun = request.done() or bool(house.engine.tasks._verbs)
        request.cancel()
        await house.idle()
        await house.eventually_sound()
        assert house.state("cc").running is begun, (n, begun)
        if house.state("cc").running:
            request = asyncio.create_task(house.engine.containers.stop("cc", 1, None))
            for _ in range(n):
                await asyncio.sleep(0)
            request.cancel()
            await house.idle()
            await house.eventually_sound()
        request = asyncio.create_task(house.remove("cc"))
        for _ in range(n):
            await asyncio.sleep(0)
        request.cancel()
        await house.idle()
        await house.eventually_sound()
        if house.facts.containers:
            await house.remove("cc")


async def test_connect_fails_as_a_whole(house: House) -> None:
    await house.network("one")
    await house.network("two", pools=())
    await house.container("cc", "one", ports=("8080",))
    await house.start_container("cc")
    before = house.picture()
    for nth in (1.0, 2.0):
        house.machine.faults["store"] = nth
        asked = Attachment(ipam_config=IpamRequest(ipv4="10.200.1.77"))
        with pytest.raises(SeawayError):
            await house.engine.networks.connect("two", "cc", asked)
            house.machine.faults["store"] = 1.0
            await house.engine.networks.connect("two", "cc", asked)
        house.machine.faults.clear()
        if "two" in house.facts.containers[house.engine.containers.get("cc").id].networks:
            await house.engine.networks.disconnect("two", "cc", False)
        assert house.picture() == before
        await house.eventually_sound()


async def test_connect_that_the_kernel_refuses(house: House) -> None:
    await house.network("one")
    await house.network("two")
    await house.container("cc", "one")
    await house.start_container("cc")
    before = house.picture()
    house.machine.kernel.fault = lambda o: "no" if isinstance(o.resource, VethPair) else None
    with pytest.raises(SeawayError):
        await house.engine.networks.connect(
            "two", "cc", Attachment(ipam_config=IpamRequest(ipv4="10.200.1.77"))
        )
    house.machine.kernel.fault = None
    assert house.picture() == before


async def test_removals_go_on_when_the_kernel_refuses(house: House) -> None:
    """What could not be taken away is taken away later; the facts are right at once."""
    await house.network("one")
    await house.network("two")
    await house.container("cc", "one", others=("two",))
    await house.start_container("cc")
    house.machine.kernel.fault = lambda o: "no"
    await house.engine.networks.disconnect("two", "cc", False)
    await house.engine.networks.remove("two")
    await house.remove("cc")
    await house.engine.networks.remove("one")
    house.machine.kernel.fault = None
    await house.engine.settler.verify(everything=True)


async def test_a_container_of_a_container_of_a_container(house: House) -> None:
    """The third one is in the first one's namespace, never in the host's."""
    await house.container("first")
    await house.container("second", "container:first")
    await house.container("third", "container:second")
    for name in ("first", "second", "third"):
        await house.start_container(name)
    processes = house.machine.processes
    made = [processes[house.engine.containers.get(n).id].netns for n in ("first", "second", "third")]
    assert all(made), made


async def test_a_failed_start_reads_well_after_restart(house: House) -> None:
    await house.container("cc")
    house.machine.kernel.fault = lambda o: "the kernel said no" if isinstance(o.resource, VethPair) else None
    with pytest.raises(SeawayError, match=r"Cannot restart container cc: .*the kernel said no"):
        await house.engine.containers.restart("cc", 1, None)
    house.machine.kernel.fault = None


async def test_a_running_container_is_never_removed_without_force(house: House) -> None:
    """Also when it starts between the look and the removal."""
    for n in range(30):
        await house.container("cc")
        start = asyncio.create_task(house.start_container("cc"))
        for _ in range(n):
            await asyncio.sleep(0)
        try:
            await house.remove("cc", force=False)
        except Conflict:
            await start
            assert house.state("cc").running
            await house.remove("cc")
        else:
            with pytest.raises(NotFound):
                await start


async def test_attached_before_the_start_that_never_comes(house: House) -> None:
    await house.container("cc")
    console = await house.engine.containers.attach(
        "cc", stdin=False, stdout=True, stderr=True, stream=True, logs=False
    )
    await house.remove("cc")
    assert await asyncio.wait_for(console.read(), 2) is None


async def test_removed_by_two_at_once(house: House) -> None:
    await house.network("net")
    await house.container("cc", "net")
    await house.start_container("cc")
    answers = await asyncio.gather(
        *(house.client(house.remove("cc")) for _ in range(5)),
        house.client(house.engine.containers.stop("cc", 1, None)),
        house.client(house.engine.networks.disconnect("net", "cc", False)),
        house.client(house.engine.containers.rename("cc", "dd")),
    )
    wrong = [a for a in answers if a is not None and not isinstance(a, SeawayError)]
    assert not wrong, wrong
    answers = await asyncio.gather(*(house.client(house.engine.networks.remove("net")) for _ in range(3)))
    assert sorted(isinstance(a, NotFound) for a in answers) == [False, True, True]


async def test_a_name_freed_by_the_loser_is_not_the_winners(house: House) -> None:
    """Two removals of a network and a creation of the same name: the name stays the new one's."""
    await house.network("net")
    await asyncio.gather(
        house.client(house.engine.networks.remove("net")),
        house.client(house.engine.networks.remove("net")),
        house.client(house.network("net")),
        house.client(house.network("net")),
    )


async def test_a_network_removed_while_a_container_is_connected_to_it(house: House) -> None:
    await house.container("cc")
    for n in range(12):
        await house.network("net", pools=())
        join = asyncio.create_task(
            house.client(
                house.engine.networks.connect(
                    "net", "cc", Attachment(ipam_config=IpamRequest(ipv4="10.200.0.9"))
                )
            )
        )
        for _ in range(n):
            await asyncio.sleep(0)
        await house.client(house.engine.networks.remove("net"))
        await join
        await house.check(kernel=False)
        await house.client(house.engine.networks.disconnect("net", "cc", True))
        await house.client(house.engine.networks.remove("net"))


async def test_refusals_of_verbs_in_the_wrong_state(house: House) -> None:
    await house.container("cc")
    await house.start_container("cc")
    with pytest.raises(NotModified):
        await house.start_container("cc")
    await house.engine.containers.pause("cc")
    with pytest.raises(Conflict):
        await house.start_container("cc")
    await house.engine.containers.stop("cc", 1, None)
    with pytest.raises(NotModified):
        await house.engine.containers.stop("cc", 1, None)
    await house.container("own", "container:cc")
    with pytest.raises((Conflict, InvalidInput)):
        await house.start_container("own")
    await house.start_container("cc")
    await house.engine.containers.pause("cc")
    await house.remove("cc")
