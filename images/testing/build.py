"""Small images under well-known names, for running clients' own test suites: build/busybox.tar.

    python images/testing/build.py [--output build/busybox.tar]

alpine:3.10, alpine:latest, busybox:latest and hello-world:latest, each with an ID of its own, all made
of Debian's busybox.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images"))

import debian  # noqa: E402
from archive import Image, Layer, write  # noqa: E402

TIME = 1_767_225_600
"""Time of every file and image, in seconds: the same input gives the same bytes."""

HELLO = """#!/bin/sh
echo
echo "Hello from Docker!"
echo "This message shows that your installation appears to be working correctly."
"""


def main() -> None:
    """Build the archive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "busybox.tar")
    output = parser.parse_args().output
    [package] = debian.fetch([debian.BUSYBOX], ROOT / "build" / "debs")
    shell, hello = Layer(TIME), Layer(TIME)
    for layer in (shell, hello):
        debian.skeleton(layer)
        debian.busybox(package, layer)
    hello.file("hello", HELLO, 0o755)
    architecture = debian.architecture()
    images = [
        Image([shell.tar()], [tag], {"Cmd": ["sh"]}, comment=tag, architecture=architecture)
        for tag in ("alpine:3.10", "alpine:latest", "busybox:latest")
    ]
    tag = "hello-world:latest"
    images.append(Image([hello.tar()], [tag], {"Cmd": ["/hello"]}, comment=tag, architecture=architecture))
    write(output, images, TIME)
    print(output)


if __name__ == "__main__":
    main()
