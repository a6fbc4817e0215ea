"""An engine made of dicts: facts to show, errors to raise, consoles to talk to."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from seaway.engine.events import Events
from seaway.engine.health import View
from seaway.errors import NotFound
from seaway.model import (
    Attachment,
    Binding,
    Config,
    Container,
    Endpoint,
    HostConfig,
    Network,
    Pool,
    Sandbox,
    Snapshot,
    State,
)
from seaway.model.container import HostBinding
from seaway.model.image import Image
from seaway.model.volume import Volume

NET, BRIDGE, HOST = "a" * 64, "b" * 64, "c" * 64
CID, EID, BOX = "1" * 64, "2" * 64, "3" * 64

NETWORKS = {
    NET: Network(
        id=NET,
        name="n_all",
        driver="bridge",
        created="2026-11-22T18:45:08.870076507Z",
        pools=(
            Pool(
                subnet="10.9.0.0/16",
                ip_range="10.9.5.0/24",
                gateway="10.9.5.254",
                aux={"host1": "10.9.1.5"},
                requested=True,
            ),
        ),
        ipam_options={},
        options={"com.docker.network.driver.mtu": "1400"},
        labels={"a": "b"},
    ),
    BRIDGE: Network(
        id=BRIDGE,
        name="bridge",
        driver="bridge",
        created="2026-11-22T18:00:00Z",
        pools=(Pool(subnet="172.17.0.0/16", gateway="172.17.0.1"),),
        predefined=True,
    ),
    HOST: Network(id=HOST, name="host", driver="host", created="2026-11-22T18:00:00Z", predefined=True),
}


def container(**changes: Any) -> Container:
    """A running container on n_all with published, exposed and host-bound ports."""
    given: dict[str, Any] = {
        "id": CID,
        "name": "c1",
        "created": "2026-11-22T18:45:27.110580329Z",
        "image": "sha256:" + "f" * 64,
        "image_name": "img",
        "path": "sh",
        "args": ("-c", "echo out; sleep 300"),
        "config": Config(image="img", exposed_ports={"5001/tcp": {}, "9000/tcp": {}}, hostname="h1"),
        "host": HostConfig(
            network_mode="n_all", port_bindings={"5001/tcp": (HostBinding(host_port="5001"),)}
        ),
        "networks": {"n_all": Attachment(aliases=("web",))},
        "state": State(status="running", pid=42, started="2026-11-22T18:45:28Z"),
        "sandbox_id": BOX,
    }
    return Container(**{**given, **changes})


ENDPOINT = Endpoint(
    id=EID,
    network_id=NET,
    container_id=CID,
    sandbox_id=BOX,
    name="c1",
    mac="02:42:0a:09:05:0a",
    addresses=("10.9.5.10/16",),
    ifname="eth0",
    dns_names=("c1", "web", CID[:12], "h1"),
)
SANDBOX = Sandbox(
    id=BOX,
    container_id=CID,
    path=f"/run/seaway/netns/{BOX[:12]}",
    bindings=(
        Binding(proto="tcp", host_ip="::", host_port=5001, port=5001),
        Binding(proto="tcp", host_ip="0.0.0.0", host_port=5001, port=5001),
    ),
)


class Pipe:
    """A console: what the test puts in ``out`` is output, what the client says is in ``said``."""

    def __init__(self) -> None:
        self.out: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.said = bytearray()
        self.heard = asyncio.Event()
        self.input_over = asyncio.Event()
        self.closed = asyncio.Event()
        self.taking = asyncio.Event()
        self.taking.set()

    async def read(self) -> tuple[int, bytes] | None:
        return await self.out.get()

    async def write(self, data: bytes) -> None:
        await self.taking.wait()
        self.said += data
        self.heard.set()

    async def close_input(self) -> None:
        self.input_over.set()

    def close(self) -> None:
        self.closed.set()


class Stub:
    """The engine. ``raises`` (if any) is what every verb raises; ``calls`` is what was asked."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.one = container()
        self.health: View | None = None
        self.console = Pipe()
        self.exec_console: Pipe | None = Pipe()
        self.events = Events()
        self.waiting: asyncio.Future[tuple[int, str]] | None = None
        self.output: list[tuple[int, bytes]] = [(1, b"out\n"), (2, b"err\n")]
        self.exec_spec: Any = None
        self.handle: Any = None
        self.body = b""
        self.progress: list[Any] = []
        self.networks = _Verbs(self, "networks", list=self._networks, get=self._network)
        self.containers = _Verbs(
            self,
            "containers",
            get=self._container,
            list=lambda **_: [self.one],
            health=lambda _c: self.health,
            size=self._size,
            create=self._create,
            wait=self._wait,
            attach=self._attach,
            logs=self._logs,
            stats=self._stats,
            update=self._nothing,
            prune=self._pruned,
            top=self._top,
            archive_put=self._take,
        )
        self.execs = _Verbs(
            self, "execs", create=self._exec_create, start=self._exec_start, get=self._exec_get
        )
        self.images = _Verbs(
            self,
            "images",
            get=self._image,
            list=self._images,
            load=self._load,
            save=self._save,
            pull=self._pull,
            import_=self._import,
            remove=self._removed,
        )
        self.volumes = _Verbs(
            self, "volumes", list=lambda _f: [VOLUME], get=lambda _n: VOLUME, create=self._volume
        )

    def snapshot(self) -> Snapshot:
        return Snapshot(networks=NETWORKS, endpoints={EID: ENDPOINT}, sandboxes={BOX: SANDBOX})

    def info(self) -> dict[str, Any]:
        return {"id": "x", "root": "/var/lib/seaway", "containers": 1, "runtimes": {"runc": "runc"}}

    def last(self, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of the last call of a verb."""
        return next((args, kw) for verb, args, kw in reversed(self.calls) if verb == name)

    # -- answers

    def _networks(self, _filters: Any) -> list[Network]:
        return list(NETWORKS.values())

    def _network(self, ref: str) -> Network:
        found = next((n for n in NETWORKS.values() if ref in (n.id, n.name)), None)
        if found is None:
            raise NotFound(f"network {ref} not found")
        return found

    def _container(self, ref: str) -> Container:
        if ref not in (self.one.id, self.one.name):
            raise NotFound(f"No such container: {ref}")
        return self.one

    async def _size(self, _container: Container) -> int:
        return 70

    async def _create(self, _spec: Any) -> tuple[str, list[str]]:
        return CID, ["careful"]

    async def _wait(self, _ref: str, _condition: str) -> Any:
        future: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.waiting = future

        async def result() -> tuple[int, str]:
            return await future

        return SimpleNamespace(result=result)

    async def _attach(self, _ref: str, **_kw: Any) -> Pipe:
        return self.console

    async def _logs(self, _ref: str, **_kw: Any) -> AsyncIterator[tuple[int, bytes]]:
        for piece in self.output:
            yield piece

    async def _stats(self, _ref: str, **_kw: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"read": "now", "name": "/c1", "id": CID}

    async def _nothing(self, *_a: Any) -> list[str]:
        return []

    async def _pruned(self, _filters: Any) -> tuple[list[str], int]:
        return [], 0

    async def _top(self, _ref: str, _args: str) -> dict[str, Any]:
        return {"Titles": ["PID"], "Processes": [["1"]]}

    async def _take(self, _ref: str, _path: str, stream: AsyncIterator[bytes], **_kw: Any) -> None:
        self.body = b"".join([piece async for piece in stream])

    async def _exec_create(self, _ref: str, spec: Any, _keys: str) -> str:
        self.exec_spec = spec
        return "e" * 64

    async def _exec_start(self, _ref: str, **_kw: Any) -> Pipe | None:
        return self.exec_console

    def _exec_get(self, ref: str) -> Any:
        if ref != "e" * 64 or self.exec_spec is None:
            raise NotFound(f"No such exec instance: {ref}")
        return SimpleNamespace(
            id=ref,
            container_id=CID,
            spec=self.exec_spec,
            running=False,
            exit_code=4,
            pid=7,
            detach_keys="",
            handle=self.handle,
        )

    async def _image(self, ref: str) -> Image:
        if ref not in ("img", "reg.example:5000/a/b:1", self.one.image):
            raise NotFound(f"No such image: {ref}")
        return IMAGE

    async def _images(self) -> list[Image]:
        return [IMAGE]

    async def _load(self, stream: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
        self.body = b"".join([piece async for piece in stream])
        yield {"stream": "Loaded image: img:latest\n"}

    async def _save(self, _names: list[str]) -> AsyncIterator[bytes]:
        yield b"tar"

    async def _pull(self, *_a: Any) -> AsyncIterator[dict[str, Any]]:
        for step in self.progress:
            if isinstance(step, Exception):
                raise step
            yield step

    async def _import(self, stream: AsyncIterator[bytes], *_a: Any) -> str:
        self.body = b"".join([piece async for piece in stream])
        return "sha256:" + "8" * 64

    async def _removed(self, _ref: str, _force: bool) -> list[dict[str, str]]:
        return [{"Untagged": "img:latest"}]

    async def _volume(self, *_a: Any) -> Volume:
        return VOLUME


class _Verbs:
    """Verbs of one noun: records each call, raises what shall be raised, answers from a table."""

    def __init__(self, engine: Stub, noun: str, **answers: Any) -> None:
        self._engine, self._noun, self._answers = engine, noun, answers

    def __getattr__(self, name: str) -> Any:
        def verb(*args: Any, **kw: Any) -> Any:
            self._engine.calls.append((f"{self._noun}.{name}", args, kw))
            if self._engine.raises is not None:
                raise self._engine.raises
            found = self._answers.get(name)
            return found(*args, **kw) if found else _done()

        return verb


async def _done() -> None:
    return None


IMAGE = Image(
    id="sha256:" + "f" * 64,
    created="2026-01-01T00:00:00Z",
    config=Config(cmd=("sh",), env=("PATH=/bin",)),
    size=1984510,
    diff_ids=("sha256:" + "d" * 64,),
    history=({"created": "2026-01-01T00:00:00Z", "created_by": "mkimg", "comment": "c"},),
    tags=("img:latest",),
)
VOLUME = Volume(name="v1", mountpoint="/var/lib/seaway/volumes/v1/_data", created="2026-11-22T18:20:21Z")
