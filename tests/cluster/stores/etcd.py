"""etcd as a server of the tests: Debian's, or the one that SEAWAY_ETCD names."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.stores.rig import ServerProcess, Traits, free_port


class Etcd(ServerProcess):
    """A cluster of one. ``options`` are more words for its command line."""

    scheme = "etcd"
    traits = Traits(lease=1, expiry=6)

    def __init__(self, directory: Path, options: Sequence[str] = (), name: str = "one") -> None:
        super().__init__(directory)
        self.name, self.options = name, tuple(options)
        self.peer = f"http://127.0.0.1:{free_port()}"
        self.cluster = f"{name}={self.peer}"

    @classmethod
    def program(cls) -> str:
        return os.environ.get("SEAWAY_ETCD") or shutil.which("etcd") or ""

    @classmethod
    def absent(cls) -> str:
        return "" if cls.program() else "etcd is not installed (Debian's etcd-server)"

    @property
    def url(self) -> str:
        return f"{self.protocol}://127.0.0.1:{self.port}"

    @property
    def protocol(self) -> str:
        return "https" if any(word.startswith("--cert-file") for word in self.options) else "http"

    def command(self) -> Sequence[str]:
        words = {
            "name": self.name,
            "data-dir": str(self.directory / "data"),
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": self.peer,
            "initial-advertise-peer-urls": self.peer,
            "initial-cluster": self.cluster,
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        return [self.program(), *(f"--{key}={value}" for key, value in words.items()), *self.options]

    def ready(self) -> bool:
        if self.protocol == "https":
            return super().ready()
        try:
            return bool(self.ask("maintenance/status", {}).get("leader"))
        except (OSError, urllib.error.URLError):
            return False

    def ask(self, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
        """One request to the gateway, by hand."""
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(f"{self.url}/v3/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    async def compact(self) -> None:
        revision = self.ask("kv/range", {"key": "AA=="})["header"]["revision"]
        self.ask("kv/compaction", {"revision": revision, "physical": True})
