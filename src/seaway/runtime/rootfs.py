"""The writable root file system of each container: overlayfs over the image's unpacked root.

Below the given root every container has a directory: ``upper`` (what it wrote), ``work`` (overlayfs's
own) and ``merged`` (what it sees). Where the kernel refuses overlayfs (a root on a file system that
cannot be an upper layer, or no such module) ``merged`` is a plain copy, and there is no ``upper``.
"""

import ctypes
import errno
import os
import shutil
from pathlib import Path

from seaway.errors import RuntimeFailed
from seaway.runtime.copytree import copy_tree

_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8
_OPTIONS_LIMIT = 4000
"""The kernel takes one page of options; beyond this we name the directories by their descriptors."""
_REFUSALS = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
"""What mount(2) answers when there is no overlayfs here; other errors are faults."""
_INDEX = Path("/sys/module/overlay/parameters/index")

_libc = ctypes.CDLL(None, use_errno=True)


class Rootfs:
    """Root file systems of containers below ``root``. Methods block (a mount is < 1 ms, a copy is not).

    All raise RuntimeFailed with the step and the kernel's word; all may be repeated.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, container_id: str) -> str:
        """Where the container's root file system is seen when it is mounted."""
        return str(self.root / container_id / "merged")

    def upper(self, container_id: str) -> Path | None:
        """The directory that holds only what the container changed (overlayfs form); None for a copy."""
        home = self.root / container_id
        return None if (home / "copied").exists() else home / "upper"

    def lower(self, container_id: str) -> str:
        """The image root the container was made on; empty when it was never mounted."""
        try:
            return os.readlink(self.root / container_id / "lower")
        except OSError:
            return ""

    def mount(self, container_id: str, lower: str) -> str:
        """Make the file system visible and return its path; at once when it already is."""
        home = self.root / container_id
        merged = home / "merged"
        if os.path.ismount(merged) or (home / "copied").exists():
            return str(merged)
        if not os.path.isdir(lower):
            raise RuntimeFailed(f"mount root of container {container_id}: no image root at {lower}")
        try:
            _prepare(home, lower)
            _overlay(lower, home)
        except OSError as error:
            if error.errno in _REFUSALS:
                return self._copy(home, lower)
            raise RuntimeFailed(f"mount root of container {container_id}: {error}") from error
        return str(merged)

    def unmount(self, container_id: str) -> None:
        """Take the mount away, also while a process still holds it; what was written stays."""
        merged = self.root / container_id / "merged"
        while os.path.ismount(merged):
            if _umount(merged, _UMOUNT_NOFOLLOW) and _umount(merged, _UMOUNT_NOFOLLOW | _MNT_DETACH):
                reason = os.strerror(ctypes.get_errno())
                raise RuntimeFailed(f"unmount root of container {container_id}: {reason}")

    def remove(self, container_id: str) -> None:
        """Unmount and delete everything the container wrote."""
        self.unmount(container_id)
        home = self.root / container_id
        try:
            shutil.rmtree(home)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RuntimeFailed(f"remove root of container {container_id}: {error}") from error

    def _copy(self, home: Path, lower: str) -> str:
        part, merged = home / "copy.part", home / "merged"
        try:
            shutil.rmtree(part, ignore_errors=True)
            copy_tree(lower, str(part))
            shutil.rmtree(merged, ignore_errors=True)  # only ever a copy that was not marked as done
            part.rename(merged)
            (home / "copied").touch()
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise RuntimeFailed(f"copy root of container {home.name}: {error}") from error
        return str(merged)


def _prepare(home: Path, lower: str) -> None:
    """Make the directories. The upper one appears with the image root's owner and mode, or not at all:
    overlayfs shows *its* status as that of ``/``."""
    for part in ("work", "merged"):
        (home / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (home / "upper").exists():
        fresh = home / "upper.part"
        fresh.mkdir(exist_ok=True)
        status = os.stat(lower)
        os.chown(fresh, status.st_uid, status.st_gid)
        fresh.chmod(status.st_mode & 0o7777)
        fresh.rename(home / "upper")
    link = home / "lower"
    if link.is_symlink():
        link.unlink()
    link.symlink_to(lower)


def _overlay(lower: str, home: Path) -> None:
    """mount(2) of an overlay; an OSError carries the kernel's answer."""
    places = {"lowerdir": lower, "upperdir": str(home / "upper"), "workdir": str(home / "work")}
    descriptors: list[int] = []
    try:
        # A path with the option string's own separators, or a very long one, goes by descriptor.
        if sum(map(len, places.values())) > _OPTIONS_LIMIT or any(
            set(p) & set(",:\\") for p in places.values()
        ):
            for key, place in places.items():
                descriptors.append(os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                places[key] = f"/proc/self/fd/{descriptors[-1]}"
        options = ",".join(f"{key}={place}" for key, place in places.items())
        if _INDEX.exists():
            options += ",index=off"
        if _mount(b"overlay", os.fsencode(home / "merged"), b"overlay", 0, os.fsencode(options)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes) -> int:
    return int(_libc.mount(source, target, kind, ctypes.c_ulong(flags), data))


def _umount(target: Path, flags: int) -> int:
    return int(_libc.umount2(os.fsencode(target), flags))
