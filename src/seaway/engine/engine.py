"""The engine: everything above put together, started, and stopped."""

import asyncio
import logging
import os
import shutil
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from seaway.cluster.mirror import Mirror
from seaway.datapath import conntrack, nft_others
from seaway.datapath import resources as r
from seaway.datapath.forwards import ForwardHand
from seaway.datapath.hands import Hand
from seaway.datapath.ledger import Ledger
from seaway.datapath.netns import NetnsHand
from seaway.datapath.nft import NftHand
from seaway.datapath.rtnetlink import RtnetlinkHand
from seaway.datapath.sysctl import SysctlHand
from seaway.dns.server import ResolverHand
from seaway.dns.zone import Zone, zone
from seaway.engine import host, joining
from seaway.engine.advertise import Advertise
from seaway.engine.boxes import living
from seaway.engine.connect import Connections
from seaway.engine.containers import Containers
from seaway.engine.copying import Copying
from seaway.engine.core import Core
from seaway.engine.default_networks import DefaultNetworks
from seaway.engine.events import Events
from seaway.engine.execs import Execs
from seaway.engine.facts import Facts
from seaway.engine.files import Files
from seaway.engine.health import Checks
from seaway.engine.imaging import Imaging
from seaway.engine.info import info
from seaway.engine.lifecycle import Lifecycle
from seaway.engine.networking import NetworkVerbs
from seaway.engine.networks import Networks
from seaway.engine.nodes import ClusterNodes
from seaway.engine.plug import Plug
from seaway.engine.settings import Settings
from seaway.engine.settle import Settler
from seaway.engine.shared import Shared
from seaway.engine.shared_networks import SharedNetworks
from seaway.engine.streams import Streams
from seaway.engine.sweep import sweep
from seaway.engine.tasks import Tasks
from seaway.engine.tending import Tending
from seaway.engine.verbs import ContainerVerbs
from seaway.engine.volumes import Volumes
from seaway.engine.watch import Watch
from seaway.errors import SeawayError, SettleFailed
from seaway.model import Node, Snapshot
from seaway.ports.relay import RelayHand
from seaway.ports.sockets import Held, HostPortHand
from seaway.runtime import image_mirrors
from seaway.runtime.containers import OciRuntime
from seaway.runtime.images import Images
from seaway.runtime.rootfs import Rootfs
from seaway.store.cluster_settings import ClusterSettings
from seaway.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

_DROPPED = (
    "somebody else's chain {} drops what is forwarded, unless a rule there lets it pass: containers on "
    "bridges may reach nobody outside, and nobody their published ports. Seaway leaves it alone"
)


