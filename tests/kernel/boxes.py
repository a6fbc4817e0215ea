"""A yard of containers for tests: a busybox image, one OciRuntime, and a thorough sweep afterwards."""

import asyncio
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from seaway.model import Config, Container, HostConfig
from seaway.runtime.containers import OciRuntime
from seaway.runtime.contract import Born, Box, Console, Exit
from seaway.runtime.processes import arguments
from seaway.runtime.rootfs import Rootfs

PATIENCE = 20.0


def make_image(root: Path) -> Path:
    """A root file system with busybox, users and groups."""
    for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "home/alice"):
        (root / folder).mkdir(parents=True)
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:A:/home/alice:/bin/sh\n"
    )
    (root / "etc/group").write_text("root:x:0:\nalice:x:1001:\nwheel:x:10:alice\naudio:x:29:\n")
    return root


class Yard:
    """Makes containers and remembers them."""

    def __init__(self, tmp: Path, image: Path) -> None:
        self.tmp = tmp
        self.image = image
        self.parent = f"/seaway-test-{secrets.token_hex(4)}"
        self.ids: list[str] = []
        self.runtime = self.another()

    def another(self) -> OciRuntime:
        """A runtime as the next daemon on the same roots would have it."""
        return OciRuntime(
            data_root=self.tmp / "data",
            exec_root=self.tmp / "exec",
            runtimes={"runc": "/usr/sbin/runc", "crun": "/usr/bin/crun"},
            default="runc",
            cgroup_parent=self.parent,
            rootfs=Rootfs(self.tmp / "roots"),
        )

    def box(
        self,
        *command: str,
        host: HostConfig | None = None,
        mounts: tuple[dict[str, object], ...] = (),
        netns: str = "",
        join: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        **config: object,
    ) -> Box:
        container_id = secrets.token_hex(32)
        self.ids.append(container_id)
        container = Container(
            id=container_id,
            name="box",
            created="",
            image="",
            image_name="",
            path=command[0],
            args=command[1:],
            config=Config(**config),  # type: ignore[arg-type]
            host=host or HostConfig(),
            mounts=mounts,
        )
        return Box(
            container=container,
            lower=str(self.image),
            netns=netns,
            hostname="boxhost",
            files=files or {},
            join=join or {},
        )

    async def up(self, *command: str, **more: object) -> tuple[Box, Born]:
        """A container that runs."""
        box = self.box(*command, **more)  # type: ignore[arg-type]
        born = await self.runtime.create(box)
        await self.runtime.start(box.container.id)
        return box, born

    async def out(self, *command: str, **more: object) -> tuple[bytes, bytes, int]:
        """Run to the end: standard output, standard error, exit status. Deleted afterwards."""
        box = self.box(*command, **more)  # type: ignore[arg-type]
        born = await self.runtime.create(box)
        console = await self.runtime.attach(box.container.id)
        await self.runtime.start(box.container.id)
        out, err = await drain(console)
        ended = await self.ended(box, born)
        await self.runtime.delete(box.container.id)
        return out, err, ended.code

    async def ended(self, box: Box, born: Born) -> Exit:
        async with asyncio.timeout(PATIENCE):
            return await self.runtime.wait(box.container.id, born.monitor)

    async def sweep(self) -> list[str]:
        """Remove every container; what is left behind nonetheless, which should be nothing."""
        for container_id in self.ids:
            await self.runtime.remove(container_id)
        left = [f"mount {line.split()[4]}" for line in mountinfo() if str(self.tmp) in line]
        left += [f"process {pid}" for pid in await self._processes()]
        for folder in ("exec", "data/containers", "roots"):
            root = self.tmp / folder
            names = sorted(os.listdir(root)) if root.exists() else []
            left += [f"file {folder}/{name}" for name in names if not name.startswith("runtime-")]
            left += [f"state {p}" for p in root.glob("runtime-*/*")]
        for top in Path("/sys/fs/cgroup").iterdir():
            group = top / self.parent.lstrip("/")
            if group.is_dir():
                left += [f"cgroup {p}" for p in group.iterdir() if p.is_dir()]
                for child in group.iterdir():
                    if child.is_dir():
                        child.rmdir()
                group.rmdir()
        return left

    async def _processes(self) -> list[int]:
        """Processes that mention one of our containers. An init may need a moment to reap the dead."""
        for _ in range(50):
            found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._ours(pid)]
            if not found:
                return []
            await asyncio.sleep(0.02)
        return found

    def _ours(self, pid: int) -> bool:
        try:
            text = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/cgroup").read_bytes()
        except OSError:
            return False
        if gone(pid):
            return False
        return self.parent.encode() in text or any(i.encode() in text for i in self.ids)


async def words(pid: int) -> list[str]:
    """The command line of a container's first process. The runtime's own, or none, comes first."""
    async with asyncio.timeout(PATIENCE):
        while not (found := arguments(pid)) or "init" in found:
            await asyncio.sleep(0.005)
    return found


def gone(pid: int) -> bool:
    """Ended: also when init has not got round to reaping it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except OSError:
        return True


def mountinfo() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


async def drain(console: Console) -> tuple[bytes, bytes]:
    """All output up to the end: (standard output, standard error)."""
    found = {1: bytearray(), 2: bytearray()}
    async with asyncio.timeout(PATIENCE):
        while (piece := await console.read()) is not None:
            found[piece[0]] += piece[1]
    return bytes(found[1]), bytes(found[2])


async def until(console: Console, text: bytes) -> bytes:
    """Output up to and with ``text``."""
    found = b""
    async with asyncio.timeout(PATIENCE):
        while text not in found:
            piece = await console.read()
            assert piece is not None, found
            found += piece[1]
    return found
