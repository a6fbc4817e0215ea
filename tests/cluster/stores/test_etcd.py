"""What is etcd's own: users, certificates, several members, pages, another history."""

import asyncio
import base64
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import Forbidden, Unavailable
from seaway.store import Check, Delete, Put, etcd_wire
from seaway.store.etcd import EtcdStore
from tests.cluster.stores.etcd import Etcd
from tests.stores.faults import TIMEOUT, patient, refused, refused_in_time
from tests.stores.follower import Follower, has, knows
from tests.stores.rig import serving
from tests.stores.suite import values

pytestmark = pytest.mark.skipif(bool(Etcd.absent()), reason=Etcd.absent())


@pytest.fixture
def own() -> Iterator[Etcd]:
    """A server of this test's alone."""
    with serving(Etcd) as server:
        yield server


@asynccontextmanager
async def opened(server: Etcd, **more: Any) -> AsyncIterator[EtcdStore]:
    store: EtcdStore = server.client(**more)
    try:
        await patient(store.open)
        yield store
    finally:
        await store.close()


def users(server: Etcd) -> None:
    """Root, and a user who may do all below ``mine/`` and nothing else."""
    first, end = (base64.b64encode(text).decode() for text in (b"mine/", b"mine0"))
    grant = {"permType": "READWRITE", "key": first, "range_end": end}
    for path, body in [
        ("user/add", {"name": "root", "password": "r"}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "me", "password": "p:w"}),
        ("role/add", {"name": "mine"}),
        ("role/grant", {"name": "mine", "perm": grant}),
        ("user/grant", {"user": "me", "role": "mine"}),
        ("enable", {}),
    ]:
        server.ask(f"auth/{path}", body)


async def test_a_user_with_a_password(own: Etcd) -> None:
    async with opened(own, prefix="mine", user="me", password="p:w") as store:
        await store.commit([], [Put("before", b"1")])  # no users yet: nobody is asked for a password
        users(own)
        await store.commit([], [Put("a", b"1")])
        lease = await store.lease(30)
        await store.commit([], [Put("leased", b"1", lease)])
        follower = Follower(store, "", await store.read(""))
        async with asyncio.TaskGroup() as group:
            cut = group.create_task(refused(follower))
            await asyncio.sleep(0.2)
            own.kill()
            await cut
        own.start()  # it has forgotten its tokens
        await patient(lambda: store.commit([], [Put("b", b"1"), Delete("before")]))
        assert await store.renew(lease)
        assert (await follower.persist(has("b"))).facts == {"a": b"1", "b": b"1", "leased": b"1"}
        await store.revoke(lease)
        for wrong in ({"user": "me", "password": "x"}, {"user": "nobody", "password": "x"}, {}):
            await forbidden(own, "etcd://127", prefix="mine", **wrong)
        await forbidden(own, "permission denied", prefix="other", user="me", password="p:w")


