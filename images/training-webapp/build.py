"""The tutorial's web application on Debian's Python, built from packages: build/training-webapp.tar.

    python images/training-webapp/build.py [--output FILE] [--tag NAME …]

No base image and no root are needed; apt says which versions of the packages to take.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images"))

import debian  # noqa: E402
from archive import PATH, Image, Layer, write  # noqa: E402

TIME = 1_767_225_600
"""Time of every file and image, in seconds: the same input gives the same bytes."""

LEFT_OUT = (
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/bug/",
)
LEFT_OUT_ANYWHERE = (
    "/gconv/",
    "/ensurepip/",
    "/idlelib/",
    "/lib2to3/",
    "/pydoc_data/",
    "/turtledemo/",
    "/audit/",
)


def wanted(path: str) -> bool:
    """Leave out documentation and character sets: nobody reads them in a container."""
    return not path.startswith(LEFT_OUT) and not any(part in path for part in LEFT_OUT_ANYWHERE)


def packages() -> list[str]:
    """Python and its library as apt would install them, with the libraries they are linked to."""
    python = debian.depends("python3-minimal", r"python3\.\d+-minimal")
    library = f"lib{python.removesuffix('-minimal')}-stdlib"
    return ["python3-minimal", *debian.closure([python, library])]


def main() -> None:
    """Build the archive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "training-webapp.tar")
    parser.add_argument("--tag", action="append", help="names of the image [training/webapp:latest]")
    parser.add_argument("--workdir", default="/opt/webapp", help="where its programs begin [/opt/webapp]")
    options = parser.parse_args()
    cache = ROOT / "build" / "debs"
    layer = Layer(TIME)
    debian.skeleton(layer)
    for package in debian.fetch(packages(), cache):
        debian.unpack(package, layer, wanted)
    [busybox] = debian.fetch([debian.BUSYBOX], cache)
    debian.busybox(busybox, layer)
    layer.link("usr/bin/python", "python3")
    layer.file("opt/webapp/app.py", Path(__file__).with_name("app.py").read_bytes())
    config = {
        "Env": [PATH, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"],
        "WorkingDir": options.workdir,
        "Cmd": ["python", "app.py"],
        "ExposedPorts": {"5001/tcp": {}},
    }
    tags = options.tag or ["training/webapp:latest"]
    image = Image([layer.tar()], tags, config, comment="training/webapp", architecture=debian.architecture())
    write(options.output, [image], TIME)
    print(options.output)


if __name__ == "__main__":
    main()
