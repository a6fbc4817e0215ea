"""What is ZooKeeper's own: users, certificates, sessions that end, tidying up, lost data, threads."""

import asyncio
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from kazoo.protocol.serialization import Close

from seaway.errors import Forbidden, InvalidInput, Unavailable
from seaway.store import Check, Delete, Put, zookeeper
from seaway.store.zookeeper import ZookeeperStore
from seaway.store.zookeeper_lease import Ticket, _visit
from tests.cluster.stores.zookeeper import Zookeeper
from tests.stores.faults import TIMEOUT, patient
from tests.stores.follower import Follower, has, knows
from tests.stores.rig import serving
from tests.stores.suite import values

pytestmark = pytest.mark.skipif(bool(Zookeeper.absent()), reason=Zookeeper.absent())


@pytest.fixture
def own() -> Iterator[Zookeeper]:
    """A server of this test's alone."""
    with serving(Zookeeper) as server:
        yield server


@asynccontextmanager
async def opened(server: Zookeeper, **more: Any) -> AsyncIterator[ZookeeperStore]:
    store: ZookeeperStore = server.client(**more)
    try:
        await patient(store.open)
        yield store
    finally:
        await store.close()


async def test_a_user_with_a_password(own: Zookeeper) -> None:
    async with opened(own, user="me", password="p:w") as store:
        await store.commit([], [Put("a", b"1")])
        lease = await store.lease(10)
        await store.commit([], [Put("leased", b"1", lease)])
        assert await store.renew(lease)
        own.kill()
        own.start()
        assert await patient(lambda: values(store)) == {"a": b"1", "leased": b"1"}
        await store.revoke(lease)
        for wrong in ({"user": "me", "password": "x"}, {"user": "nobody", "password": "x"}, {}):
            other = own.client(**wrong)
            try:
                with pytest.raises(Forbidden):
                    await other.open()
                    await other.commit([], [Put("b", b"1")])
            finally:
                await other.close()
        assert await values(store) == {"a": b"1"}


