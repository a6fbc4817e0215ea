"""A small image of busybox and a web server, made on the spot."""

import io
import subprocess
import tarfile
from pathlib import Path

NAME = "box:1"
"""Serves on port 5001; ``/cgi-bin/who`` answers the client's address and its own host name."""

COMMAND = ("httpd", "-f", "-p", "5001", "-h", "/www")

_WHO = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'; echo \"$REMOTE_ADDR $(hostname)\"\n"
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "www/index.html": "Hello from the box\n",
    "www/cgi-bin/who": _WHO,
}
_FOLDERS = ("bin", "etc", "tmp", "proc", "sys", "dev", "root", "var", "www", "www/cgi-bin")


def build(target: Path) -> Path:
    """Write the root file system as a tarball."""
    busybox = Path("/usr/bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(target, "w") as tar:
        for folder in _FOLDERS:
            _add(tar, folder, b"", tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755)
        _add(tar, "bin/busybox", busybox.read_bytes())
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", b"", tarfile.SYMTYPE, link="busybox")
        for name, text in _FILES.items():
            _add(tar, name, text.encode())
    return target


def _add(
    tar: tarfile.TarFile,
    name: str,
    data: bytes,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o755,
    link: str = "",
) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.mode, entry.linkname = len(data), kind, mode, link
    tar.addfile(entry, io.BytesIO(data))
