"""What Docker's API has and Seaway does not serve, with the words of a daemon that is no part of a swarm."""

from aiohttp import web

from seaway.api.wire import Call
from seaway.errors import NotFound, NotImplementedHere, Unavailable

NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
    "to swarm and try again."
)
NO_SWARM = "This node is not part of a swarm"


async def swarm(_call: Call) -> web.StreamResponse:
    """Everything a swarm manager would do."""
    raise Unavailable(NO_MANAGER)


async def swarm_leave(_call: Call) -> web.StreamResponse:
    """Leaving a swarm that there is not."""
    raise Unavailable(NO_SWARM)


async def build(_call: Call) -> web.StreamResponse:
    """Building images."""
    raise NotImplementedHere(
        "Seaway does not build images: build elsewhere, then docker load or docker pull them here"
    )


async def push(_call: Call) -> web.StreamResponse:
    """Pushing images."""
    raise NotImplementedHere("Seaway does not push images: docker save them, and push with skopeo")


async def search(_call: Call) -> web.StreamResponse:
    """Searching Docker Hub."""
    raise NotImplementedHere("Seaway does not search registries")


async def checkpoint(_call: Call) -> web.StreamResponse:
    """Checkpoint and restore."""
    raise NotImplementedHere("Seaway does not checkpoint containers")


async def plugin(call: Call) -> web.StreamResponse:
    """One managed plug-in; there are none."""
    raise NotFound(f'plugin "{call.ref}" not found')


async def plugins(_call: Call) -> web.StreamResponse:
    """Managed plug-ins; there are none."""
    return web.Response(body=b"[]\n", headers={"Content-Type": "application/json"})
