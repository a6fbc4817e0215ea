"""A container's writable layer (overlayfs's form) as an image layer's archive, for commit."""

import os
import stat
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

_OPAQUE = "trusted.overlay.opaque"
_HIDDEN = ".wh."
_ALL_HIDDEN = ".wh..wh..opq"
_KEPT_ATTRIBUTES = ("security.capability", "user.")


def write_layer(upper: Path, target: Path, without: Collection[str] = ()) -> None:
    """Write what is in ``upper`` to the tar archive ``target``. Blocks; raises OSError.

    Deleted files and replaced directories become the image specification's white-outs. Absolute paths
    in ``without`` are left out: mount points that nobody asked for.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder, folders, files in os.walk(upper):
            folders.sort()
            inner = os.path.relpath(folder, upper)
            at = "" if inner == "." else f"{inner}/"
            if at and _is_opaque(folder):
                archive.addfile(tarfile.TarInfo(f"{at}{_ALL_HIDDEN}"))
            for name in sorted([*folders, *files]):
                if f"/{at}{name}" not in without:
                    _add(archive, os.path.join(folder, name), f"{at}{name}")
            folders[:] = [n for n in folders if f"/{at}{n}" not in without]


def _add(archive: tarfile.TarFile, path: str, name: str) -> None:
    status = os.lstat(path)
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        folder, _, last = name.rpartition("/")
        archive.addfile(tarfile.TarInfo(f"{folder}/{_HIDDEN}{last}".lstrip("/")))
        return
    info = archive.gettarinfo(path, name)
    if info is None:  # a socket: nobody can listen on a saved one
        return
    info.uname = info.gname = ""
    info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in _attributes(path)}
    if info.isreg():
        with open(path, "rb") as file:
            archive.addfile(info, file)
    else:
        archive.addfile(info)


def _attributes(path: str) -> Iterator[tuple[str, str]]:
    for key in os.listxattr(path, follow_symlinks=False):
        if key.startswith(_KEPT_ATTRIBUTES):
            value = os.getxattr(path, key, follow_symlinks=False)
            yield key, value.decode("utf-8", "surrogateescape")


def _is_opaque(folder: str) -> bool:
    try:
        return os.getxattr(folder, _OPAQUE) == b"y"
    except OSError:
        return False
