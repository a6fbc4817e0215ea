"""Any run of commits leaves the store as a dict would be, and a watch tells exactly that story."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seaway.errors import StoreConflict
from seaway.store import Check, Delete, Put, View

_KEYS = st.text(
    st.sampled_from(["a", "b", "/", "%", "é", "\ud7ff", "\ue000", "\U0010ffff"]), min_size=1, max_size=3
)
_WRITES = st.one_of(st.builds(Put, _KEYS, st.binary(max_size=3)), st.builds(Delete, _KEYS))
_CHECKS = st.tuples(_KEYS, st.sampled_from(["absent", "present", "stale"]))
_COMMITS = st.lists(
    st.tuples(st.lists(_CHECKS, max_size=2), st.lists(_WRITES, max_size=4)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=_COMMITS, prefix=st.one_of(st.just(""), _KEYS))
def test_a_store_is_a_dict_with_history(opener: Any, commits: Any, prefix: str) -> None:
    asyncio.run(_run(opener, commits, prefix))


async def _run(opener: Any, commits: Any, prefix: str) -> None:
    model: dict[str, tuple[bytes, int]] = {}
    story: list[tuple[str, bytes | None, int]] = []
    with tempfile.TemporaryDirectory() as directory:
        async with opener(Path(directory)) as store:
            for wishes, writes in commits:
                checks = [Check(key, _revision(model, key, wish)) for key, wish in wishes]
                failed = {c.key for c in checks if model.get(c.key, (b"", 0))[1] != c.revision}
                try:
                    revision = await store.commit(checks, writes)
                except StoreConflict as error:
                    assert set(error.keys) == failed
                    continue
                assert not failed
                story += _write(model, writes, revision)
        async with opener(Path(directory)) as store:  # what was acknowledged outlives the store
            reading = await store.read(prefix)
            items = {key: (item.value, item.revision) for key, item in reading.items.items()}
            assert items == {key: item for key, item in model.items() if key.startswith(prefix)}
            await _assert_told(store, prefix, story)


def _revision(model: dict[str, tuple[bytes, int]], key: str, wish: str) -> int:
    now = model.get(key, (b"", 0))[1]
    return {"absent": 0, "present": now, "stale": now + 1000}[wish]


def _write(model: dict[str, tuple[bytes, int]], writes: Any, revision: int) -> list[Any]:
    final = {write.key: write for write in writes}
    story: list[Any] = []
    for key in sorted(final, key=lambda k: k.encode()):
        write = final[key]
        if isinstance(write, Put):
            model[key] = (write.value, revision)
            story.append((key, write.value, revision))
        elif model.pop(key, None) is not None:
            story.append((key, None, revision))
    return story


async def _assert_told(store: Any, prefix: str, story: list[Any]) -> None:
    expected = [change for change in story if change[0].startswith(prefix)]
    last = await store.commit([], [Put(prefix + "end", b"")])
    seen: list[Any] = []
    async with asyncio.timeout(5):
        async for batch in store.watch(prefix, View()):
            seen += [(event.key, event.value, event.revision) for event in batch.events]
            if seen[-1][2] == last:
                break
    assert sorted(seen[:-1], key=_order) == sorted(expected, key=_order)
    assert [c[2] for c in seen] == sorted(c[2] for c in seen)


def _order(change: Any) -> Any:
    return change[2], change[0]
