"""Archives of images made in memory, for the tests of images."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from seaway.runtime.images import Images


def tarred(files: Mapping[str, bytes | str | None], mode: str = "w") -> bytes:
    """A tar archive: bytes make a file, None a directory, text a symbolic link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config_of(layers: list[bytes], **config: Any) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": config,
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "kit"} for _ in layers],
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha(layer)}" for layer in layers]},
        }
    ).encode()


def docker_archive(*images: tuple[list[bytes], list[str]], **config: Any) -> bytes:
    """A docker-archive of (layers, tags)."""
    files: dict[str, bytes | str | None] = {}
    manifest = []
    for layers, tags in images:
        document = config_of(layers, **config)
        files[f"{sha(document)}.json"] = document
        for layer in layers:
            files[f"{sha(layer)}/layer.tar"] = layer
        names = [f"{sha(layer)}/layer.tar" for layer in layers]
        manifest.append({"Config": f"{sha(document)}.json", "RepoTags": tags, "Layers": names})
    files["manifest.json"] = json.dumps(manifest).encode()
    return tarred(files)


def identity(layers: list[bytes], **config: Any) -> str:
    """The ID that Docker gives an image of these layers."""
    return f"sha256:{sha(config_of(layers, **config))}"


async def pieces(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


BASE = tarred(
    {"bin": None, "bin/sh": b"#!", "etc": None, "etc/a": b"one", "etc/gone": b"x", "old": None, "old/f": b""}
)
ABOVE = tarred(
    {"etc/.wh.gone": b"", "etc/a": b"three", "old/.wh..wh..opq": b"", "old/g": b"gg", "link": "etc/a"}
)


async def load(images: Images, data: bytes) -> str:
    return "".join([step["stream"] async for step in images.load(pieces(data))])


async def told(steps: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step async for step in steps]


def blobs(root: Path) -> set[str]:
    return {place.name for place in (root / "blobs/sha256").iterdir()}


def run(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


def nobody(_: str) -> list[tuple[str, bool]]:
    return []