async def forbidden(server: Etcd, words: str, **fields: str) -> None:
    """What cannot be mended by trying again is told as such."""
    store = server.client(**fields)
    try:
        with pytest.raises(Forbidden, match=words):
            await store.open()
    finally:
        await store.close()


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; certificates for the server, a client, and a client of the other authority."""
    home = tmp_path_factory.mktemp("papers")

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=home, check=True, capture_output=True)

    (home / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for authority in ("ca", "other"):
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}",
            "-keyout", f"{authority}.key", "-out", f"{authority}.pem")  # fmt: skip
    for name, authority in (("server", "ca"), ("client", "ca"), ("stranger", "other")):
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
    return home


async def test_certificates_on_both_sides(papers: Path) -> None:
    options = [
        f"--cert-file={papers}/server.pem",
        f"--key-file={papers}/server.key",
        f"--trusted-ca-file={papers}/ca.pem",
        "--client-cert-auth",
    ]
    good = {"ca": f"{papers}/ca.pem", "cert": f"{papers}/client.pem", "key": f"{papers}/client.key"}
    with serving(partial(Etcd, options=options)) as server:
        async with opened(server, **good) as store, asyncio.TaskGroup() as group:
            follower = Follower(store)
            group.create_task(follower.run(has("a")))
            await store.commit([Check("a")], [Put("a", b"1")])
        wrong: list[dict[str, str]] = [
            {"ca": good["ca"]},
            good | {"ca": f"{papers}/other.pem"},
            good | {"cert": f"{papers}/stranger.pem", "key": f"{papers}/stranger.key"},
            good | {"cert": f"{papers}/stranger.pem"},
            good | {"ca": f"{papers}/none.pem"},
        ]
        for fields in wrong:
            await forbidden(server, "TLS|cannot use|certificate", **fields)


@pytest.fixture
def three() -> Iterator[list[Etcd]]:
    """Three members of one cluster."""
    with ExitStack() as stack:
        members = [stack.enter_context(serving(partial(Etcd, name=f"m{n}"), start=False)) for n in range(3)]
        for member in members:
            member.cluster = ",".join(f"{m.name}={m.peer}" for m in members)
        for member in members:
            member.spawn()
        for member in members:
            member.wait()
        yield members


def leader(members: list[Etcd]) -> Etcd:
    for member in members:
        status = member.ask("maintenance/status", {})
        if status["leader"] == status["header"]["member_id"]:
            return member
    raise AssertionError("no leader")


async def test_of_three_members_the_leader_dies_and_then_one_more(three: list[Etcd]) -> None:
    servers = tuple(("127.0.0.1", member.port) for member in three)
    done: dict[str, bytes] = {}
    gaps: list[float] = []

    async def write(store: EtcdStore, stop: asyncio.Event) -> None:
        last, number = time.monotonic(), 0
        while not stop.is_set():
            number += 1
            try:
                await store.commit([], [Put(f"k/{number:05}", b"")])
                done[f"k/{number:05}"] = b""
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
            except Unavailable:
                pass
            await asyncio.sleep(0.01)

    async with opened(three[0], servers=servers, timeout=3.0) as store:
        follower, stop = Follower(store, "k/"), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(follower.persist(has("k/end"), 60))
            group.create_task(write(store, stop))
            await asyncio.sleep(0.5)
            (first := leader(three)).kill()
            await asyncio.sleep(5)
            stop.set()
            await patient(lambda: store.commit([], [Put("k/end", b"")]))
        assert len(done) > 100 and max(gaps) < 5
        assert follower.facts.keys() >= done.keys()
        assert await values(store, "k/") == follower.facts

        async with asyncio.TaskGroup() as group:
            cut = group.create_task(refused(follower))
            await asyncio.sleep(0.2)
            second = next(m for m in three if m.running)
            second.kill()
            await cut  # also of the member that is left: alone, it cannot know what is written
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await store.commit([], [Put("k/alone", b"")])
        with pytest.raises(Unavailable):
            await store.read("")
        assert time.monotonic() - began < 7
        first.spawn()
        second.spawn()
        await patient(lambda: store.commit([], [Put("k/last", b"")]), 30)
        await follower.persist(has("k/last"))
        assert await patient(lambda: values(store, "k/")) == follower.facts


async def test_a_silent_member_is_passed_over(three: list[Etcd]) -> None:
    servers = tuple(("127.0.0.1", member.port) for member in three)
    async with opened(three[0], servers=servers, timeout=TIMEOUT) as store:
        for member in three:
            await store.commit([], [Put("a", member.name.encode())])
            member.freeze()
            try:
                for _ in range(3):
                    assert await patient(lambda: values(store))
                await patient(lambda: store.commit([], [Put("b", b"")]))
            finally:
                member.thaw()


async def test_a_reading_of_many_pages_is_of_one_revision(own: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_wire, "PAGE", 7)
    async with opened(own) as store, opened(own) as other:
        for number in range(60):
            await store.commit([], [Put(f"l/{number:03}", b"0"), Put(f"r/{number:03}", b"0")])
        stop = asyncio.Event()

        async def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                value = b"%d" % number
                await other.commit([], [Put(f"l/{number % 80:03}", value), Put(f"r/{number % 80:03}", value)])
                await other.commit([], [Delete(f"l/{number * 7 % 80:03}"), Delete(f"r/{number * 7 % 80:03}")])
                if number % 20 == 0:
                    await own.compact()

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            for _ in range(20):
                reading = await values(store)
                left, right = ({k[2:]: v for k, v in reading.items() if k[0] == side} for side in "lr")
                assert left == right
            stop.set()


async def test_a_server_whose_data_were_lost_is_told_from_the_start(own: Etcd) -> None:
    async with opened(own) as store:
        for number in range(20):
            await store.commit([], [Put("a", b"%d" % number), Put("gone", b"")])
        follower = Follower(store, "", await store.read(""))
        own.kill()
        shutil.rmtree(own.directory / "data")
        own.start()
        for number in range(3):
            await patient(lambda n=number: store.commit([], [Put("a", b"new%d" % n)]))
        await follower.persist(knows({"a": b"new2"}))
        await store.commit([], [Put("b", b"")])
        await follower.persist(has("b"))


async def test_a_connection_that_went_dead_is_noticed(own: Etcd) -> None:
    async with (
        proxy(own.port) as (port, silence),
        opened(own) as direct,
        opened(own, servers=(("127.0.0.1", port),), timeout=TIMEOUT) as store,
    ):
        follower = Follower(store, "", await store.read(""))
        async with asyncio.TaskGroup() as group:
            cut = group.create_task(refused(follower))
            await asyncio.sleep(0.2)
            silence(True)
            await direct.commit([], [Put("a", b"1")])
            await refused_in_time(store.read(""))
            await cut
        silence(False)
        await follower.persist(has("a"), 10)


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[tuple[int, Callable[[bool], None]]]:
    """A port that leads to another one, until it falls silent: connections stay, and nothing goes through."""
    silent = False

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not silent:
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            far_writer.close()

    def silence(value: bool) -> None:
        nonlocal silent
        silent = value

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], silence
    finally:
        server.close()


async def test_a_frozen_server_refuses_in_time_whatever_was_asked(own: Etcd) -> None:
    async with opened(own, timeout=TIMEOUT) as store:
        own.freeze()
        await refused_in_time(store.open())
        own.thaw()
        await store.open()
