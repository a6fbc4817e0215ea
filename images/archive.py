"""A layer put together file by file, and a docker-archive of images made of such layers.

Everything is written in the same order with the same owners and times, so the same input gives the
same bytes, and nothing needs root.
"""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Top-level directories that are links into /usr."""


class Layer:
    """Files of a root file system by path, all owned by root unless a package says otherwise."""

    def __init__(self, time: int) -> None:
        self._time = time
        self._entries: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def directory(self, path: str, mode: int = 0o755) -> None:
        """A directory, with those above it."""
        info = self._info(path, mode)
        info.type = tarfile.DIRTYPE
        self.add(info)

    def file(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        """A regular file."""
        data = content.encode() if isinstance(content, str) else content
        info = self._info(path, mode)
        info.size = len(data)
        self.add(info, data)

    def link(self, path: str, target: str) -> None:
        """A symbolic link, where nothing of that name is yet."""
        info = self._info(path, 0o777)
        info.type = tarfile.SYMTYPE
        info.linkname = target
        if info.name not in self._entries:
            self.add(info)

    def add(self, info: tarfile.TarInfo, data: bytes = b"") -> None:
        """A member as it stands in another archive; the later of two with one name stays."""
        info.name = info.name.removeprefix("./").strip("/")
        info.mtime = self._time
        if not info.name:
            return
        above = info.name.rpartition("/")[0]
        if above and above not in self._entries:
            self.directory(above)
        self._entries[info.name] = (info, data)

    def read(self, path: str) -> bytes:
        """The content of a file that is there."""
        return self._entries[path][1]

    def merged_usr(self) -> None:
        """/bin, /sbin and /lib as links into /usr, as in Debian."""
        for name in _MERGED[:5]:
            self.directory(f"usr/{name}")
            self.link(name, f"usr/{name}")

    def _info(self, path: str, mode: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(path.strip("/"))
        info.mode = mode
        return info

    def tar(self) -> bytes:
        """The layer's archive; a directory stands before what is in it, a hard link after its file."""
        buffer = io.BytesIO()
        hard = sorted(name for name, (info, _) in self._entries.items() if info.islnk())
        names = sorted(self._entries.keys() - set(hard)) + hard
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                info, data = self._entries[name]
                archive.addfile(info, io.BytesIO(data))
        return buffer.getvalue()


def in_usr(path: str) -> str:
    """Where a package's file lies when /bin, /sbin and /lib are links into /usr."""
    path = path.removeprefix("./").lstrip("/")
    return f"usr/{path}" if path.split("/", 1)[0] in _MERGED else path


@dataclass
class Image:
    """An image to write: its layers' archives, its names and its configuration (Docker's field names)."""

    layers: list[bytes]
    tags: list[str]
    config: dict[str, object] = field(default_factory=dict)
    comment: str = ""
    architecture: str = "amd64"
    created: str = "2026-01-01T00:00:00Z"

    def document(self) -> bytes:
        """The configuration file; the image ID is the sha256 of these bytes."""
        return json.dumps(
            {
                "architecture": self.architecture,
                "os": "linux",
                "created": self.created,
                "config": {"Env": [PATH], "WorkingDir": "/", **self.config},
                "history": [
                    {"created": self.created, "created_by": "images/build.py", "comment": self.comment}
                    for _ in self.layers
                ],
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha(data)}" for data in self.layers]},
            }
        ).encode()


def write(target: Path, images: list[Image], time: int) -> None:
    """Write a docker-archive that ``docker load`` takes; the old file is replaced when it is whole."""
    layer = Layer(time)
    manifest = []
    for image in images:
        document = image.document()
        config = f"{_sha(document)}.json"
        layer.file(config, document)
        places = [f"{_sha(data)}/layer.tar" for data in image.layers]
        for place, data in zip(places, image.layers, strict=True):
            layer.file(place, data)
        manifest.append({"Config": config, "RepoTags": image.tags, "Layers": places})
    layer.file("manifest.json", json.dumps(manifest))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(layer.tar())
    part.replace(target)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
