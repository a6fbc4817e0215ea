"""What is Consul's own: leases that keys keep, tokens, TLS, several servers, an index that goes back."""

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import Forbidden, InvalidInput, NotFound, StoreConflict, Unavailable
from seaway.store import Check, Delete, Item, Put, View
from seaway.store.consul import ConsulStore
from seaway.store.contract import LIMIT
from seaway.store.place import Place
from tests.cluster.stores.consul import Consul
from tests.stores.fake_consul import FakeConsul
from tests.stores.rig import Rig, ServerProcess, free_port, serving

KINDS: dict[str, type[ServerProcess]] = {"consul": Consul, "fake": FakeConsul}


@pytest.fixture(scope="module", params=sorted(KINDS))
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    if reason := KINDS[request.param].absent():
        pytest.skip(reason)
    with serving(KINDS[request.param]) as running:
        yield running


async def keys(store: Any) -> list[str]:
    return sorted((await store.read("")).items)


async def test_a_key_put_without_a_lease_outlives_the_lease_it_had(store: Any) -> None:
    lease, other = await store.lease(20), await store.lease(20)
    await store.commit([], [Put("plain", b"1", lease), Put("moved", b"1", lease), Put("left", b"1", lease)])
    await store.commit([], [Put("plain", b"2"), Put("moved", b"2", other)])
    await store.revoke(lease)
    assert await keys(store) == ["moved", "plain"]
    await store.revoke(other)
    assert await keys(store) == ["plain"]


async def test_a_full_commit_over_keys_with_leases(store: Any) -> None:
    """There is no room to free each key first: their leases are looked up."""
    lease = await store.lease(20)
    names = [f"many/{n}" for n in range(LIMIT)]
    first = await store.commit([], [Put(name, b"1", lease) for name in names[::2]])
    assert await store.commit([], [Put(name, b"2") for name in names]) > first
    await store.revoke(lease)
    items = (await store.read("many/")).items
    assert sorted(items) == sorted(names) and {i.value for i in items.values()} == {b"2"}


async def test_a_commit_that_is_too_much_says_so(store: Any) -> None:
    with pytest.raises(InvalidInput, match="at most 64 operations"):
        await store.commit([Check(f"{n}", 1) for n in range(LIMIT)], [Delete(f"{n}") for n in range(LIMIT)])
    for writes in ([Put("large", b"\0" * 600_000)], [Put("large", b"\0" * 500_000), Put("small", b"")]):
        with pytest.raises(InvalidInput, match="too large"):
            await store.commit([], writes)
    assert await keys(store) == []


async def test_a_value_too_large_for_a_transaction_is_put_alone(store: Any) -> None:
    large = bytes(range(256)) * 2048
    first = await store.commit([Check("k")], [Put("k", large)])
    assert (await store.read("")).items == {"k": Item(large, first)}
    with pytest.raises(StoreConflict):
        await store.commit([Check("k")], [Put("k", large)])
    second = await store.commit([Check("k", first)], [Put("k", large)])
    await store.commit([Check("k", second)], [Put("k", b"", await store.lease(20))])
    with pytest.raises(InvalidInput, match="together with more"):
        await store.commit([], [Put("k", large)])


async def test_words_that_are_no_lease(store: Any) -> None:
    for lease in ("nonsense", "../kv/x", "6f9c8ba8-1111-2222-3333-444444444444"):
        assert await store.renew(lease) is False
        await store.revoke(lease)
        with pytest.raises(NotFound, match="has run out"):
            await store.commit([], [Put("a", b"", lease)])


async def test_a_watch_that_waits_is_sent_next_to_nothing(store: Any, monkeypatch: Any) -> None:
    """Only the question whether something changed is asked again, not the prefix."""
    monkeypatch.setattr("seaway.store.consul.WAIT", 0.2)
    await store.commit([], [Put("a", b"1")])
    reads = 0
    rows = store._rows

    async def counted(prefix: str) -> Any:
        nonlocal reads
        reads += 1
        return await rows(prefix)

    monkeypatch.setattr(store, "_rows", counted)
    view = View()

    async def watch() -> None:
        async for batch in store.watch("", view):
            view.apply(batch)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch())
        await asyncio.sleep(1.5)
        idle = reads
        await store.commit([], [Put("b", b"1")])
        await asyncio.sleep(0.5)
        task.cancel()
    assert idle == 1
    assert reads == 2 and sorted(view.revisions) == ["a", "b"]


async def test_a_store_that_was_begun_anew_is_told_as_a_whole(tmp_path: Path) -> None:
    """Its indexes are low again, so that a key may stand at the revision that the view knows already."""
    with serving(FakeConsul) as server:
        async with Rig(server) as rig:
            store = await rig.store("p")
            await store.commit([], [Put("same", b"old"), Put("gone", b"old")])
            for number in range(5):
                await store.commit([], [Put("n", b"%d" % number)])
            view = View.of(await store.read(""))
            server.kill()
            (server.directory / "log").unlink()
            server.start()
            while True:
                try:
                    assert await store.commit([], [Put("n", b"new")]) < view.revision
                    assert await store.commit([], [Put("same", b"new")]) == view.revisions["same"]
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
            async with asyncio.timeout(5):
                async for batch in store.watch("", view):
                    told = {event.key: event.value for event in batch.events}
                    break
            assert told == {"same": b"new", "n": b"new", "gone": None}