class Engine:
    """One host's engine. ``start`` and ``stop`` it in the same task."""

    _forget = staticmethod(conntrack.forget_doors)
    _walls = staticmethod(nft_others.walls)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.id = ""
        self.warnings: list[str] = []
        self.tasks = Tasks()
        self.events = Events()
        self._forwards = ForwardHand()
        self.facts = Facts(SqliteStore(settings.data_root / "seaway.db"), _node(settings))
        self.runtime = OciRuntime(
            data_root=settings.data_root,
            exec_root=settings.exec_root,
            runtimes={name: shutil.which(path) or path for name, path in settings.runtimes.items()},
            default=settings.default_runtime,
            cgroup_parent=settings.cgroup_parent or "/seaway",
            rootfs=Rootfs(settings.data_root / "rootfs"),
        )
        told = (settings.registry_mirrors, settings.insecure_registries)
        self._images = Images(
            settings.data_root / "images",
            registries=image_mirrors.write(settings.exec_root / "registries.conf", *told),
            mirrors=image_mirrors.places(*told),
        )

    async def __aenter__(self) -> "Engine":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def snapshot(self) -> Snapshot:
        """All facts of networks, endpoints and sandboxes as of now."""
        return self.facts.snapshot()

    def info(self) -> dict[str, Any]:
        """What this engine is and how it is, for ``GET /info``."""
        return info(self)

    async def start(self) -> None:
        """Read the facts, make the kernel agree with them, adopt what runs, start what should."""
        for path in (self.settings.data_root, self.settings.exec_root, self.settings.exec_root / "netns"):
            path.mkdir(parents=True, exist_ok=True)
        cluster = self.settings.cluster
        mine = await joining.advertised(cluster) if cluster else None
        await self.facts.store.open()
        await self.facts.load()
        self.id = _identity(self.settings.data_root)
        if cluster and mine:
            self.facts.node = joining.node(self.facts.node, self.id, cluster, mine)
        await self._images.open()
        self.hands = self._make_hands()
        self.settler = Settler(self.facts, Ledger(self.hands), self._forget)
        shared = Shared(self.facts, self.settler, self.tasks, Mirror(self.id))
        self.core = Core(
            self.settings,
            self.facts,
            self.settler,
            self.events,
            self.tasks,
            self.runtime,
            self._images,
            shared,
        )
        self._compose(self.core)
        await self.tasks.__aenter__()
        if cluster and mine:
            await self._join(shared, cluster, mine)
        await DefaultNetworks(self.core, self._networks).make()
        await sweep(self.core)
        await self._found_house()
        self.core.shared.house_stands()
        await self._resume()
        self.tasks.spawn(Watch(self.settler, self._forwards.did).run(), "watch over the kernel")
        self.tasks.spawn(self._streams.rotate(), "log rotation")
        if cluster:
            self.tasks.spawn(self._tending.run(), "tending the cluster")

    async def stop(self) -> None:
        """Let go of everything; containers go on, and so does their network."""
        self.events.close()
        await self.tasks.__aexit__(None, None, None)
        await self.core.shared.close()
        await self.settler.close()
        for hand in dict.fromkeys(self.hands.values()):
            close = getattr(hand, "close", None)
            if close is not None:
                close()
        await self.facts.store.close()

    # -- how

    def _make_hands(self) -> Mapping[type, Hand]:
        loop = asyncio.get_running_loop()
        links, nft, held = RtnetlinkHand(), NftHand(), Held()
        forwards = self._forwards
        return {
            r.Netns: NetnsHand(str(self.settings.exec_root / "netns"), partial(living, self.facts)),
            r.Bridge: links,
            r.Vxlan: links,
            r.VethPair: links,
            r.Address: links,
            r.Route: links,
            r.Forward: forwards,
            r.Neighbour: forwards,
            r.Sysctl: SysctlHand(),
            r.NftTable: nft,
            r.NftElement: nft,
            r.HostPort: HostPortHand(held=held),
            r.Relay: RelayHand(loop, held=held),
            r.Resolver: ResolverHand(loop, self._zone),
        }

    def _zone(self, sandbox_id: str) -> Zone:
        return zone(sandbox_id, self.facts.snapshot())

    def _compose(self, core: Core) -> None:
        self.volumes = Volumes(core)
        cluster = SharedNetworks(core.shared)
        self._networks = networks = Networks(core, cluster)
        files, plug = Files(core), Plug(core, networks.make_way)
        retention = core.settings.cluster.retention if core.settings.cluster else 0.0
        self._tending = Tending(core, plug, cluster, retention)
        self.nodes = ClusterNodes(core.shared)
        life = self._life = Lifecycle(core, plug, files, Checks(core))
        self._streams = Streams(core, life)
        self.networks = NetworkVerbs(self._networks, Connections(core, self._networks, plug, files))
        self.containers = ContainerVerbs(
            Containers(core, life, self.volumes), life, self._streams, Copying(core, life)
        )
        self.execs = Execs(core, life)
        self.images = Imaging(core)

    async def _join(self, shared: Shared, cluster: ClusterSettings, mine: Advertise) -> None:
        """Begin the session with the cluster's store. What the cluster refuses ends the start."""
        self.nodes.advertise = mine.shown
        await shared.load()
        roots = (self.settings.data_root, self.settings.exec_root)
        session = joining.session(cluster, mine, shared.mirror, shared, *roots)
        shared.start(session, self._tending)
        try:
            await session.first(joining.FIRST)
        except SeawayError:
            await self.stop()
            raise

    async def _found_house(self) -> None:
        """The first settle. Without the firewall's frame nothing can run; all else is tried again later."""
        report = await self.settler.verify(everything=True, level=logging.DEBUG)
        fatal = [x.reason for x in report.refusals if isinstance(x.operation.resource, r.NftTable)]
        if fatal:
            raise SettleFailed([f"cannot set up the host: {reason}" for reason in fatal])
        log.info("settled", extra={"operations": len(report.operations), "ms": f"{report.seconds * 1e3:.1f}"})
        self.warnings = [_DROPPED.format(wall) for wall in await asyncio.to_thread(self._walls)]
        for warning in self.warnings:
            log.warning(warning)

    async def _resume(self) -> None:
        """Adopt what an earlier daemon started, then start what its policy says shall run."""
        known = list(self.facts.containers.values())
        for container in known:
            if container.state.running:
                await self._life.adopt(container)
        for container in known:
            if not container.state.running:
                self.tasks.spawn(self._life.revive(container), f"revive {container.name}")


def _node(settings: Settings) -> Node:
    return Node(
        name=os.uname().nodename,
        mtu=host.uplink_mtu(),
        userland_proxy=settings.userland_proxy,
        ip_forward=settings.ip_forward,
        ip_masq=settings.ip_masq,
        rooms=str(settings.exec_root / "netns"),
    )


def _identity(root: Path) -> str:
    """This engine's ID, kept in its data root."""
    path = root / "engine-id"
    known = path.read_text().strip() if path.exists() else ""  # empty: the disk was full when it was written
    if not known:
        known = str(uuid.uuid4())
        path.write_text(known + "\n")
    return known
