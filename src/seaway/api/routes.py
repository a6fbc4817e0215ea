"""Every route on one screen: method, path, handler."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from seaway.api import (
    containers,
    execs,
    images,
    networks,
    nodes,
    refused,
    streams,
    system,
    volumes,
    websocket,
)
from seaway.api.wire import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

REF = "{ref:.+}"
"""A name or ID in a path; images' have slashes in them, networks' may have anything."""

ONE = "{ref:[^/]+}"
"""A name or ID without slashes."""

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/_ping", system.ping),
    ("HEAD", "/_ping", system.ping),
    ("GET", "/version", system.version),
    ("GET", "/info", system.info),
    ("GET", "/events", system.events),
    ("GET", "/system/df", system.df),
    ("POST", "/auth", system.login),
    # -- networks
    ("GET", "/networks", networks.index),
    ("POST", "/networks/create", networks.create),
    ("POST", "/networks/prune", networks.prune),
    ("GET", f"/networks/{ONE}", networks.inspect),
    ("DELETE", f"/networks/{ONE}", networks.remove),
    ("POST", f"/networks/{ONE}/connect", networks.connect),
    ("POST", f"/networks/{ONE}/disconnect", networks.disconnect),
    # -- containers
    ("GET", "/containers/json", containers.index),
    ("POST", "/containers/create", containers.create),
    ("POST", "/containers/prune", containers.prune),
    ("POST", "/commit", containers.commit),
    ("GET", f"/containers/{ONE}/json", containers.inspect),
    ("DELETE", f"/containers/{REF}", containers.remove),
    ("POST", f"/containers/{ONE}/start", containers.start),
    ("POST", f"/containers/{ONE}/stop", containers.stop),
    ("POST", f"/containers/{ONE}/restart", containers.restart),
    ("POST", f"/containers/{ONE}/kill", containers.kill),
    ("POST", f"/containers/{ONE}/pause", containers.pause),
    ("POST", f"/containers/{ONE}/unpause", containers.unpause),
    ("POST", f"/containers/{ONE}/rename", containers.rename),
    ("POST", f"/containers/{ONE}/resize", containers.resize),
    ("POST", f"/containers/{ONE}/update", containers.update),
    ("GET", f"/containers/{ONE}/top", containers.top),
    ("GET", f"/containers/{ONE}/changes", containers.changes),
    ("GET", f"/containers/{ONE}/export", containers.export),
    ("HEAD", f"/containers/{ONE}/archive", containers.archive_stat),
    ("GET", f"/containers/{ONE}/archive", containers.archive_get),
    ("PUT", f"/containers/{ONE}/archive", containers.archive_put),
    ("POST", f"/containers/{ONE}/attach", streams.attach),
    ("GET", f"/containers/{ONE}/attach/ws", websocket.attach),
    ("POST", f"/containers/{ONE}/wait", streams.wait),
    ("GET", f"/containers/{ONE}/logs", streams.logs),
    ("GET", f"/containers/{ONE}/stats", streams.stats),
    ("*", f"/containers/{ONE}/checkpoints", refused.checkpoint),
    # -- execs
    ("POST", f"/containers/{ONE}/exec", execs.create),
    ("POST", f"/exec/{ONE}/start", execs.start),
    ("POST", f"/exec/{ONE}/resize", execs.resize),
    ("GET", f"/exec/{ONE}/json", execs.inspect),
    # -- images
    ("GET", "/images/json", images.index),
    ("POST", "/images/create", images.create),
    ("POST", "/images/load", images.load),
    ("POST", "/images/prune", images.prune),
    ("GET", "/images/get", images.save),
    ("GET", "/images/search", refused.search),
    ("GET", f"/images/{REF}/json", images.inspect),
    ("GET", f"/images/{REF}/history", images.history),
    ("GET", f"/images/{REF}/get", images.save_one),
    ("POST", f"/images/{REF}/tag", images.tag),
    ("POST", f"/images/{REF}/push", refused.push),
    ("DELETE", f"/images/{REF}", images.remove),
    ("GET", f"/distribution/{REF}/json", images.distribution),
    # -- volumes
    ("GET", "/volumes", volumes.index),
    ("POST", "/volumes/create", volumes.create),
    ("POST", "/volumes/prune", volumes.prune),
    ("GET", f"/volumes/{ONE}", volumes.inspect),
    ("DELETE", f"/volumes/{ONE}", volumes.remove),
    # -- hosts of the cluster: Seaway's own, Docker has none
    ("GET", "/seaway/nodes", nodes.index),
    ("GET", f"/seaway/nodes/{ONE}", nodes.inspect),
    ("DELETE", f"/seaway/nodes/{ONE}", nodes.remove),
    # -- refused
    ("POST", "/build", refused.build),
    ("POST", "/build/prune", refused.build),
    ("POST", "/build/cancel", refused.build),
    ("POST", "/session", refused.build),
    ("GET", "/plugins", refused.plugins),
    ("GET", f"/plugins/{REF}/json", refused.plugin),
    ("POST", "/swarm/leave", refused.swarm_leave),
    *(
        ("*", f"/{noun}{rest}", refused.swarm)
        for noun in ("swarm", "nodes", "services", "secrets", "configs", "tasks")
        for rest in ("", "/{rest:.*}")
    ),
)
