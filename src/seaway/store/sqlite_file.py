"""The file behind the embedded store: schema, transactions, errors in words. Used by one thread."""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from seaway.errors import Conflict, Failure, NotFound, SeawayError, StoreConflict, Unavailable
from seaway.store.contract import Check, Delete, Event, Item, Put, Reading, Write

log = logging.getLogger(__name__)

SCHEMA = 1
"""Version of the tables (``PRAGMA user_version``). A file with a higher one is refused."""

HISTORY = 4096
"""Commits that a watch can be behind."""

ROOM = 2 << 20
"""Bytes kept free inside the file: on a full disk containers can still be stopped and removed."""

LOG_ROOM = 5 << 20
"""Bytes of the write-ahead log that are allotted beforehand: more than SQLite lets it grow (1,000 pages)."""

_TABLES = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE items(key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, lease TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX items_by_lease ON items(lease) WHERE lease <> '';
CREATE TABLE changes(revision INTEGER, key TEXT, value BLOB, PRIMARY KEY(revision, key)) WITHOUT ROWID;
CREATE TABLE leases(id TEXT PRIMARY KEY, seconds REAL NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0), ('compacted', 0);
PRAGMA user_version = 1;
"""

_PUT = """INSERT INTO items VALUES (?, ?, ?, ?) ON CONFLICT(key) DO UPDATE
    SET value = excluded.value, revision = excluded.revision, lease = excluded.lease"""

_WORDS: dict[int, tuple[type[SeawayError], str]] = {
    sqlite3.SQLITE_FULL: (Failure, "no space is left for it; nothing was written. Free space and try again"),
    sqlite3.SQLITE_CORRUPT: (Failure, "the file is damaged. Put back a copy, or move it away to start empty"),
    sqlite3.SQLITE_NOTADB: (Failure, "this is not a store. Move it away, or use another --data-root"),
    sqlite3.SQLITE_CANTOPEN: (Failure, "it cannot be opened. Check that the path is a file we may write"),
    sqlite3.SQLITE_READONLY: (Failure, "it cannot be written. Check its permissions and its file system"),
    sqlite3.SQLITE_PERM: (Failure, "it cannot be written. Check its permissions"),
    sqlite3.SQLITE_BUSY: (Unavailable, "another program holds it. End that program and try again"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "another program holds it. End that program and try again"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk does not answer as it should. See the kernel's log"),
}
"""SQLite's primary result codes in words for the user."""


class StoreFile:
    """One open file. Not for several threads; the path's ``.lock`` keeps a second daemon away."""

    def __init__(self, path: Path, *, full_sync: bool, history: int) -> None:
        self.path = path
        self._sync = "FULL" if full_sync else "NORMAL"
        self._history = max(1, history)
        self._lock = -1
        self._sql: sqlite3.Connection | None = None
        self._revision = 0
        self._compacted = 0

    def open(self) -> dict[str, float]:
        """Lock and open the file; gives the leases in it with their seconds."""
        try:
            self.path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._lock = _lock(self.path)
        except OSError as error:
            raise Failure(f"store {self.path}: {error.strerror} ({error.filename})") from error
        try:
            with self._words():
                return self._connect()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and free the lock. Again is harmless."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def read(self, prefix: str) -> Reading:
        """Items below ``prefix``."""
        with self._words():
            where, bounds = _range(prefix)
            rows = self._db.execute(f"SELECT key, value, revision FROM items WHERE {where}", bounds)
            return Reading(self._revision, {key: Item(value, revision) for key, value, revision in rows})

    def commit(self, checks: Sequence[Check], writes: Sequence[Write]) -> int:
        """One transaction; a commit that writes nothing leaves the revision as it is."""
        with self._words(), self._transaction():
            failed = [check.key for check in checks if self._stands(check.key) != check.revision]
            if failed:
                raise StoreConflict(list(dict.fromkeys(failed)))
            if not writes:
                return self._revision
            return self._write(writes)

    def changes(self, prefix: str, since: int) -> tuple[int, list[Event] | None]:
        """The revision now, and the events below ``prefix`` after ``since``; None: no longer known."""
        if since < self._compacted:
            return self._revision, None
        if since >= self._revision:
            return since, []
        with self._words():
            where, bounds = _range(prefix)
            rows = self._db.execute(
                f"SELECT key, value, revision FROM changes WHERE revision > ? AND {where} "
                "ORDER BY revision, key",
                (since, *bounds),
            )
            return self._revision, [Event(key, value, revision) for key, value, revision in rows]

    def add_lease(self, lease: str, seconds: float) -> None:
        """Note a lease."""
        with self._words(), self._transaction():
            self._db.execute("INSERT INTO leases VALUES (?, ?)", (lease, seconds))

    def end_lease(self, lease: str) -> None:
        """Remove a lease and its keys in one commit."""
        with self._words(), self._transaction():
            self._db.execute("DELETE FROM leases WHERE id = ?", (lease,))
            keys = self._db.execute("SELECT key FROM items WHERE lease = ?", (lease,)).fetchall()
            if lease and keys:
                self._write([Delete(key) for (key,) in keys])

    @property
    def _db(self) -> sqlite3.Connection:
        if self._sql is None:
            raise Unavailable(f"store {self.path} is closed")
        return self._sql

    def _connect(self) -> dict[str, float]:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._sql = sql = sqlite3.connect(self.path, isolation_level=None, cached_statements=64, timeout=1)
        (version,) = sql.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise Failure(
                f"store {self.path} has schema version {version}; this Seaway reads up to {SCHEMA}. "
                "Start the newer version, or use another --data-root."
            )
        (verdict,) = sql.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise self._failure(sqlite3.SQLITE_CORRUPT, str(verdict))
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute(f"PRAGMA synchronous = {self._sync}")
        if version == 0:
            sql.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        self._keep_room(sql)
        meta = dict(sql.execute("SELECT name, value FROM meta").fetchall())
        self._revision, self._compacted = meta["revision"], meta["compacted"]
        return dict(sql.execute("SELECT id, seconds FROM leases").fetchall())

    def _keep_room(self, sql: sqlite3.Connection) -> None:
        """Have the space of the next commits now; on a disk that is full already there is none to be had."""
        try:
            (free,) = sql.execute("PRAGMA freelist_count").fetchone()
            (size,) = sql.execute("PRAGMA page_size").fetchone()
            sql.execute("DROP TABLE IF EXISTS room")  # of a start that was cut short
            if free * size < ROOM:
                sql.executescript(
                    f"BEGIN IMMEDIATE; CREATE TABLE room(bytes); INSERT INTO room VALUES (zeroblob({ROOM}));"
                    "COMMIT; DROP TABLE room; PRAGMA wal_checkpoint;"
                )
            _allot(self.path.with_name(self.path.name + "-wal"), LOG_ROOM)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_FULL:
                raise
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            log.warning("no space for the store's next commits", extra={"path": str(self.path)})

    def _stands(self, key: str) -> int:
        row = self._db.execute("SELECT revision FROM items WHERE key = ?", (key,)).fetchone()
        return row[0] if row else 0

    def _write(self, writes: Sequence[Write]) -> int:
        """Within a transaction: the writes (the last one to a key counts), the history, the new revision."""
        sql, revision = self._db, self._revision + 1
        final = {write.key: write for write in writes}
        for key, write in final.items():
            if isinstance(write, Put):
                self._check_lease(write)
                sql.execute(_PUT, (key, write.value, revision, write.lease))
                sql.execute("INSERT INTO changes VALUES (?, ?, ?)", (revision, key, write.value))
            elif sql.execute("DELETE FROM items WHERE key = ?", (key,)).rowcount:
                sql.execute("INSERT INTO changes VALUES (?, ?, NULL)", (revision, key))
        sql.execute("UPDATE meta SET value = ? WHERE name = 'revision'", (revision,))
        self._compact(revision)
        self._revision = revision
        return revision

    def _check_lease(self, write: Put) -> None:
        if not write.lease:
            return
        if self._db.execute("SELECT 1 FROM leases WHERE id = ?", (write.lease,)).fetchone() is None:
            raise NotFound(f"lease {write.lease} of {write.key} has run out")

    def _compact(self, revision: int) -> None:
        """Forget history beyond twice its length, down to once: seldom, and by few rows each time."""
        bound = revision - self._history
        if bound - self._compacted < self._history:
            return
        self._db.execute("DELETE FROM changes WHERE revision <= ?", (bound,))
        self._db.execute("UPDATE meta SET value = ? WHERE name = 'compacted'", (bound,))
        self._compacted = bound

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        sql, before = self._db, (self._revision, self._compacted)
        sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            sql.execute("COMMIT")
        except BaseException:
            self._revision, self._compacted = before
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            raise

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error)) from error
        except OSError as error:
            raise Failure(f"store {self.path}: {error.strerror}") from error

    def _failure(self, code: int, words: str) -> SeawayError:
        kind, advice = _WORDS.get(code, (Failure, "it cannot be used"))
        return kind(f"store {self.path}: {advice} ({words})")


def _range(prefix: str) -> tuple[str, tuple[str, ...]]:
    """A condition on ``key`` that an index serves: SQLite compares text by its UTF-8 bytes."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return "key >= ?", (prefix,)
    after = 0xE000 if stem[-1] == "\ud7ff" else ord(stem[-1]) + 1
    return "key >= ? AND key < ?", (prefix, stem[:-1] + chr(after))


def _allot(path: Path, size: int) -> None:
    """Give a file its blocks beforehand. Zeros behind the last frame of a log mean nothing to SQLite."""
    with suppress(OSError):  # no log yet, no space, or a file system that cannot
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)


def _lock(path: Path) -> int:
    """Take the lock file beside ``path``; the kernel frees it when the process ends, however it ends."""
    name = path.with_name(path.name + ".lock")
    lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise Conflict(
            f"store {path} is in use by another daemon (pid {holder}). "
            "Stop that one, or use another --data-root."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
