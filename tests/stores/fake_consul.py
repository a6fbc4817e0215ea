"""A small fake of Consul's protocol, for machines without Consul: a process with its log in a file.

What it says (statuses, words of errors, headers) was noted from Consul 1.8.7.
"""

import asyncio
import json
import sys
import time
import urllib.request
import uuid
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.stores.rig import ServerProcess, Traits

LARGEST = 512 * 1024
OPERATIONS = 64


class FakeConsul(ServerProcess):
    """The fake as a server of the tests: it is killed, stopped and frozen like a real one."""

    scheme = "consul"
    traits = Traits(lease=20, expiry=25, history=False)

    def command(self) -> Sequence[str]:
        root = Path(__file__).parents[2]
        code = (
            f"import sys; sys.path.insert(0, {str(root)!r}); import tests.stores.fake_consul as it; it.main()"
        )
        return [sys.executable, "-c", code, str(self.port), str(self.directory)]

    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/status/leader", timeout=1).close()
        except OSError:
            return False
        return True


class Refused(Exception):
    """An operation makes its transaction fail."""


class State:
    """What the log's entries made: rows by key, tombstones, sessions. Each entry has an index."""

    def __init__(self) -> None:
        self.index = 1
        self.rows: dict[str, dict[str, Any]] = {}
        self.graves: dict[str, int] = {}
        self.sessions: dict[str, float] = {}

    def apply(self, entry: dict[str, Any]) -> Any:
        """Carry one entry of the log out."""
        self.index += 1
        match entry["do"]:
            case "txn":
                return self._transaction(entry["operations"])
            case "session":
                self.sessions[entry["id"]] = entry["ttl"]
            case "end":
                self.sessions.pop(entry["id"], None)
                for key in [k for k, row in self.rows.items() if row.get("Session") == entry["id"]]:
                    self._delete(key)
        return None

    def below(self, prefix: str) -> list[dict[str, Any]]:
        return [self.rows[key] for key in sorted(self.rows) if key.startswith(prefix)]

    def index_of(self, prefix: str) -> int:
        """The last index that touched the prefix; of a prefix that never had a key, that of all keys."""
        marks = [row["ModifyIndex"] for row in self.below(prefix)]
        marks += [index for key, index in self.graves.items() if key.startswith(prefix)]
        everything = [row["ModifyIndex"] for row in self.rows.values()]
        return max(marks or everything or [1])

    def _transaction(self, operations: Sequence[dict[str, Any]]) -> dict[str, Any]:
        before = dict(self.rows), dict(self.graves)
        results, errors = [], []
        for number, operation in enumerate(operations):
            try:
                row = self._operation(operation["KV"])
            except Refused as error:
                errors.append({"OpIndex": number, "What": str(error)})
            else:
                results += [{"KV": {**row, "Value": None}}] if row else []
        if errors:
            self.rows, self.graves = before
            return {"Results": None, "Errors": errors}
        return {"Results": results, "Errors": None}

    def _operation(self, words: dict[str, Any]) -> dict[str, Any] | None:
        key, old = words["Key"], self.rows.get(words["Key"])
        match words["Verb"]:
            case "check-not-exists":
                if old:
                    raise Refused(f'key "{key}" exists')
            case "check-index":
                if not old:
                    raise Refused(f'failed to check index, key "{key}" doesn\'t exist')
                if old["ModifyIndex"] != words["Index"]:
                    raise Refused(f'failed index check for key "{key}", current modify index')
            case "delete":
                self._delete(key)
            case "set":
                return self._set(words, old.get("Session") if old else None)
            case "lock":
                return self._lock(words, old)
            case "unlock":
                if not old or old.get("Session") != words["Session"]:
                    raise Refused(
                        f'failed to unlock key "{key}", lock isn\'t held, or is held by another session'
                    )
                return self._set(words, None)
            case verb:
                raise Refused(f"unknown verb {verb!r}")
        return None

    def _lock(self, words: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
        session = words["Session"]
        if len(session) != 36:
            raise Refused("failed session lookup: index error: UUID must be 36 characters")
        if session not in self.sessions:
            raise Refused(f'invalid session "{session}"')
        if old and old.get("Session") not in (None, session):
            raise Refused(f'failed to lock key "{words["Key"]}", lock is already held')
        return self._set(words, session)

    def _set(self, words: dict[str, Any], session: str | None) -> dict[str, Any]:
        row = {"Key": words["Key"], "Value": words["Value"], "ModifyIndex": self.index}
        self.rows[words["Key"]] = row = {**row, "Session": session} if session else row
        return row

    def _delete(self, key: str) -> None:
        if self.rows.pop(key, None):
            self.graves[key] = self.index


class Fake:
    """The state over HTTP. Sessions start anew with the server, as with a new leader."""

    def __init__(self, log: Path) -> None:
        self.state = State()
        if log.exists():
            for line in log.read_text().splitlines():
                self.state.apply(json.loads(line))
        self.log = log.open("a")
        self.changed = asyncio.Event()
        self.ends = {session: self._end(ttl) for session, ttl in self.state.sessions.items()}

    def write(self, entry: dict[str, Any]) -> Any:
        """Log an entry, then do it; those who wait look again."""
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()
        done = self.state.apply(entry)
        self.changed.set()
        self.changed = asyncio.Event()
        return done

    async def txn(self, request: web.Request) -> web.Response:
        body = await request.read()
        if len(body) > LARGEST:
            return web.Response(status=413, text=f"Request body({len(body)} bytes) too large")
        operations = json.loads(body)
        if len(operations) > OPERATIONS:
            return web.Response(status=413, text="Transaction contains too many operations")
        answer = self.write({"do": "txn", "operations": operations})
        return web.json_response(answer, status=409 if answer["Errors"] else 200)

    async def kv(self, request: web.Request) -> web.Response:
        prefix, asked = request.match_info["key"], request.query
        if not prefix.isprintable():
            return web.Response(status=403)
        index = self.state.index_of(prefix)
        if "index" in asked:
            end = time.monotonic() + float(asked["wait"].rstrip("s"))
            while index <= int(asked["index"]) and time.monotonic() < end:
                try:
                    await asyncio.wait_for(self.changed.wait(), end - time.monotonic())
                except TimeoutError:
                    break
                index = self.state.index_of(prefix)
        rows = self.state.below(prefix)
        headers = {"X-Consul-Index": str(index)}
        if not rows:
            return web.Response(status=404, headers=headers)
        if "keys" in asked:
            names = {prefix + row["Key"][len(prefix) :].partition("/")[0] for row in rows}
            return web.json_response(sorted(names), headers=headers)
        return web.json_response(rows, headers=headers)

    async def put(self, request: web.Request) -> web.Response:
        """One value, with the revision it is to have before, or none."""
        key, value = request.match_info["key"], await request.read()
        if len(value) > LARGEST:
            return web.Response(status=413, text=f"Request body({len(value)} bytes) too large")
        words: list[dict[str, Any]] = [{"Verb": "set", "Key": key, "Value": b64encode(value).decode()}]
        if cas := request.query.get("cas"):
            verb = "check-index" if int(cas) else "check-not-exists"
            words.insert(0, {"Verb": verb, "Key": key, "Index": int(cas)})
        answer = self.write({"do": "txn", "operations": [{"KV": word} for word in words]})
        return web.json_response(not answer["Errors"])

    async def session(self, request: web.Request) -> web.Response:
        verb, name = request.match_info["verb"], request.match_info.get("id", "")
        if verb == "create":
            ttl = float((await request.json())["TTL"].rstrip("s"))
            if not 10 <= ttl <= 86400:
                return web.Response(
                    status=400, text=f"Invalid Session TTL '{ttl}', must be between [10s=24h0m0s]"
                )
            name = str(uuid.uuid4())
            self.write({"do": "session", "id": name, "ttl": ttl})
            self.ends[name] = self._end(ttl)
            return web.json_response({"ID": name})
        if verb == "destroy":
            self.ends.pop(name, None)
            self.write({"do": "end", "id": name})
            return web.json_response(True)
        if name not in self.ends:
            return web.Response(status=404, text=f"Session id '{name}' not found")
        self.ends[name] = self._end(self.state.sessions[name])
        return web.json_response([{"ID": name}])

    async def leader(self, _: web.Request) -> web.Response:
        return web.json_response("127.0.0.1:8300")

    async def expire(self) -> None:
        """End the sessions whose time, twice their TTL, has run out."""
        while True:
            await asyncio.sleep(0.1)
            for name in [name for name, end in self.ends.items() if end <= time.monotonic()]:
                del self.ends[name]
                self.write({"do": "end", "id": name})

    async def serve(self, port: int) -> None:
        app = web.Application(client_max_size=4 * LARGEST)
        app.router.add_put("/v1/txn", self.txn)
        app.router.add_get("/v1/kv/{key:.*}", self.kv)
        app.router.add_put("/v1/kv/{key:.*}", self.put)
        app.router.add_put("/v1/session/{verb}", self.session)
        app.router.add_put("/v1/session/{verb}/{id}", self.session)
        app.router.add_get("/v1/status/leader", self.leader)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await self.expire()

    @staticmethod
    def _end(ttl: float) -> float:
        return time.monotonic() + 2 * ttl


async def _serve(port: int, directory: Path) -> None:
    await Fake(directory / "log").serve(port)


def main() -> None:
    """Serve until killed."""
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
