"""One daemon for one host and for one exec-root: two would take each other's devices and rules for damage.

The host is the network namespace, and so is the home of abstract socket names: the kernel itself keeps
the name ours, in this namespace only, until the process ends.
"""

import fcntl
import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seaway.errors import Conflict

log = logging.getLogger(__name__)

NAME = "\0seaway"
"""The abstract socket that the daemon of a network namespace listens on; nobody is answered there."""

PEER = struct.Struct("3i")
"""``struct ucred``: pid, uid, gid."""


@contextmanager
def alone(exec_root: Path, name: str = NAME) -> Iterator[None]:
    """Be the only daemon of this network namespace and of this exec-root while the block runs.

    Raises Conflict with the other's pid.
    """
    with ExitStack() as held:
        held.callback(os.close, _root(exec_root))
        server = held.enter_context(socket.socket(socket.AF_UNIX))
        try:
            server.bind(name)
            server.listen(1)
        except OSError as error:
            _somebody(name, error)
        yield


def _root(exec_root: Path) -> int:
    handle = os.open(exec_root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Conflict(f"another daemon uses {exec_root}. Stop it, or give another --exec-root") from None
    return handle


def _somebody(name: str, error: OSError) -> None:
    """Tell who has the name. Somebody who is not root is no daemon, and must not keep one from starting."""
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(name)
        except OSError as problem:
            raise Conflict(f"cannot tell which daemon serves this host: {problem.strerror}") from error
        pid, uid, _ = PEER.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    if uid != 0:
        log.warning("somebody who is not root holds the daemon's name", extra={"pid": pid, "uid": uid})
        return
    raise Conflict(
        f"another seaway daemon (PID {pid}) is at work in this network namespace. "
        "Stop it, or start this one in another namespace"
    )
