"""ZooKeeper as a server of the tests: Debian's, without its daemon."""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.stores.rig import ServerProcess, Traits

JAR = Path("/usr/share/java/zookeeper.jar")


class Zookeeper(ServerProcess):
    """One server. ``options`` are more lines for its configuration, ``properties`` more for Java."""

    scheme = "zk"
    traits = Traits(lease=1, expiry=6)

    def __init__(self, directory: Path, options: Sequence[str] = (), properties: Sequence[str] = ()) -> None:
        super().__init__(directory)
        self.options, self.properties = tuple(options), tuple(properties)

    @classmethod
    def absent(cls) -> str:
        return (
            "" if JAR.exists() and shutil.which("java") else "ZooKeeper is not installed (Debian's zookeeper)"
        )

    def prepare(self) -> None:
        lines = [
            f"dataDir={self.directory}/data",
            *self.ports(),
            "tickTime=500",
            "maxClientCnxns=0",
            "admin.enableServer=false",
            *self.options,
        ]
        (self.directory / "zoo.cfg").write_text("\n".join(lines) + "\n")

    def ports(self) -> Sequence[str]:
        return [f"clientPort={self.port}", "clientPortAddress=127.0.0.1"]

    def command(self) -> Sequence[str]:
        return [
            "java",
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dzookeeper.forceSync=no",
            *(f"-D{line}" for line in self.properties),
            "-cp",
            f"{JAR}:{JAR.parent}/netty-codec.jar:{JAR.parent}/netty-resolver.jar",  # TLS needs them
            "org.apache.zookeeper.server.ZooKeeperServerMain",
            str(self.directory / "zoo.cfg"),
        ]

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"srvr")
                return b"Mode:" in line.recv(4096)
        except OSError:
            return False
