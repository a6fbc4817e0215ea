"""The file under the embedded store: locks, damage, full disks, compaction, and sudden death."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seaway.errors import Conflict, Failure, NotFound, Unavailable
from seaway.store import Check, Event, Put, Store, View
from seaway.store.sqlite import SqliteStore
from seaway.store.sqlite_file import LOG_ROOM, ROOM

_WRITER = """
import asyncio, sys
from pathlib import Path
from seaway.store import Put
from seaway.store.sqlite import SqliteStore
from seaway.store.sqlite_file import LOG_ROOM, ROOM

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    number = int(sys.argv[2])
    while True:
        await store.commit([], [Put(f"left/{number}", b"x" * 200), Put(f"right/{number}", b"y" * 200)])
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


async def test_it_is_a_store_and_makes_its_directories(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "facts.db"
    store: Store = (opened := SqliteStore(path))
    await opened.open()
    await store.commit([], [Put("k", b"v")])
    await store.close()
    await store.close()
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(Unavailable, match="not open"):
        await store.read("")


def write_until_killed(path: Path, first: int, seconds: float) -> int:
    """Commits from number ``first`` on until kill -9; gives the last number that was acknowledged."""
    command = [sys.executable, "-c", _WRITER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = int(writer.stdout.readline())
        time.sleep(seconds)
        writer.kill()
        lines = writer.stdout.read().splitlines(keepends=True)
    return max([acknowledged, *(int(line) for line in lines if line.endswith("\n"))])


async def test_no_acknowledged_commit_is_lost_by_kill_9(tmp_path: Path) -> None:
    path, last = tmp_path / "facts.db", -1
    for seconds in (0.02, 0.005, 0.03):
        acknowledged = write_until_killed(path, last + 1, seconds)
        store = SqliteStore(path)
        await store.open()
        left, right = await store.read("left/"), await store.read("right/")
        await store.close()
        numbers = sorted(int(key.removeprefix("left/")) for key in left.items)
        assert acknowledged > last
        assert numbers in (list(range(acknowledged + 1)), list(range(acknowledged + 2)))
        assert {k.replace("left", "right") for k in left.items} == set(right.items), "a half-written commit"
        last = numbers[-1]
    assert last > 20


async def test_a_second_daemon_is_told_who_holds_the_file(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "facts.db"), SqliteStore(tmp_path / "facts.db")
    await first.open()
    with pytest.raises(Conflict, match=rf"facts\.db is in use by another daemon \(pid {os.getpid()}\)"):
        await second.open()
    await first.commit([], [Put("k", b"v")])
    await first.close()
    third = SqliteStore(tmp_path / "facts.db")
    await third.open()
    assert "k" in (await third.read("")).items
    await third.close()


@pytest.mark.parametrize(
    "content", [b"this is no database at all, " * 400, b"SQLite format 3\x00" + b"\xff" * 9000]
)
async def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "facts.db"
    path.write_bytes(content)
    with pytest.raises(Failure, match=r"facts\.db.*[Mm]ove it away"):
        await SqliteStore(path).open()
    assert path.read_bytes() == content
    path.unlink()
    store = SqliteStore(path)  # the lock was freed
    await store.open()
    await store.close()


async def test_damage_inside_is_found_when_opening(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    store = SqliteStore(path)
    await store.open()
    await store.commit([], [Put(f"k/{n}", b"x" * 900) for n in range(200)])
    await store.close()
    data = bytearray(path.read_bytes())
    data[8192 : 8192 + 40000] = b"\xa5" * 40000
    path.write_bytes(data)
    with pytest.raises(Failure, match=r"facts\.db: the file is damaged"):
        await SqliteStore(path).open()


async def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA user_version = 99")
    with pytest.raises(Failure, match=r"facts\.db has schema version 99.*newer"):
        await SqliteStore(path).open()


async def test_a_full_disk_writes_nothing_and_the_store_lives_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facts.db")
    await store.open()
    revision = await store.commit([], [Put("k", b"before")])
    sql = store._file._db
    store._thread.submit(sql.execute, "PRAGMA max_page_count = 16").result()
    with pytest.raises(Failure, match=r"facts\.db: no space is left"):
        await store.commit([], [Put("k", b"after"), Put("big", b"x" * 9_000_000)])
    reading = await store.read("")
    assert {k: i.value for k, i in reading.items.items()} == {"k": b"before"}
    assert reading.revision == revision
    store._thread.submit(sql.execute, "PRAGMA max_page_count = 1000000").result()
    assert await store.commit([Check("k", revision)], [Put("k", b"after")]) == revision + 1
    await store.close()


async def test_room_for_the_next_commits_is_had_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    for _ in range(2):
        store = SqliteStore(path)
        await store.open()
        # Fewer pages than there are cannot be asked for: SQLite takes it as no more than these.
        store._thread.submit(store._file._db.execute, "PRAGMA max_page_count = 1").result()
        for n in range(100):
            await store.commit([], [Put(f"k/{n}", b"x" * 1000)])
        log = tmp_path / "facts.db-wal"
        assert log.stat().st_size == LOG_ROOM == log.stat().st_blocks * 512
        await store.close()
    assert path.stat().st_size < 4 * ROOM


async def test_a_path_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="file"):
        await SqliteStore(tmp_path / "file" / "facts.db").open()
    (tmp_path / "directory").mkdir()
    with pytest.raises(Failure, match=r"store .*directory"):
        await SqliteStore(tmp_path / "directory").open()


async def test_history_is_compacted_and_a_late_watch_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facts.db", history=8)
    await store.open()
    for number in range(50):
        last = await store.commit([], [Put("k", b"%d" % number)])
    rows = store._thread.submit(
        lambda: store._file._db.execute("SELECT count(*) FROM changes").fetchone()
    ).result()
    assert 8 <= rows[0] <= 16
    late = await anext(store.watch("k", View(1, {"k": 1, "kk": 1})))
    assert [(event.key, event.value) for event in late.events] == [("kk", None), ("k", b"49")]
    batch = await anext(store.watch("k", View(last - 5)))
    assert [event.value for event in batch.events] == [b"%d" % n for n in range(45, 50)]
    await store.close()


async def test_an_idle_watch_outlives_compaction_elsewhere(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facts.db", history=4)
    await store.open()
    seen: list[Event] = []

    async def look() -> None:
        seen.extend((await anext(store.watch("mine/", View()))).events)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(look())
        for number in range(40):
            await asyncio.sleep(0)
            await store.commit([], [Put("others/k", b"%d" % number)])
        await store.commit([], [Put("mine/k", b"")])
    assert [event.key for event in seen] == ["mine/k"]
    await store.close()


async def test_a_lease_starts_again_when_the_file_is_opened(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facts.db")
    await store.open()
    lease = await store.lease(0.2)
    await store.commit([], [Put("n", b"", lease)])
    await store.close()
    await asyncio.sleep(0.25)
    store = SqliteStore(tmp_path / "facts.db")
    await store.open()
    assert "n" in (await store.read("")).items
    assert await store.renew(lease) is True
    await asyncio.sleep(0.25)
    assert "n" not in (await store.read("")).items
    with pytest.raises(NotFound, match="has run out"):
        await store.commit([], [Put("n", b"", lease)])
    await store.close()


async def test_closing_leaves_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        store = SqliteStore(tmp_path / "facts.db")
        await store.open()
        await store.commit([], [Put("k", b"v")])
        await store.close()
    assert len(os.listdir("/proc/self/fd")) == before