class Secure(Zookeeper):
    """A server that speaks TLS alone, and wants to know who asks."""

    def prepare(self) -> None:
        run = partial(subprocess.run, cwd=self.directory, check=True, capture_output=True)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        run(["openssl", "req", "-x509", *key, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"])
        (self.directory / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
        for name in ("server", "client"):
            run(["openssl", "req", "-new", *key[:-2], "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                 "-out", f"{name}.csr"])  # fmt: skip
            run(["openssl", "x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem"])
        both = [(self.directory / f"server.{kind}").read_text() for kind in ("key", "pem")]
        (self.directory / "both.pem").write_text("".join(both))
        self.options = (
            f"ssl.keyStore.location={self.directory}/both.pem",
            f"ssl.trustStore.location={self.directory}/ca.pem",
            "ssl.clientAuth=need",
            "ssl.hostnameVerification=false",
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
        )
        super().prepare()

    def ports(self) -> Sequence[str]:
        return [f"secureClientPort={self.port}", "secureClientPortAddress=127.0.0.1"]

    def ready(self) -> bool:
        return super(Zookeeper, self).ready()


async def test_certificates_of_both_sides() -> None:
    with serving(Secure) as server:
        paths = {"ca": "ca.pem", "cert": "client.pem", "key": "client.key"}
        files = {name: str(server.directory / path) for name, path in paths.items()}
        async with opened(server, **files) as store:
            await store.commit([], [Put("a", b"1")])
            lease = await store.lease(5)
            await store.commit([], [Put("leased", b"1", lease)])
            assert await store.renew(lease)
            assert await values(store) == {"a": b"1", "leased": b"1"}
            await store.revoke(lease)
        for wrong in ({"ca": files["ca"]}, {}):
            stranger = server.client(timeout=TIMEOUT, **wrong)
            with pytest.raises(Unavailable):
                await stranger.open()
            await stranger.close()
        distrustful = server.client(**files | {"ca": files["cert"]})
        with pytest.raises(Forbidden, match="certificate"):
            await distrustful.open()
        await distrustful.close()


async def end_session(server: Zookeeper, store: ZookeeperStore) -> None:
    """As the server does with a session that was silent for too long."""
    assert store._session is not None
    number, password = store._session._client.client_id

    async def goodbye(line: Any, _ticket: Ticket) -> None:
        await line.ask(Close())

    await _visit(server.place(), Ticket(number, password, 6000), goodbye)


async def test_a_session_that_ended_is_followed_by_another(own: Zookeeper) -> None:
    async with opened(own) as store, opened(own) as other:
        await store.commit([], [Put("a", b"1")])
        lease = await store.lease(5)
        await store.commit([], [Put("leased", b"1", lease)])
        follower = Follower(store, "", await store.read(""))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(follower.persist(has("b")))
            await asyncio.sleep(0.2)
            await end_session(own, store)
            await other.commit([], [Put("b", b"1"), Delete("a")])
            await watching
        await patient(lambda: store.commit([], [Put("c", b"1")]))
        assert await values(store) == {"b": b"1", "c": b"1", "leased": b"1"}
        assert await store.renew(lease)


async def test_a_lease_ends_though_its_holder_lives_and_nobody_watches(own: Zookeeper) -> None:
    async with opened(own) as store, opened(own) as other:
        lease = await store.lease(1)
        await store.commit([], [Put("alive", b"1", lease)])
        await asyncio.sleep(3)
        await other.commit([Check("alive")], [Put("mine", b"1")])
        assert await values(store) == {"mine": b"1"}
        assert not await store.renew(lease)


async def test_a_key_that_went_and_came_again_is_not_the_old_one(own: Zookeeper, monkeypatch: Any) -> None:
    async with opened(own) as store, opened(own) as other:
        old = await store.commit([], [Put("claim", b"mine")])
        assert store._committer is not None
        look = store._committer._look

        async def slow(*args: Any, **more: Any) -> Any:
            seen = await look(*args, **more)
            monkeypatch.setattr(store._committer, "_look", look)
            await other.commit([Check("claim", old)], [Delete("claim")])
            await other.commit([Check("claim")], [Put("claim", b"theirs")])
            return seen

        monkeypatch.setattr(store._committer, "_look", slow)
        with pytest.raises(zookeeper.StoreConflict):
            await store.commit([Check("claim", old)], [Delete("claim")])
        assert await values(store) == {"claim": b"theirs"}


async def test_old_entries_and_empty_directories_are_tidied_up(own: Zookeeper, monkeypatch: Any) -> None:
    monkeypatch.setattr(zookeeper, "HISTORY", 20)
    monkeypatch.setattr(zookeeper, "TIDY", 10)
    monkeypatch.setattr(zookeeper, "_UNKNOWN", -21)
    async with opened(own) as store:
        await store.commit([], [Put("kept", b"1"), Put("gone/1", b"1")])
        before = Follower(store, "", await store.read(""))
        await store.commit([], [Delete("gone/1")])
        for number in range(60):
            await store.commit([], [Put(f"n/{number % 7}", b"%d" % number)])
        root = store._layout
        entries, directories = await store._ask(
            lambda client: client.get_children_async(root.log),
            lambda client: client.get_children_async(root.keys),
        )
        assert len(entries) <= 31
        assert sorted(directories) == ["=", "=n"]
        facts = await values(store)
        await before.run(knows(facts))
        await store.commit([], [Put("gone/1", b"2")])
        assert (await before.run(has("gone/1"))).facts == facts | {"gone/1": b"2"}


async def test_large_values_are_watched_too(own: Zookeeper) -> None:
    async with opened(own) as store:
        follower = Follower(store, "", await store.read(""))
        for number in range(3):
            await store.commit([], [Put("large", b"%d" % number * 100_000), Put("small", b"%d" % number)])
        await follower.run(lambda f: f.facts.get("small") == b"2")
        assert follower.facts == {"large": b"2" * 100_000, "small": b"2"}
        with pytest.raises(InvalidInput):
            await store.commit([], [Put("1", bytes(512 << 10)), Put("2", bytes(512 << 10))])


async def test_a_server_that_lost_everything(own: Zookeeper) -> None:
    async with opened(own, timeout=TIMEOUT) as store:
        for number in range(50):
            await store.commit([], [Put(f"k/{number}", b"old")])
        follower = Follower(store, "", await store.read(""))
        own.kill()
        shutil.rmtree(own.directory / "data")
        own.start()
        async with opened(own) as other:
            for number in range(40, 100):
                await other.commit([], [Put(f"k/{number}", b"new")])
            await follower.persist(knows({f"k/{n}": b"new" for n in range(40, 100)}))
            await other.commit([], [Put("last", b"1")])
            await follower.persist(has("last"))
            assert await values(store) == follower.facts


async def test_who_is_first_after_the_loss_lays_everything_anew(own: Zookeeper) -> None:
    async with opened(own, timeout=TIMEOUT) as store:
        lease = await store.lease(5)
        await store.commit([], [Put("leased", b"old", lease), Put("n/1", b"old")])
        follower = Follower(store, "", await store.read(""))
        own.kill()
        shutil.rmtree(own.directory / "data")
        own.start()
        await follower.persist(knows({}))
        assert await store.renew(lease) is False
        again = await store.lease(5)
        await store.commit([Check("n/1")], [Put("leased", b"new", again), Put("n/1", b"new")])
        await follower.persist(knows({"leased": b"new", "n/1": b"new"}))


async def test_nothing_is_left_running(own: Zookeeper) -> None:
    def ours() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("seaway-")]

    async with opened(own) as store:
        await store.commit([], [Put("a", b"1")])
        assert ours()
        for how in (own.freeze, own.kill):
            other = await anew(own, how)
            await other.close()
            own.mend()
    own.kill()
    never = own.client(timeout=0.5)
    with pytest.raises(Unavailable):
        await never.open()
    end = time.monotonic() + 5
    while ours() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert not ours()


async def anew(server: Zookeeper, how: Callable[[], None]) -> ZookeeperStore:
    store: ZookeeperStore = server.client()
    await patient(store.open)
    how()
    return store
