"""Network namespaces: make, name, enter and delete them. The only door to setns and unshare.

A thread that enters a namespace does nothing else and ends: the process itself never moves, never
forks. What a thread opened there (a socket, an nftables context) stays there and serves any thread.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from seaway.datapath.hands import Refusal
from seaway.datapath.reconcile import Operation, Remove
from seaway.datapath.resources import Netns

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MNT_DETACH = 2
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)


def in_namespace(path: str, function: Callable[[], T]) -> T:
    """What ``function`` returns or raises when called inside the namespace at ``path``.

    It runs in a thread made for it; an empty path means here, in the daemon's own namespace. Raises
    OSError when there is no namespace at ``path``.
    """
    if not path:
        return function()

    def enter() -> T:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(handle, CLONE_NEWNET), path)
        finally:
            os.close(handle)
        return function()

    return _in_thread(enter)


def create(path: str, living: str = "") -> None:
    """Make a namespace with its loopback up and mount it at ``path``, unless one is there already.

    ``living`` is where processes already have one (``/proc/…/ns/net``): that is mounted instead. Folders
    are made; a plain file left over by a crash is used again. Raises OSError.
    """
    if exists(path):
        return
    place = Path(path)
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    place.touch(mode=0o444)
    if living:
        _mount(living, path)
        return

    def birth() -> None:
        _check(_libc.unshare(CLONE_NEWNET), path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            fcntl.ioctl(door, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        _mount("/proc/thread-self/ns/net", path)

    _in_thread(birth)


def remove(path: str) -> None:
    """Take the name away; the namespace goes when no process is left in it. Idempotent. Raises OSError."""
    while exists(path):
        _check(_libc.umount2(os.fsencode(path), MNT_DETACH), path)
    Path(path).unlink(missing_ok=True)


def exists(path: str) -> bool:
    """Whether a namespace, and not a plain file, stands at ``path``."""
    try:
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev
    except OSError:
        return False


def inode(path: str) -> int:
    """The kernel's number of the namespace at ``path``; of the daemon's own when it is empty.

    Raises OSError.
    """
    return os.stat(path or "/proc/self/ns/net").st_ino


class NetnsHand:
    """The hand for Netns. ``directory`` is where our namespaces are mounted, and nobody else's.

    ``living`` tells for a path where processes have its namespace, empty when there are none: somebody
    may take the name away, but whoever is inside stays there.
    """

    def __init__(self, directory: str, living: Callable[[str], str] = lambda _path: "") -> None:
        self._directory = Path(directory)
        self._living = living

    def read(self, namespaces: Sequence[str]) -> Iterable[Netns]:
        """Every namespace mounted in the directory, whatever ``namespaces`` says."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return []
        paths = (str(self._directory / name) for name in names)
        return [Netns(path) for path in paths if exists(path)]

    def apply(self, operations: Sequence[Operation]) -> list[Refusal]:
        """Make and remove namespaces."""
        refusals = []
        for operation in operations:
            path = str(operation.resource.key[1])
            verb = "remove" if isinstance(operation, Remove) else "create"
            try:
                if verb == "remove":
                    remove(path)
                else:
                    create(path, self._living(path))
            except OSError as error:
                words = f"cannot {verb} network namespace {path}: {error.strerror or error}"
                refusals.append(Refusal(operation, words))
        return refusals


def _mount(namespace: str, path: str) -> None:
    _check(_libc.mount(os.fsencode(namespace), os.fsencode(path), b"none", MS_BIND, None), path)


def _check(result: int, path: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        words = "not a network namespace" if number == errno.EINVAL else os.strerror(number)
        raise OSError(number, words, path)


def _in_thread(function: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()
    return results[0]