async def test_another_server_is_asked_when_one_is_silent(server: Any) -> None:
    """One refuses, one takes connections and says nothing. A commit that this one got is not repeated."""
    silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    hosts = [("127.0.0.1", p) for p in (free_port(), port, server.port)]
    store = ConsulStore(Place(scheme="consul", servers=tuple(hosts), prefix="over", timeout=1.5))
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            await store.open()
        await store.open()
        await store.commit([Check("a")], [Put("a", b"1")])
        again = ConsulStore(Place(scheme="consul", servers=tuple(hosts), prefix="over", timeout=1.5))
        try:
            await again._agents.open()
            begun = time.monotonic()
            assert list((await again.read("")).items) == ["a"]
            assert time.monotonic() - begun < 1.5
        finally:
            await again.close()
    finally:
        await store.close()
        silent.close()


class Other:
    """A server that is not Consul: it says the same to every request, and counts them."""

    def __init__(self, *says: str) -> None:
        self.says = list(says)
        self.asked = 0

    async def __aenter__(self) -> Place:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        return Place(scheme="consul", servers=(("127.0.0.1", port),), timeout=2)

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
            self.asked += 1
            if not self.says:
                break
            body = self.says.pop(0)
            status, _, body = body.partition(" ")
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()


async def test_a_commit_is_not_sent_again_when_a_kept_connection_breaks() -> None:
    """Aiohttp would: the commit could then be refused for what it has done itself."""
    done = '200 {"Results": [], "Errors": null}'
    other = Other(done, done)
    async with other as where:
        store = ConsulStore(where)
        await store.open()
        await store.commit([], [Delete("a")])
        with pytest.raises(Unavailable):
            await store.commit([], [Delete("a")])
        await store.close()
    assert other.asked == 3


@pytest.mark.parametrize("says", ["200 <html>", "200 {}", "404 no such page", "302 ", "500 broken", "429 "])
async def test_who_does_not_speak_consul_does_not_answer(says: str) -> None:
    async with Other(says) as where:
        store = ConsulStore(where)
        with pytest.raises(Unavailable):
            await store.open()
        await store.close()


@pytest.fixture(scope="module")
def guarded() -> Iterator[Any]:
    """A server with access rules: who has no token may do nothing."""
    if reason := Consul.absent():
        pytest.skip(reason)
    tokens = {"master": "11111111-2222-3333-4444-555555555555"}
    rules = {"enabled": True, "default_policy": "deny", "tokens": tokens}

    class Guarded(Consul):
        def ready(self) -> bool:
            try:
                return bool(self.ask("catalog/nodes?consistent", token=tokens["master"]))
            except OSError:
                return False

        def prepare(self) -> None:
            self.more = {"acl": rules}
            super().prepare()

    with serving(Guarded) as running:
        yield running


async def test_tokens(guarded: Any) -> None:
    master = "11111111-2222-3333-4444-555555555555"
    rules = 'key_prefix "mine" { policy = "write" } session_prefix "" { policy = "write" }'
    made = guarded.ask("acl/policy", {"Name": "mine", "Rules": rules}, master)
    token = guarded.ask("acl/token", {"Policies": [{"ID": made["ID"]}]}, master)["SecretID"]
    async with Rig(guarded) as rig:
        for prefix, more in (
            ("mine", {}),
            ("mine", {"token": "66666666-2222-3333-4444-555555555555"}),
            ("other", {"token": token}),
        ):
            with pytest.raises(Forbidden):
                await rig.client(prefix, **more).open()
        for name in ("token", "password"):
            store = await rig.store("mine", **{name: token})
            lease = await store.lease(20)
            await store.commit([], [Put(f"a/{name}", b"", lease)])
            assert await keys(store) == [f"a/{name}"]
            with pytest.raises(StoreConflict):
                await store.commit([Check(f"a/{name}")], [])
            await store.revoke(lease)


def _certificates(folder: Path) -> dict[str, str]:
    """A CA, a server's and a client's certificate, and a CA that nobody knows."""
    names = {n: str(folder / n) for n in ("ca", "ca.key", "one", "one.key", "other", "other.key")}

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60, cwd=folder)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", name, "-days", "30")  # fmt: skip
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", "/CN=one", "-keyout", "one.key", "-out", "one.csr")  # fmt: skip
    (folder / "more").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("x509", "-req", "-in", "one.csr", "-CA", "ca", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "more", "-out", "one", "-days", "30")  # fmt: skip
    return names


async def test_certificates(tmp_path: Path) -> None:
    if reason := Consul.absent() or ("" if shutil.which("openssl") else "there is no openssl"):
        pytest.skip(reason)
    files = _certificates(tmp_path)

    class Sealed(Consul):
        def prepare(self) -> None:
            self.more = {
                "ports": {"http": -1, "https": self.port},
                "ca_file": files["ca"],
                "cert_file": files["one"],
                "key_file": files["one.key"],
                "verify_incoming_https": True,
            }
            super().prepare()

        def ready(self) -> bool:
            context = ssl.create_default_context(cafile=files["ca"])
            context.load_cert_chain(files["one"], files["one.key"])
            try:
                where = f"https://127.0.0.1:{self.port}/v1/catalog/nodes?consistent"
                with urllib.request.urlopen(where, timeout=5, context=context) as answer:
                    return bool(json.load(answer))
            except OSError:
                return False

    with serving(Sealed) as server:
        async with Rig(server) as rig:
            good = {"ca": files["ca"], "cert": files["one"], "key": files["one.key"]}
            store = await rig.store("sealed", **good)
            await store.commit([], [Put("a", b"1")])
            assert await keys(store) == ["a"]
            for wrong in (
                {"ca": files["ca"]},
                {**good, "ca": files["other"]},
                {**good, "cert": files["other"], "key": files["other.key"]},
                {**good, "ca": str(tmp_path / "nothing")},
                {**good, "key": files["ca"]},
            ):
                with pytest.raises(Forbidden):
                    await rig.client("sealed", **wrong).open()
            with pytest.raises(Forbidden, match="HTTPS"):
                await rig.client("sealed").open()
