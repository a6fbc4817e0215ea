"""Consul as a server of the tests: what scripts/consul put into build/, or what SEAWAY_CONSUL names."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.stores.rig import ServerProcess, Traits, free_port

BUILT = Path(__file__).parents[3] / "build/consul/consul"


class Consul(ServerProcess):
    """A cluster of one, whose data outlives its restarts. ``more`` is merged into its settings."""

    scheme = "consul"
    traits = Traits(lease=20, expiry=25, history=False)

    def __init__(self, directory: Path, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(directory)
        self.more = dict(more or {})
        self.ports = {name: free_port() for name in ("server", "serf_lan")}

    @classmethod
    def program(cls) -> str:
        built = str(BUILT) if BUILT.exists() else shutil.which("consul")
        return os.environ.get("SEAWAY_CONSUL") or built or ""

    @classmethod
    def absent(cls) -> str:
        return "" if cls.program() else "there is no Consul (make consul says why)"

    def command(self) -> Sequence[str]:
        return [
            self.program(), "agent", "-server", "-bootstrap-expect=1", "-node=one",
            "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=warn",
            f"-data-dir={self.directory / 'data'}", f"-config-file={self.directory / 'settings.json'}",
        ]  # fmt: skip

    def prepare(self) -> None:
        ports = {"http": self.port, **self.ports, "serf_wan": -1, "dns": -1, "grpc": -1}
        settings = {
            "ports": {**ports, **self.more.pop("ports", {})},
            "limits": {"http_max_conns_per_client": 2000},
            "performance": {"raft_multiplier": 1},
            "disable_update_check": True,
            **self.more,
        }
        (self.directory / "settings.json").write_text(json.dumps(settings))

    def ready(self) -> bool:
        """Whether there is a leader, and the node that sessions hang on."""
        try:
            return bool(self.ask("catalog/nodes?consistent"))
        except (OSError, urllib.error.URLError):
            return False

    def ask(self, path: str, body: Any = None, token: str = "", method: str = "") -> Any:
        """One request by hand."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/{path}",
            data,
            {"X-Consul-Token": token} if token else {},
            method=method or ("PUT" if data else "GET"),
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
