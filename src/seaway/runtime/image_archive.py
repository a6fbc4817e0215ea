"""Archives of images: what ``docker load`` reads and ``docker save`` writes."""

import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seaway.errors import InvalidInput
from seaway.model.image import Image
from seaway.runtime.image_names import parse

_CHUNK = 1 << 20
_OCI_FILE = re.compile(r"(?:\./)?((?:oci-layout|index\.json|blobs/sha256/[a-f0-9]{64}))")
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_LARGEST_DOCUMENT = 16 << 20
_DAMAGE = (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One image in an archive: what skopeo shall read, and the names it gets."""

    source: str
    tags: tuple[str, ...]


def entries(archive: Path, architecture: str) -> list[Entry]:
    """The images in a plain archive file; an OCI layout is unpacked beside it. Blocks.

    Raises InvalidInput when it is neither Docker's form nor an OCI layout.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            manifest = _document(tar, "manifest.json")
            if manifest is not None:
                return _docker_entries(manifest, archive.name)
            if _document(tar, "index.json") is None:
                raise InvalidInput("invalid archive: it has neither manifest.json nor index.json")
            layout = archive.with_name("oci")
            _extract_layout(tar, layout)
        return _oci_entries(layout, architecture)
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidInput(f"invalid archive: {error}") from error


def _document(tar: tarfile.TarFile, name: str) -> Any:
    """A JSON file of the archive; None when it is not there."""
    for candidate in (name, f"./{name}"):
        try:
            file = tar.extractfile(candidate)
        except KeyError:
            continue
        if file is not None:
            return json.loads(file.read(_LARGEST_DOCUMENT))
    return None


def _docker_entries(manifest: list[dict[str, Any]], file: str) -> list[Entry]:
    return [
        Entry(f"docker-archive:{file}:@{number}", _tags(item.get("RepoTags") or ()))
        for number, item in enumerate(manifest)
    ]


def _tags(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(parse(name).key for name in names)


def _extract_layout(tar: tarfile.TarFile, layout: Path) -> None:
    """Only regular files that belong to a layout, under names of our own making."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    for member in tar:
        found = _OCI_FILE.fullmatch(member.name)
        source = tar.extractfile(member) if found and member.isreg() else None
        if found and source is not None:
            with source, (layout / found[1]).open("wb") as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)


def _oci_entries(layout: Path, architecture: str) -> list[Entry]:
    """Each manifest of the index under a name of ours; a list of platforms gives this machine's."""
    found: list[Entry] = []
    manifests = []
    for number, item in enumerate(json.loads((layout / "index.json").read_bytes())["manifests"]):
        annotations = item.get("annotations") or {}
        chosen = _for_platform(layout, item, architecture)
        name = f"image-{number}"
        manifests.append({**chosen, "annotations": {_NAMES[1]: name}})
        found.append(Entry(f"oci:{layout.name}:{name}", _oci_tags(annotations)))
    index = {"schemaVersion": 2, "manifests": manifests}
    (layout / "index.json").write_text(json.dumps(index))
    return found


def _for_platform(layout: Path, item: dict[str, Any], architecture: str) -> dict[str, Any]:
    if item.get("mediaType") not in _INDEXES:
        return item
    listed = json.loads((layout / "blobs/sha256" / item["digest"].partition(":")[2]).read_bytes())
    for choice in listed["manifests"]:
        platform = choice.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return _for_platform(layout, choice, architecture)
    raise InvalidInput(f"invalid archive: no image for linux/{architecture} in {item['digest']}")


def _oci_tags(annotations: dict[str, str]) -> tuple[str, ...]:
    """A whole name, when it has one; a bare tag (``latest``) names no repository and is left out."""
    for key in _NAMES:
        name = annotations.get(key, "")
        if "/" in name or ":" in name:
            return _tags((name,))
    return ()


def docker_archive(
    blob: Callable[[str], Path], chosen: Iterable[tuple[Image, Sequence[str]]]
) -> Iterator[bytes]:
    """The pieces of a docker-archive with these images under these names. Reading a piece blocks.

    ``blob`` says where the bytes of a digest are.
    """
    manifest = []
    written: set[str] = set()
    for image, names in chosen:
        layers = []
        for diff_id in image.diff_ids:
            digits = diff_id.removeprefix("sha256:")
            layers.append(f"{digits}/layer.tar")
            if digits not in written:
                written.add(digits)
                yield _header(f"{digits}/", 0, directory=True)
                yield from _file(layers[-1], blob(diff_id))
        config = image.id.removeprefix("sha256:") + ".json"
        if config not in written:
            written.add(config)
            yield from _file(config, blob(image.id))
        manifest.append({"Config": config, "RepoTags": list(names) or None, "Layers": layers})
    data = json.dumps(manifest).encode()
    yield _header("manifest.json", len(data)) + data + _padding(len(data))
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _file(name: str, place: Path) -> Iterator[bytes]:
    size = place.stat().st_size
    yield _header(name, size)
    with place.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield _padding(size)


def _header(name: str, size: int, directory: bool = False) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o755 if directory else 0o644
    info.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)
