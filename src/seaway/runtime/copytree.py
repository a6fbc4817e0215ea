"""A faithful copy of a directory tree: owners, modes, times, links, devices, extended attributes."""

import os
import shutil
import stat


def copy_tree(source: str, target: str) -> None:
    """Copy ``source`` to the new directory ``target``. Blocks; raises OSError and leaves what it made.

    Hard links stay links, symbolic links are copied as they are, sockets are left out (as cp does not
    either bring them to life).
    """
    seen: dict[tuple[int, int], str] = {}
    os.mkdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            _copy(entry.path, os.path.join(target, entry.name), seen)
    _copy_status(source, target, os.lstat(source))


def _copy(source: str, target: str, seen: dict[tuple[int, int], str]) -> None:
    status = os.lstat(source)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFSOCK:
        return
    if kind == stat.S_IFDIR:
        os.mkdir(target)
        with os.scandir(source) as entries:
            for entry in entries:
                _copy(entry.path, os.path.join(target, entry.name), seen)
    elif status.st_nlink > 1 and (first := seen.setdefault((status.st_dev, status.st_ino), target)) != target:
        os.link(first, target, follow_symlinks=False)
        return
    elif kind == stat.S_IFLNK:
        os.symlink(os.readlink(source), target)
    elif kind == stat.S_IFREG:
        shutil.copyfile(source, target)
    else:
        os.mknod(target, status.st_mode, status.st_rdev)
    _copy_status(source, target, status)


def _copy_status(source: str, target: str, status: os.stat_result) -> None:
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    for name in os.listxattr(source, follow_symlinks=False):
        os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
