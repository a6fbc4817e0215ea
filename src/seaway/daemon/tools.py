"""The programs the daemon needs: those missing are told of when it starts, with the package to install."""

import logging
import shutil
from collections.abc import Iterator

from seaway.daemon.settings import Settings

log = logging.getLogger(__name__)

NEEDED = (
    ("conmon", "conmon", "containers cannot start"),
    ("skopeo", "skopeo", "images cannot be loaded or pulled"),
    ("umoci", "umoci", "images cannot be unpacked"),
    ("conntrack", "conntrack", "connections to a published port outlive it"),
    ("ps", "procps", "docker top does not work"),
)
"""Program, Debian package, and what is amiss without it."""


def missing(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """The rows of programs that are not found, and one for the default OCI runtime when it is not."""
    name = settings.default_runtime
    for program, package, effect in ((settings.runtimes[name], name, "containers cannot start"), *NEEDED):
        if shutil.which(program) is None:
            yield program, package, effect


def tell(settings: Settings) -> None:
    """One warning for each program that is not there."""
    for program, package, effect in missing(settings):
        log.warning("%s is not installed: %s", program, effect, extra={"package": package})
