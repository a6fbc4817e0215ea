"""Debian packages by name: fetched by apt in the versions it would install, read without being installed."""

import hashlib
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from archive import Layer, in_usr

_URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha>[0-9a-f]{64})")
_DEPENDS = re.compile(r"^ +\|?(?:Pre)?Depends: (?P<name>[^<\s]\S*)", re.MULTILINE)
_ONLY_FOR_SCRIPTS = {"debconf", "dpkg", "install-info", "cdebconf", "perl-base", "sensible-utils"}
"""Packages that others need only while they are being configured, which does not happen here."""

BUSYBOX = "busybox-static"


def architecture() -> str:
    """Debian's word for this machine, which is also that of images for amd64, arm64 and others."""
    return _run("dpkg", "--print-architecture").strip()


def closure(names: Iterable[str]) -> list[str]:
    """The packages and all that they depend on."""
    found: set[str] = set()
    fresh = set(names)
    while fresh:
        found |= fresh
        first_of_several = "APT::Cache::ShowOnlyFirstOr=true"
        text = _run("apt-cache", "depends", "-o", first_of_several, *sorted(fresh))
        fresh = set(_DEPENDS.findall(text)) - found - _ONLY_FOR_SCRIPTS
    return sorted(found)


def depends(name: str, pattern: str) -> str:
    """The package that ``name`` depends on and whose name matches (``python3.11-minimal``)."""
    for found in _DEPENDS.findall(_run("apt-cache", "depends", name)):
        if re.fullmatch(pattern, found):
            return found
    raise SystemExit(f"{name} depends on nothing like {pattern}: is the package list there (apt-get update)?")


def fetch(names: Iterable[str], cache: Path) -> list[Path]:
    """The packages' files, downloaded where they are not in ``cache`` already, each checked."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as empty:  # apt says nothing of files that are there already
        text = _apt_get(Path(empty), "--print-uris", names)
    wanted = [found.groupdict() for found in _URI.finditer(text)]
    missing = [item["file"].split("_")[0] for item in wanted if not _is_there(cache / item["file"], item)]
    if missing:
        _apt_get(cache, "--quiet", missing)
    files = [cache / item["file"] for item in wanted]
    for file, item in zip(files, wanted, strict=True):
        if not _is_there(file, item):
            raise SystemExit(f"{file} was not downloaded, or is damaged")
    return files


def _apt_get(cache: Path, flag: str, names: Iterable[str]) -> str:
    return _run("apt-get", "-o", "APT::Sandbox::User=root", "download", flag, *names, cwd=cache)


def _is_there(file: Path, item: dict[str, str]) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == item["sha"]


def unpack(file: Path, layer: Layer, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Put a package's files into a layer, below a merged /usr; ``wanted`` chooses by path."""
    data = subprocess.run(
        ("dpkg-deb", "--fsys-tarfile", str(file)), check=True, stdout=subprocess.PIPE
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            member.name = in_usr(member.name)
            if member.islnk():
                member.linkname = in_usr(member.linkname)
            if member.isdir() or not wanted(member.name):
                continue
            source = archive.extractfile(member) if member.isreg() else None
            layer.add(member, source.read() if source else b"")


def busybox(file: Path, layer: Layer) -> None:
    """busybox as /bin/busybox, with a link for each of its tools that is not there already."""
    unpack(file, layer, lambda path: path == "usr/bin/busybox")
    for tool in _tools(layer.read("usr/bin/busybox")):
        layer.link(f"usr/bin/{tool}", "busybox")


def _tools(program: bytes) -> list[str]:
    """What the program itself lists."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "busybox"
        path.write_bytes(program)
        path.chmod(0o755)
        return [tool for tool in _run(str(path), "--list").split() if tool != "busybox"]


def skeleton(layer: Layer) -> None:
    """What every root file system has: directories, users, where names are looked up."""
    layer.merged_usr()
    for path in (
        "dev",
        "etc",
        "home",
        "proc",
        "run",
        "sys",
        "usr/local/bin",
        "var/opt",
        "var/log",
        "var/www",
    ):
        layer.directory(path)
    layer.directory("root", 0o700)
    layer.directory("tmp", 0o1777)
    layer.directory("var/tmp", 0o1777)
    layer.link("var/run", "../run")
    users = {
        "root": (0, "/root"),
        "daemon": (1, "/"),
        "www-data": (33, "/var/www"),
        "postgres": (70, "/var/lib/postgres"),
        "nobody": (65534, "/"),
    }
    layer.file("etc/passwd", "".join(f"{n}:x:{u}:{u}:{n}:{home}:/bin/sh\n" for n, (u, home) in users.items()))
    layer.file("etc/group", "".join(f"{n}:x:{u}:\n" for n, (u, _) in users.items()))
    layer.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")


def _run(*argv: str, cwd: Path | None = None) -> str:
    try:
        return subprocess.run(argv, cwd=cwd, check=True, text=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise SystemExit(f"{argv[0]} is not installed: images are built on Debian") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{' '.join(argv)} failed:\n{error.stderr}") from error
